"""The models page: every exact model with its formulas, and the results of samplers on it.

- ``problem``: the options and the models.
- ``sections`` and ``figures``: what the page shows of each model, and of samplers on it.
"""

from typing import TYPE_CHECKING

from reports.models.problem import Options, Problem, read
from reports.shared import registry_runs
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "models"
SECONDS = 7
"""Time to build the page on one core, about."""
TITLE = "Models with exact answers"
CLAIM = (
    "A sampler that is right on one model may be wrong on the next, where there is a boundary, a heavy tail, a "
    "correlation or a funnel. This page has models of each kind with exact posterior, predictive and evidence, and "
    "compares samplers with them."
)


def tasks(problem: Problem, options: Options) -> list[Task]:
    """Return the tasks of the page: for each model, every engine and SMC."""
    return [
        registry_runs.task(model.name, sampler, options.seed, options.size)
        for model in problem.models
        for sampler in [*options.engines, "smc"]
    ]


def build(problem: Problem, options: Options, results: list[registry_runs.Run]) -> "Page":  # noqa: ARG001
    """Return the page, from the results of ``tasks``. Nothing is written."""
    from bayes.checking.judging import judge
    from reports.models import sections
    from reports.shared.page import Page

    page = Page(NAME, TITLE, CLAIM)
    for result in results:
        if result.refused:
            raise ValueError(f"{result.sampler} on {result.model}: {result.refused}")
    checks = judge([check for result in results for check in result.checks])
    known = sections.overview_section(problem.models)
    page.section("models/overview.md", known)
    page.section("models/verdicts.md", sections.verdicts_section(results, checks))
    for model in problem.models:
        page.section("models/model.md", sections.model_section(model, results, checks), key=model.name)
    page.verdict = checks.verdict if known["largest_gap"] < sections.ROUNDING else "fail"
    return page


def packages(options: Options) -> list[str]:
    """Return the packages whose versions the page depends on."""
    from bayes.sampling.engines import PACKAGES

    used = dict.fromkeys(name for engine in options.engines for name in PACKAGES[engine])
    return ["closedform", "numpy", "scipy", *used, "matplotlib"]
