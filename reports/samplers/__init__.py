"""The samplers page: many samplers on many exact models, and what the verdicts can detect.

- ``problem``: the options and the models.
- ``grid``: every sampler on every model.
- ``measurements``: the tasks that measure what verdicts are worth.
- ``detection``: faulty samplers, and which checks detect them.
- ``rates``: false alarms and power.
"""

from typing import TYPE_CHECKING, Any

from closedform.verdict import Verdict, worst
from reports.samplers.problem import Options, Problem, read
from reports.shared import registry_runs
from reports.shared.registry_runs import NO_JACOBIAN
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "samplers"
SECONDS = 10
"""Time to build the page on one core, about, with the samplers that are flagged and run again."""
TITLE = "Which sampler to trust"
CLAIM = (
    "A sampler cannot be judged where nobody knows the answer. This page judges samplers on models with exact answers. "
    "It also measures what the verdicts are worth: how often they fail a correct sampler, and which mistakes they "
    "detect with how many draws."
)


def tasks(problem: Problem, options: Options) -> list[Task]:
    """Return the tasks of the page: the cells, the injected mistake, the faulty samplers and the correct ones."""
    from reports.samplers import measurements

    return [
        *(registry_runs.task(model, sampler, options.seed, options.size) for model, sampler in options.cells),
        *(registry_runs.task(model, NO_JACOBIAN, options.seed, options.injected_size) for model in options.injected),
        *measurements.tasks([model.name for model in problem.models], options.seed, options.repeats),
    ]


def build(problem: Problem, options: Options, results: list[Any]) -> "Page":
    """Return the page, from the results of ``tasks``. Flagged samplers run again. Nothing is written."""
    from reports.samplers import detection, grid, measurements, rates
    from reports.shared.page import Page  # here, not above: --help and bad input answer without PyMC

    page = Page(NAME, TITLE, CLAIM)
    n = len(options.cells)
    table = grid.judge_all(options, cells=results[:n], injected=results[n : n + len(options.injected)])
    detections, measured_rates = measurements.gathered(results[n + len(options.injected) :])
    page.section("samplers/grid.md", grid.grid_section(table))
    page.section("samplers/detection.md", detection.detection_section(detections))
    page.section("samplers/rates.md", rates.rates_section(measured_rates))
    for model in problem.models:
        page.section("samplers/details.md", grid.details(model, table), key=model.name)
    verdicts: list[Verdict] = [grid.verdict(table), detection.verdict(detections), rates.verdict(measured_rates)]
    page.verdict = worst(verdicts)
    return page


def packages(options: Options) -> list[str]:
    """Return the packages whose versions the page depends on."""
    from bayes.sampling.engines import PACKAGES

    used = dict.fromkeys(name for engine in options.engines for name in PACKAGES.get(engine, PACKAGES["pymc"]))
    return ["closedform", "numpy", "scipy", "arviz-stats", *used, "matplotlib"]
