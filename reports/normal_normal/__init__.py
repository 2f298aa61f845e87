"""The normal-normal page: what plug-in predictives lose against the full one, and what a sampler gets right."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from reports.normal_normal.problem import Options, Problem, read

if TYPE_CHECKING:
    from reports.page import Page

__all__ = ["NAME", "STEPS", "Options", "build", "exact_page", "read"]

NAME = "normal_normal"
STEPS = 3
TITLE = "Mean of a normal, noise known"
CLAIM = (
    "A point estimate put in place of a posterior predicts too boldly, and by how much is known in closed form; "
    "a sampler, which has no closed form to go by, is held to the same answer."
)


def build(problem: Problem, options: Options, progress: Callable[[str], None]) -> "Page":
    """Compute everything and return the page; ``progress`` is told each of the ``STEPS``. Nothing is written."""
    from reports.normal_normal import sampled  # here, not above: --help and bad input answer without PyMC

    progress("closed forms and their figures")
    page = exact_page(problem, options.seed)
    draws = options.draws // 4 if options.quick else options.draws
    progress(f"NUTS, {options.chains} chains of {draws} draws (compiling takes a few seconds)")
    page.section("What samplers say")
    sampled.add_posterior(page, problem, seed=options.seed, draws=draws, chains=options.chains)
    runs = 4 if options.quick else 8
    progress(f"SMC, {runs} runs of {draws} particles for each prior")
    sampled.add_evidence(page, problem, seed=options.seed, draws=draws, runs=runs)
    return page


def exact_page(problem: Problem, seed: int) -> "Page":
    """Return the page with the sections that need no sampler; ``seed`` shuffles the data for the one on their order."""
    from reports.normal_normal import derivation, evidence, predictives
    from reports.page import Page

    page = Page(NAME, TITLE, CLAIM)
    derivation.add_derivation(page, problem)
    predictives.add_predictives(page, problem)
    predictives.add_movement(page, problem)
    predictives.add_order(page, problem, np.random.default_rng(seed))
    evidence.add_evidence(page, problem)
    return page
