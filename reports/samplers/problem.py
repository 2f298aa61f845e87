"""The options of the page, and the models it is about."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import tyro

from bayes.registry import NAMES, Model, canonical, get_model
from reports.shared.options import Common
from reports.shared.registry_runs import FULL, Size, size_of

ENGINES = ("nutpie", "pymc", "numpyro", "blackjax", "slice", "smc")
SLOW = ("pymc", "numpyro", "blackjax")
"""Implementations of NUTS that compile or run for much longer than nutpie."""
SOME = ("normal_normal", "normal_variance", "hierarchical_normal")
"""Models that these, and the injected mistake, run on by default: an easy one, a boundary, a funnel."""
INJECTED = (
    "normal_variance",
    "normal_inverse_gamma",
    "gamma_poisson",
    "gamma_exponential",
    "dirichlet_multinomial",
    "linear_regression",
    "hierarchical_normal",
)
"""Models that NUTS without the Jacobian must fail on. Two others have no constraint, and so none to forget; and the
probability of `beta_binomial` is moved by 0.007 of its sd, less than anything here can detect."""


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """How often verdicts are measured."""

    faulty: int
    """Runs of each faulty sampler, and of its correct variant, at each number of draws."""
    false_alarms: int
    """Runs of a correct sampler over all models."""
    power: int
    """Runs of a sampler with each error of the mean."""


DEFAULT_REPEATS = Repeats(faulty=5, false_alarms=10, power=30)
FULL_REPEATS = Repeats(faulty=20, false_alarms=150, power=200)


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Samplers on every model that is known exactly, a verdict on each, and what the verdicts can detect.

    A run that was interrupted goes on where it stopped when the same command is given again.
    """

    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A model by the name that `python -m bayes models` lists; repeat the option for several. Without it: all. Then,
    without --engine and --full, only nutpie, slice and smc run on all of them, and the others on three."""
    engine: Annotated[
        tuple[Literal["nutpie", "pymc", "numpyro", "blackjax", "slice", "smc"], ...], tyro.conf.UseAppendAction
    ] = ()
    """A sampler: four implementations of NUTS, slice sampling, sequential Monte Carlo; repeat the option for several.
    Without it: all."""
    draws: int | None = None
    """Draws in each of 4 chains after warm-up. Without it: 2000, or 5000 with --full."""

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
        """Return the pairs of a model and a sampler, models first."""
        return tuple(
            (model, engine)
            for model in self.models
            for engine in self.engines
            if self.everywhere or engine not in SLOW or model in SOME
        )

    @property
    def injected(self) -> tuple[str, ...]:
        """Return the models that the injected mistake is run on."""
        return tuple(name for name in INJECTED if name in self.models and (self.everywhere or name in SOME))

    @property
    def size(self) -> Size:
        """Return how much samplers draw."""
        return size_of(self.full, self.draws)

    @property
    def injected_size(self) -> Size:
        """Return how much is drawn with the injected mistake: never less than it takes to detect it."""
        return replace(self.size, draws=max(self.size.draws, FULL.draws))

    @property
    def repeats(self) -> Repeats:
        """Return how often verdicts are measured."""
        return FULL_REPEATS if self.full else DEFAULT_REPEATS


@dataclass(frozen=True)
class Problem:
    """What the page is about."""

    models: tuple[Model, ...]


def read(options: Options) -> Problem:
    """Read and validate everything the options name; raise ValueError with one clear line for what is wrong."""
    if not 1000 <= options.size.draws <= 10**5:
        raise ValueError(f"`draws` must lie between 1000 and {10**5}, got {options.size.draws}.")
    if options.seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {options.seed}.")
    return Problem(tuple(get_model(name) for name in options.models))
