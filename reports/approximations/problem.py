"""The options of the page, and the models and methods that they name."""

from dataclasses import dataclass, replace
from typing import Annotated

import tyro

from bayes.registry import NAMES, Model, canonical, get_model
from closedform.validation import whole_number
from reports.shared.options import Common

IN_ALL = {"model": ("normal_normal", "gamma_poisson"), "replicates": 5}
"""Options of the page beside all others: what the time allows."""
POINT_ESTIMATES = ("MLE", "MAP")
CHAINS = 4
WITH_OUTLIER = ("normal_normal", "normal_inverse_gamma", "linear_regression")
"""Models whose data are shown with an outlier too, where leave-one-out is hard."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much the page measures."""

    replicates: int
    """Runs of NUTS on the same data, each with its own estimates from the draws."""
    samplers: tuple[str, ...]
    """Estimators of the evidence that draw themselves."""
    sampled: int
    """Replicates of each of them."""


DEFAULT = Size(replicates=20, samplers=(), sampled=0)
FULL = Size(replicates=200, samplers=("stepping_stone", "smc", "nested"), sampled=50)


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Estimators of the evidence, approximate posteriors and leave-one-out, each beside the exact answer.

    If a run is interrupted, the same command continues where it stopped.
    """

    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name of a model, as `python -m bayes models` lists it; repeat the option for several. If left out: all."""
    replicates: int | None = None
    """Runs of NUTS on each model, from which bias and coverage are measured. If left out: 20, or 200 with --full."""
    draws: int = 2000
    """Draws of each of the four chains of a run."""

    @property
    def size(self) -> Size:
        """How much the page measures."""
        size = FULL if self.full else DEFAULT
        return size if self.replicates is None else replace(size, replicates=self.replicates)


@dataclass(frozen=True)
class Problem:
    """The models of the page."""

    models: tuple[Model, ...]


def read(options: Options) -> Problem:
    """Return the models of the page; raise ValueError, in one line, if an option is wrong."""
    whole_number("draws", options.draws, ", 100 or more", 100)
    if options.replicates is not None:
        whole_number("replicates", options.replicates, ", 2 or more", 2)
    names = dict.fromkeys(canonical(name) for name in options.model or NAMES)
    return Problem(models=tuple(get_model(name) for name in names))
