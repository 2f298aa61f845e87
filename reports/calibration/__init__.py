"""The calibration page: engines on hundreds of simulated data sets, each judged by its own exact posterior.

- ``problem``: the options, the engines and the models.
- ``measurements``: the tasks.
- ``sections`` and ``figures``: what the page shows.
"""

from typing import TYPE_CHECKING, Any

from reports.calibration.problem import Options, Problem, read
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "calibration"
SECONDS = 3
"""Time to build the page on one core, about."""
TITLE = "Calibration: one sampler, hundreds of data sets"
CLAIM = (
    "A sampler that is right on one data set may be wrong on the next. This page runs samplers on hundreds of "
    "simulated data sets and judges every run by the exact posterior of its own data. Pooled, these runs detect errors "
    "of a fiftieth of a posterior sd, which ranks alone do not see."
)


def tasks(problem: Problem, options: Options) -> list[Task]:  # noqa: ARG001
    """Return the tasks of the page: the engines, also with small budgets, the power, and what is faulty."""
    from bayes.faults.calibrated_faults import OF_DRAWS
    from bayes.faults.faulty_kernels import FAULTY_KERNELS
    from reports.calibration import measurements

    size = options.size
    cells = [
        Task(
            function=measurements.run_engine,
            arguments=(model, engine, size.datasets, options.draws, options.draws, options.seed),
            label=f"{engine} on {size.datasets} data sets of {model}",
            seconds=8,
        )
        for model, engine in options.cells
    ]
    budgets = [
        Task(
            function=measurements.run_budgets,
            arguments=(model, engine, size.budget_data_sets, size.budgets, options.seed),
            label=f"{engine} with small budgets on {size.budget_data_sets} data sets of {model}",
            seconds=8,
        )
        for model, engine in options.budget_cells
    ]
    power = [
        Task(
            function=measurements.power,
            arguments=(place, size.power, options.draws, options.seed),
            label=f"power: {name}",
            seconds=0.03 * size.power,
        )
        for place, (name, *_) in enumerate(measurements.ERRORS)
    ]
    faults = [
        Task(
            function=measurements.faulty_sampler,
            arguments=(place, size.fault_data_sets, options.seed),
            label=f"faulty sampler: {faulty.name}",
            seconds=1e-3 * size.fault_data_sets,
        )
        for place, faulty in enumerate(OF_DRAWS)
    ]
    kernels = [
        Task(
            function=measurements.faulty_kernel,
            arguments=(place, size.kernels, options.seed),
            label=f"faulty kernel: {faulty.name}",
            seconds=0.3 * size.kernels,
        )
        for place, faulty in enumerate(FAULTY_KERNELS)
    ]
    return [*cells, *budgets, *power, *faults, *kernels]


def build(problem: Problem, options: Options, results: list[Any]) -> "Page":  # noqa: ARG001
    """Return the page, from the results of ``tasks``. Nothing is written."""
    from bayes.faults.calibrated_faults import OF_DRAWS
    from bayes.faults.faulty_kernels import FAULTY_KERNELS
    from reports.calibration import measurements, sections
    from reports.shared.page import Page

    remaining = iter(results)
    cells, budgets, powers, faults, kernels = (
        [next(remaining) for _ in group]
        for group in (options.cells, options.budget_cells, measurements.ERRORS, OF_DRAWS, FAULTY_KERNELS)
    )
    checks = sections.judged(cells)
    page = Page(NAME, TITLE, CLAIM)
    page.section("calibration/pooled.md", sections.pooled_section(cells, checks, options.draws))
    page.section("calibration/ranks.md", sections.ranks_section(cells))
    page.section("calibration/power.md", sections.power_section(powers, options.draws))
    page.section("calibration/faults.md", sections.faults_section(faults))
    page.section("calibration/kernels.md", sections.kernels_section(kernels))
    page.section("calibration/cost.md", sections.cost_section(cells))
    page.section("calibration/budgets.md", sections.budgets_section([run for runs in budgets for run in runs]))
    page.verdict = "fail" if sections.undetected(kernels) else checks.verdict
    return page


def packages(options: Options) -> list[str]:
    """Return the packages whose versions the page depends on."""
    from bayes.sampling.engines import PACKAGES

    used = dict.fromkeys(name for _, engine in options.cells + options.budget_cells for name in PACKAGES[engine])
    return ["closedform", "numpy", "scipy", "arviz-stats", *used, "matplotlib"]
