"""The options of the page, and the models it is about."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from bayes.registry import NAMES, Model, canonical, get_model
from reports.shared.options import Common

QUICK = ("normal_normal", "normal_variance", "beta_binomial")
ENGINES = ("nutpie", "pymc", "numpyro", "blackjax", "slice", "smc")
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
class Options(Common):
    """Samplers on every model that is known exactly, a verdict on each, and what the verdicts can detect.

    A run that was interrupted goes on where it stopped when the same command is given again.
    """

    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A model by the name that `python -m bayes models` lists; repeat the option for several. Without it: all, or
    three with --quick."""
    engine: Annotated[
        tuple[Literal["nutpie", "pymc", "numpyro", "blackjax", "slice", "smc"], ...], tyro.conf.UseAppendAction
    ] = ()
    """A sampler: four implementations of NUTS, slice sampling, sequential Monte Carlo; repeat the option for several.
    Without it: all, or pymc and smc with --quick."""
    draws: int = 5000
    """Draws in each of 4 chains after warm-up; --quick takes half."""

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names of the models, each once."""
        return tuple(dict.fromkeys(map(canonical, self.model))) or (QUICK if self.quick else NAMES)

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the samplers, each once."""
        return tuple(dict.fromkeys(self.engine)) or (("pymc", "smc") if self.quick else ENGINES)

    @property
    def draws_a_chain(self) -> int:
        """Return how many draws a chain has."""
        return self.draws // 2 if self.quick else self.draws

    @property
    def smc_runs(self) -> int:
        """Return how many runs of SMC estimate an evidence."""
        return 8 if self.quick else 16

    @property
    def injected(self) -> tuple[str, ...]:
        """Return the models that the injected mistake is run on: one is enough for a first look."""
        names = tuple(name for name in INJECTED if name in self.models)
        return names[:1] if self.quick else names


@dataclass(frozen=True)
class Problem:
    """What the page is about."""

    models: tuple[Model, ...]


def read(options: Options) -> Problem:
    """Read and validate everything the options name; raise ValueError with one clear line for what is wrong."""
    if not 1000 <= options.draws <= 10**5:
        raise ValueError(f"`draws` must lie between 1000 and {10**5}, got {options.draws}.")
    if options.seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {options.seed}.")
    return Problem(tuple(get_model(name) for name in options.models))
