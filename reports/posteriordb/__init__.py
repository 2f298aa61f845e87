"""The posteriordb page: exact answers for posteriors that nobody here chose, and reference draws held to them.

- ``problem``: the options and the posteriors of the folder.
- ``comparison``: the task of one posterior.
- ``sections`` and ``figures``: what the page shows.
"""

from typing import TYPE_CHECKING

from reports.posteriordb import comparison
from reports.posteriordb.problem import Options, Problem, read
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "posteriordb"
SECONDS = 5
"""Time to build the page on one core, about."""
TITLE = "posteriordb, with exact answers"
CLAIM = (
    "Samplers are compared on the posteriors of posteriordb. Its reference draws come from long runs of Stan, and its "
    "evidences are unknown. Yet many of the posteriors are exact with at most a small integral. This page holds the "
    "reference draws to the exact answers, and lists the exact evidences."
)


def tasks(problem: Problem, options: Options) -> list[Task]:  # noqa: ARG001
    """Return the tasks of the page: one for each posterior."""
    return [
        Task(function=comparison.compare, arguments=(str(problem.folder), name), label=name, seconds=1.5)
        for name in problem.exact
    ]


def build(problem: Problem, options: Options, results: list[comparison.Comparison]) -> "Page":
    """Return the page, from the results of ``tasks``. Nothing is written."""
    from bayes.checking.judging import judge
    from reports.posteriordb import sections
    from reports.shared.page import Page

    page = Page(NAME, TITLE, CLAIM)
    family = [check for result in results for check in result.checks]
    page.section("posteriordb/exact.md", sections.exact_section(problem, results))
    if family:
        checks = judge(family, alpha=options.alpha)
        page.section("posteriordb/draws.md", sections.draws_section(results, checks))
        page.verdict = checks.verdict
    page.section("posteriordb/parameters.md", sections.parameters_section(results))
    return page


def packages(options: Options) -> list[str]:  # noqa: ARG001
    """Return the packages whose versions the page depends on."""
    return ["closedform", "numpy", "scipy", "arviz-stats", "matplotlib"]
