"""The samplers page: many samplers on many models that are known exactly, and what the verdicts can detect.

- ``problem``: the options; ``cells``: one sampler on one model, kept until the page is done; ``grid``: all of them.
- ``detection``: faulty samplers; ``rates``: false alarms and power.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from closedform.verdict import Verdict, worst
from reports.samplers.problem import Options, Problem, read

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "steps"]

NAME = "samplers"
TITLE = "Which sampler to trust"
CLAIM = (
    "A sampler cannot be judged where nobody knows the answer. Here are samplers on models whose answer is known, the "
    "verdict on each, and what the verdicts are worth: how often they fail a correct sampler, and which mistakes they "
    "detect with how many draws."
)


def build(problem: Problem, options: Options, progress: Callable[[str], None]) -> "Page":
    """Compute everything and return the page; call ``progress`` with each step.

    The cells are stored in the folder of the pages until the page is done, so that a run that was interrupted goes on
    where it stopped.
    """
    from reports.samplers import cells, detection, grid, rates
    from reports.shared.page import Page  # here, not above: --help and bad input answer without PyMC

    page = Page(NAME, TITLE, CLAIM)
    with cells.cell_folder(options.out / f"{NAME}.unfinished") as folder:
        run = cells.Runner(options=options, folder=folder, progress=progress)
        table = grid.judge_all(problem.models, run)
        detections = detection.detect_all(options, progress)
        false_alarm_rates = rates.measure(problem.models, options, progress)
    page.section("samplers/grid.md", grid.grid_section(table))
    page.section("samplers/detection.md", detection.detection_section(detections))
    page.section("samplers/rates.md", rates.rates_section(false_alarm_rates))
    for model in problem.models:
        page.section("samplers/details.md", grid.details(model, table), key=model.name)
    verdicts: list[Verdict] = [grid.verdict(table), detection.verdict(detections), rates.verdict(false_alarm_rates)]
    page.verdict = worst(verdicts)
    return page


def packages(options: Options) -> list[str]:
    """Return the packages whose versions the page depends on."""
    from bayes.sampling.engines import PACKAGES

    used = dict.fromkeys(name for engine in options.engines for name in PACKAGES.get(engine, PACKAGES["pymc"]))
    return ["closedform", "numpy", "scipy", "arviz-stats", *used, "matplotlib"]


def steps(options: Options) -> int:
    """Return how many steps ``build`` announces."""
    from bayes.faults.faulty_samplers import FAULTY_SAMPLERS

    return len(options.models) * len(options.engines) + len(options.injected) + 1 + len(FAULTY_SAMPLERS) + 2
