"""The gradients page: back-propagation derived by hand and checked by every method, and where gradients live in JAX.

- ``problem``: the options, the network and its data; ``derivation``: its formulas and shapes.
- ``checks``: gradients by hand, by every method; ``step_sizes``: the error of a difference by its step.
- ``library``: where the gradient lives in JAX, with the fit of ``cubic``; ``peers``: JAX's own check beside ours.
"""

from typing import TYPE_CHECKING, Any

from reports.gradients.problem import Options, Problem, read
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "gradients"
STEPS = 2000
"""Of the fit of the cubic: as many as it takes to converge."""
SECONDS = 17
"""To build the page, of one core."""
TITLE = "Gradients by hand, checked against jax.grad"
CLAIM = (
    "A derivation and a program that differentiates can both be wrong, but in different ways. Trust them where they "
    "agree with each other, and with finite differences that use neither, to the last digits of the arithmetic."
)


def tasks(problem: Problem, options: Options) -> list[Task]:  # noqa: ARG001
    """Return nothing: the page computes as it is built."""
    return []


def build(problem: Problem, options: Options, results: list[Any]) -> "Page":  # noqa: ARG001
    """Compute everything and return the page. Nothing is written."""
    from closedform.verdict import worst
    from reports.gradients import checks, derivation, library, peers, step_sizes
    from reports.shared.page import Page

    page = Page(NAME, TITLE, CLAIM)
    page.section("gradients/network.md", derivation.network_section(problem))
    page.section("gradients/shapes.md", derivation.shapes_section(problem))
    page.section("gradients/saturation.md", derivation.saturation_section())
    methods, mistakes = checks.methods_section(problem), checks.mistakes_section(problem)
    page.section("gradients/methods.md", methods)
    page.section("gradients/mistakes.md", mistakes)
    beside = peers.peers_section()
    page.section("gradients/peers.md", beside)
    page.section("gradients/step_sizes.md", step_sizes.step_sizes_section(problem))
    classifiers = checks.classifiers_section(options.seed)
    page.section("gradients/classifiers.md", classifiers)
    second_order = checks.second_order_section(problem)
    page.section("gradients/second_order.md", second_order)
    page.section("gradients/library.md", library.library_section(STEPS, options.seed))
    judged = [methods, mistakes, beside, classifiers, second_order]
    page.verdict = worst([numbers["verdict"] for numbers in judged] + [methods["taylor_verdict"]])
    return page


def packages(options: Options) -> list[str]:  # noqa: ARG001
    """Return the packages whose versions the page depends on."""
    return ["closedform", "numpy", "jax", "flax", "optax", "matplotlib"]
