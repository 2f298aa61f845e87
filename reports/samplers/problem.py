"""The options of the page, and the models that they name."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import tyro

from bayes.registry import NAMES, Model, canonical, get_model
from reports.shared.options import Common
from reports.shared.registry_runs import FULL, Size, size_of

ENGINES = ("nutpie", "pymc", "numpyro", "blackjax", "slice", "smc")
SLOW = ("pymc", "numpyro", "blackjax")
"""Implementations of NUTS that compile or run for much longer than nutpie."""
SOME = ("normal_variance", "hierarchical_normal")
"""Models that the slow samplers and the injected mistake run on by default: a boundary and a funnel."""
INJECTED = (
    "normal_variance",
    "normal_inverse_gamma",
    "gamma_poisson",
    "gamma_exponential",
    "dirichlet_multinomial",
    "linear_regression",
    "hierarchical_normal",
)
"""Models on which NUTS without the Jacobian must fail. Two other models have no constraint, so there is no Jacobian to
forget. In `beta_binomial` the mistake moves the probability by 0.007 of its sd, too little to be detected here."""


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The number of runs that each measurement takes."""

    faulty: int
    """Runs of each faulty sampler, and of its correct variant, at each number of draws."""
    false_alarms: int
    """Runs of a correct sampler over all models."""
    power: int
    """Runs of a sampler for each error of the mean."""


DEFAULT_REPEATS = Repeats(faulty=5, false_alarms=8, power=24)
FULL_REPEATS = Repeats(faulty=20, false_alarms=150, power=200)


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Samplers on every exact model, a verdict on each, and a measurement of what the verdicts can detect.

    If a run is interrupted, the same command continues where it stopped.
    """

    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name of a model, as `python -m bayes models` lists it; repeat the option for several. If left out: all. Then
    nutpie, slice and smc run on all models and the others on two, unless --engine or --full is given."""
    engine: Annotated[
        tuple[Literal["nutpie", "pymc", "numpyro", "blackjax", "slice", "smc"], ...], tyro.conf.UseAppendAction
    ] = ()
    """A sampler: an implementation of NUTS, slice sampling or sequential Monte Carlo; repeat the option for several.
    If left out: all."""
    draws: int | None = None
    """Draws in each of 4 chains after warm-up. If left out: 1500, or 5000 with --full."""

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names of the models, each once."""
        return tuple(dict.fromkeys(map(canonical, self.model))) or NAMES

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the samplers, each once."""
        return tuple(dict.fromkeys(self.engine)) or ENGINES

    @property
    def everywhere(self) -> bool:
        """Return whether every sampler runs on every model."""
        return bool(self.full or self.model or self.engine)

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs (model, sampler), ordered by model."""
        return tuple(
            (model, engine)
            for model in self.models
            for engine in self.engines
            if self.everywhere or engine not in SLOW or model in SOME
        )

    @property
    def injected(self) -> tuple[str, ...]:
        """Return the models on which NUTS runs without the Jacobian."""
        return tuple(name for name in INJECTED if name in self.models and (self.everywhere or name in SOME))

    @property
    def size(self) -> Size:
        """Return how many draws, runs and particles the samplers use."""
        return size_of(self.full, self.draws)

    @property
    def injected_size(self) -> Size:
        """Return the size of the runs with the injected mistake: at least as many draws as it takes to detect it."""
        return replace(self.size, draws=max(self.size.draws, FULL.draws))

    @property
    def repeats(self) -> Repeats:
        """Return the number of runs of each measurement."""
        return FULL_REPEATS if self.full else DEFAULT_REPEATS


@dataclass(frozen=True)
class Problem:
    """The subject of the page."""

    models: tuple[Model, ...]


def read(options: Options) -> Problem:
    """Read and validate everything that the options name; raise ValueError, in one line, if an option is wrong."""
    if not 1000 <= options.size.draws <= 10**5:
        raise ValueError(f"`draws` must lie between 1000 and {10**5}, got {options.size.draws}.")
    if options.seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {options.seed}.")
    return Problem(tuple(get_model(name) for name in options.models))
