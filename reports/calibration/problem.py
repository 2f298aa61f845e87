"""The options of the page, and the samplers and models that they name."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import tyro

from bayes.registry import NAMES, Model, canonical, get_model
from closedform.validation import whole_number
from reports.shared.options import Common

ENGINES = ("numpyro", "blackjax", "nutpie", "pymc")
CELLS = (("normal_normal", "numpyro"),)
"""Model and engine of the default page: what the time allows."""
BUDGET_CELLS = (("normal_normal", "nutpie"),)
"""The same for the budgets. This engine is compiled once, and not once a budget."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much the page measures."""

    datasets: int
    """Simulated data sets of each model and engine."""
    power: int
    """Repeats from which the power is measured."""
    fault_data_sets: int
    """Simulated data sets of each faulty sampler, which are split into families."""
    kernels: int
    """Repeats of each faulty kernel."""
    budgets: tuple[int, ...]
    """Iterations of warm-up, and as many draws, of the runs that show the bias of short chains."""
    budget_data_sets: int
    """Simulated data sets of each budget."""


DEFAULT = Size(datasets=200, power=20, fault_data_sets=400, kernels=2, budgets=(5, 10, 20, 50), budget_data_sets=200)
FULL = Size(
    datasets=2000,
    power=400,
    fault_data_sets=20_000,
    kernels=50,
    budgets=(5, 10, 20, 50, 100, 200),
    budget_data_sets=1000,
)


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Engines of NUTS on hundreds of simulated data sets, each judged by its own exact posterior.

    If a run is interrupted, the same command continues where it stopped.
    """

    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name of a model, as `python -m bayes models` lists it; repeat the option for several. If left out: one model,
    or with --full all. A model takes seconds to minutes."""
    engine: Annotated[tuple[Literal["numpyro", "blackjax", "nutpie", "pymc"], ...], tyro.conf.UseAppendAction] = ()
    """An implementation of NUTS; repeat the option for several. If left out: numpyro, or with --full all four."""
    datasets: int | None = None
    """Simulated data sets of each model and engine. If left out: 200, or 2000 with --full."""
    draws: int = 500
    """Draws on each data set, after as many iterations of warm-up."""

    @property
    def size(self) -> Size:
        """How much the page measures."""
        size = FULL if self.full else DEFAULT
        return size if self.datasets is None else replace(size, datasets=self.datasets)

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """The models and engines, as pairs of names."""
        return self._chosen or CELLS

    @property
    def budget_cells(self) -> tuple[tuple[str, str], ...]:
        """The models and engines that run with small budgets too."""
        return self._chosen or BUDGET_CELLS

    @property
    def _chosen(self) -> tuple[tuple[str, str], ...]:
        if not (self.model or self.engine or self.full):
            return ()
        models = [canonical(name) for name in self.model] or (NAMES if self.full else ["normal_normal"])
        engines = self.engine or (ENGINES if self.full else ENGINES[:1])
        return tuple((name, engine) for name in dict.fromkeys(models) for engine in dict.fromkeys(engines))


@dataclass(frozen=True)
class Problem:
    """The models of the page."""

    models: tuple[Model, ...]


def read(options: Options) -> Problem:
    """Return the models of the page; raise ValueError, in one line, if an option is wrong."""
    whole_number("draws", options.draws, ", 4 or more", 4)
    if options.datasets is not None:
        whole_number("datasets", options.datasets, ", 20 or more", 20)
    return Problem(
        models=tuple(
            get_model(name) for name in dict.fromkeys(name for name, _ in options.cells + options.budget_cells)
        )
    )
