"""The models page: every model that is known exactly, with its formulas, and samplers held to each.

- ``problem``: the options; ``runs``: samplers on each model; ``sections`` and ``figures``: what is shown of them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from reports.models.problem import Options, Problem, read

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "steps"]

NAME = "models"
TITLE = "Models that are known exactly"
CLAIM = (
    "A sampler that is right on one model may be wrong on the next: a boundary, a heavy tail, a correlation, a funnel. "
    "Here are models of each kind whose posterior, predictive and evidence are known, and what samplers make of them."
)


def build(problem: Problem, options: Options, progress: Callable[[str], None]) -> "Page":
    """Compute everything and return the page; call ``progress`` with each step. Nothing is written."""
    from bayes.checking.judging import judge
    from reports.models import runs, sections
    from reports.shared.page import Page

    page = Page(NAME, TITLE, CLAIM)
    results = [result for model in problem.models for result in runs.sample_model(model, options, progress)]
    checks = judge([check for result in results for check in result.checks])
    progress("closed forms and their figures")
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


def steps(options: Options) -> int:
    """Return how many steps ``build`` announces."""
    return 1 + len(options.models) * (1 + len(options.engines))
