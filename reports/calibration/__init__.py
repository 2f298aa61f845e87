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
    "A sampler that is right on one data set may be wrong on the next. This page runs samplers on hundreds of simulated "
    "data sets and judges every run by the exact posterior of its own data. Pooled, these runs detect errors of a "
    "hundredth of a posterior sd, for which ranks alone would need a hundred times as many."
)


def tasks(problem: Problem, options: Options) -> list[Task]:  # noqa: ARG001
    """Return the tasks of the page: the engines, the power, the faulty samplers and the faulty kernels."""
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
    power = [
        Task(
            function=measurements.power,
            arguments=(place, size.power, options.draws, options.seed),
            label=f"power: {name}",
            seconds=0.03 * size.power,
        )
        for place, (name, *_) in enumerate(measurements.ERRORS)
    ]
    return [*cells, *power]


def build(problem: Problem, options: Options, results: list[Any]) -> "Page":  # noqa: ARG001
    """Return the page, from the results of ``tasks``. Nothing is written."""
    from reports.calibration import sections
    from reports.shared.page import Page

    n = len(options.cells)
    cells, powers = results[:n], results[n:]
    checks = sections.judged(cells)
    page = Page(NAME, TITLE, CLAIM)
    page.section("calibration/pooled.md", sections.pooled_section(cells, checks, options.draws))
    page.section("calibration/ranks.md", sections.ranks_section(cells))
    page.section("calibration/power.md", sections.power_section(powers, options.draws))
    page.section("calibration/cost.md", sections.cost_section(cells))
    page.verdict = checks.verdict
    return page


def packages(options: Options) -> list[str]:
    """Return the packages whose versions the page depends on."""
    from bayes.sampling.engines import PACKAGES

    used = dict.fromkeys(name for _, engine in options.cells for name in PACKAGES[engine])
    return ["closedform", "numpy", "scipy", "arviz-stats", *used, "matplotlib"]
