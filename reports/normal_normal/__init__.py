"""The normal-normal page: what plug-in predictives lose against the full one, and checks of samplers.

- ``problem``: the options and the data.
- ``derivation``: the formulas.
- ``predictives``: the three predictives as points come in.
- ``evidence``: two priors compared by their evidence.
- ``samplers``: the draws of NUTS and SMC.
- ``figures``: all figures.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from reports.normal_normal.problem import Options, Problem, read
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "exact_page", "packages", "read", "tasks"]

NAME = "normal_normal"
SECONDS = 5
"""Time to build the page on one core, about."""
TITLE = "The mean of a normal with known noise"
CLAIM = (
    "A point estimate used in place of a posterior gives predictions that are too confident. The closed form says by "
    "how much. It also says whether a sampler, which has no closed form to go by, gives the right answer."
)


def tasks(problem: Problem, options: Options) -> list[Task]:
    """Return the tasks of the page: NUTS by each engine, and SMC for each prior."""
    from reports.normal_normal import samplers

    y = tuple(problem.y.tolist())
    nuts = [
        Task(
            function=samplers.nuts,
            arguments=(problem.model, y, engine, options.seed, options.draws_a_chain, options.chains),
            label=f"NUTS by {engine}",
            seconds=4,
        )
        for engine in options.engines
    ]
    smc = [
        Task(
            function=samplers.log_evidence,
            arguments=(model, y, label, options.seed, options.draws_a_chain, options.smc_runs),
            label=f"SMC, {label}",
            seconds=1 + 0.2 * options.smc_runs * options.draws_a_chain / 1000,
        )
        for label, model in problem.priors.items()
    ]
    return nuts + smc


def build(problem: Problem, options: Options, results: list[Any]) -> "Page":
    """Return the page, from the results of ``tasks``. Nothing is written."""
    from reports.shared import sampling  # here, not above: --help and bad input answer without PyMC

    page = exact_page(problem, options.seed)
    model, y = problem.model, problem.y
    trees, estimates = results[: len(options.engines)], results[len(options.engines) :]
    nuts, runs = [], []
    for engine, tree in zip(options.engines, trees, strict=True):
        numbers, checks = sampling.posterior(tree, model.marginals(y), model.predictive(y), engine=engine)
        nuts.append(numbers)
        runs += checks
    smc, checks = sampling.evidence(
        problem.priors,
        dict(zip(problem.priors, estimates, strict=True)),
        y,
        draws=options.draws_a_chain,
        runs=options.smc_runs,
    )
    page.section("normal_normal/samplers.md", {"nuts": nuts, "smc": smc})
    numbers, judged = sampling.verdicts(runs + checks)
    page.section("shared/verdicts.md", numbers)
    page.verdict = judged.verdict
    return page


def packages(options: Options) -> list[str]:
    """Return the packages whose versions the page depends on."""
    from bayes.sampling.engines import PACKAGES

    used = dict.fromkeys(name for engine in options.engines for name in PACKAGES[engine])
    return ["closedform", "numpy", "scipy", *used, "arviz", "matplotlib"]


def exact_page(problem: Problem, seed: int) -> "Page":
    """Return the page with the sections that need no sampler; ``seed`` shuffles the data for the section on order."""
    from reports.normal_normal import derivation, evidence, predictives
    from reports.shared.page import Page

    page = Page(NAME, TITLE, CLAIM)
    page.section("normal_normal/derivation.md", derivation.derivation_section(problem))
    page.section("normal_normal/predictives.md", predictives.predictives_section(problem))
    page.section("normal_normal/movement.md", predictives.movement_section(problem))
    page.section("normal_normal/order.md", predictives.order_section(problem, np.random.default_rng(seed)))
    page.section("normal_normal/evidence.md", evidence.evidence_section(problem))
    return page
