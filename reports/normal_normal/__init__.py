"""The normal-normal page: what plug-in predictives lose against the full one, and checks of samplers.

- ``problem``: the options and the data; ``derivation``: the formulas; ``predictives``: the three, as points come in.
- ``evidence``: two priors compared; ``figures``: all figures.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from reports.normal_normal.problem import Options, Problem, read

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "exact_page", "packages", "read", "steps"]

NAME = "normal_normal"
TITLE = "Mean of a normal, noise known"
CLAIM = (
    "A point estimate put in place of a posterior predicts too boldly, and by how much is known in closed form; "
    "a sampler, which has no closed form to go by, is held to the same answer."
)


def build(problem: Problem, options: Options, progress: Callable[[str], None]) -> "Page":
    """Compute everything and return the page; call ``progress`` with each step. Nothing is written."""
    from bayes.programs.normal_normal import program  # here, not above: --help and bad input answer without PyMC
    from reports.shared import sampling

    progress("closed forms and their figures")
    page = exact_page(problem, options.seed)
    model, y = problem.model, problem.y
    draws = options.draws // 4 if options.quick else options.draws
    nuts, runs = [], []
    for engine in options.engines:
        progress(f"NUTS by {engine}, {options.chains} chains of {draws} draws (compiling takes a few seconds)")
        numbers, checks = sampling.posterior(
            program(model, y),
            model.marginals(y),
            model.predictive(y),
            engine=engine,
            predict=program(model, y[:1]),
            seed=options.seed,
            draws=draws,
            chains=options.chains,
        )
        nuts.append(numbers)
        runs += checks
    smc_runs = 8 if options.quick else 16
    progress(f"SMC, {smc_runs} runs of {draws} particles for each prior")
    priors = {label: (prior, program(prior, y)) for label, prior in problem.priors.items()}
    smc, checks = sampling.evidence(priors, y, seed=options.seed, draws=draws, runs=smc_runs)
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


def steps(options: Options) -> int:
    """Return how many steps ``build`` announces."""
    return 2 + len(options.engines)


def exact_page(problem: Problem, seed: int) -> "Page":
    """Return the page with the sections that need no sampler; ``seed`` shuffles the data for the one on their order."""
    from reports.normal_normal import derivation, evidence, predictives
    from reports.shared.page import Page

    page = Page(NAME, TITLE, CLAIM)
    page.section("normal_normal/derivation.md", derivation.derivation_section(problem))
    page.section("normal_normal/predictives.md", predictives.predictives_section(problem))
    page.section("normal_normal/movement.md", predictives.movement_section(problem))
    page.section("normal_normal/order.md", predictives.order_section(problem, np.random.default_rng(seed)))
    page.section("normal_normal/evidence.md", evidence.evidence_section(problem))
    return page
