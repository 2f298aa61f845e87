"""The approximations page: estimates of the evidence, approximate posteriors and leave-one-out beside exact answers.

- ``problem``: the options, the models and the methods.
- ``measurements``: the tasks.
- ``sections`` and ``figures``: what the page shows.
"""

from typing import TYPE_CHECKING, Any

from bayes.evidence.estimators import FROM_DRAWS
from reports.approximations.problem import IN_ALL, WITH_OUTLIER, Options, Problem, read
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["IN_ALL", "NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "approximations"
SECONDS = 3
"""Time to build the page on one core, about."""
TITLE = "What every approximation loses"
CLAIM = (
    "Bridge sampling, importance sampling, Laplace's method, ADVI, Pathfinder and PSIS-LOO each claim to be close to "
    "the truth. Here it is known. This page shows how far off each is, whether it knows it, and when to use which."
)


def tasks(problem: Problem, options: Options) -> list[Task]:
    """Return the tasks of the page: NUTS with its estimates, other estimators, approximate posteriors, outliers."""
    from reports.approximations import measurements

    size = options.size
    names = [model.name for model in problem.models]
    sampled = [
        Task(
            function=measurements.from_draws,
            arguments=(name, FROM_DRAWS, size.replicates, options.draws, options.seed),
            label=f"{size.replicates} runs of NUTS on {name}, and its evidence from the draws",
            seconds=6 + 0.5 * size.replicates,
        )
        for name in names
    ]
    others = [
        Task(
            function=measurements.by_itself,
            arguments=(name, method, size.sampled, options.seed),
            label=f"evidence of {name} by {method.replace('_', ' ')}",
            seconds=3.0 * size.sampled,
        )
        for name in names
        for method in size.samplers
    ]
    posteriors = [
        Task(
            function=measurements.posteriors,
            arguments=(name, options.seed),
            label=f"approximate posteriors of {name}",
            seconds=20,
        )
        for name in names
    ]
    outliers = [
        Task(
            function=measurements.outlier,
            arguments=(name, options.draws, options.seed),
            label=f"leave-one-out of {name} with an outlier",
            seconds=0.5,
        )
        for name in WITH_OUTLIER
    ]
    return [*sampled, *others, *posteriors, *outliers]


def build(problem: Problem, options: Options, results: list[Any]) -> "Page":
    """Return the page, from the results of ``tasks``. Nothing is written."""
    from reports.approximations import sections
    from reports.shared.page import Page

    size, labels = options.size, [model.label for model in problem.models]
    remaining = iter(results)
    sampled = [next(remaining) for _ in labels]
    others = {label: [next(remaining) for _ in size.samplers] for label in labels}
    posteriors = {label: next(remaining) for label in labels}
    outliers = {name: next(remaining) for name in WITH_OUTLIER}
    page = Page(NAME, TITLE, CLAIM)
    evidence = {label: [*of.evidence, *others[label]] for label, of in zip(labels, sampled, strict=True)}
    page.section("approximations/evidence.md", {**sections.evidence_section(evidence), "draws": options.draws})
    page.section("approximations/posteriors.md", sections.posteriors_section(posteriors))
    loos = sections.labelled(problem.models, outliers, [of.loo for of in sampled])
    page.section("approximations/loo.md", {**sections.loo_section(loos), "draws": options.draws})
    page.verdict = sections.verdict(evidence, loos.values())
    return page


def packages(options: Options) -> list[str]:  # noqa: ARG001
    """Return the packages whose versions the page depends on."""
    return [
        "closedform",
        "numpy",
        "scipy",
        "arviz-stats",
        "pymc",
        "pytensor",
        "nutpie",
        "numba",
        "jax",
        "blackjax",
        "matplotlib",
    ]
