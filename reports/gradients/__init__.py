"""The gradients page: back-propagation derived by hand and checked by every method, and where gradients live in JAX.

- ``problem``: the options, the network and its data; ``derivation``: its formulas and shapes.
- ``checks``: gradients by hand, by every method; ``step_sizes``: the error of a difference by its step.
- ``library``: where the gradient lives in JAX, with the fit of ``cubic``; ``peers``: JAX's own check beside ours.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from reports.gradients.problem import Options, Problem, read

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "steps"]

NAME = "gradients"
TITLE = "Gradients by hand, checked against jax.grad"
CLAIM = (
    "A derivation and a program that differentiates can both be wrong, but in different ways. Trust them where they "
    "agree with each other, and with finite differences that use neither, to the last digits of the arithmetic."
)


def build(problem: Problem, options: Options, progress: Callable[[str], None]) -> "Page":
    """Compute everything and return the page; ``progress`` is told each step. Nothing is written."""
    from closedform.verdict import worst
    from reports.gradients import checks, derivation, library, peers, step_sizes
    from reports.shared.page import Page

    page = Page(NAME, TITLE, CLAIM)
    progress("derivation and shapes")
    page.section("gradients/network.md", derivation.network_section(problem))
    page.section("gradients/shapes.md", derivation.shapes_section(problem))
    page.section("gradients/saturation.md", derivation.saturation_section())
    progress("the sigmoid network by every method")
    methods, mistakes = checks.methods_section(problem), checks.mistakes_section(problem)
    page.section("gradients/methods.md", methods)
    page.section("gradients/mistakes.md", mistakes)
    progress("JAX's own check on mistakes")
    beside = peers.peers_section()
    page.section("gradients/peers.md", beside)
    progress("errors of differences by step")
    page.section("gradients/step_sizes.md", step_sizes.step_sizes_section(problem))
    progress("the classifiers, composed by hand and by Flax")
    classifiers = checks.classifiers_section(options.seed)
    page.section("gradients/classifiers.md", classifiers)
    progress("second order")
    second_order = checks.second_order_section(problem)
    page.section("gradients/second_order.md", second_order)
    steps = 200 if options.quick else 2000
    progress(f"a cubic by RMSprop, {steps} steps")
    page.section("gradients/library.md", library.library_section(steps, options.seed))
    judged = [methods, mistakes, beside, classifiers, second_order]
    page.verdict = worst([numbers["verdict"] for numbers in judged] + [methods["taylor_verdict"]])
    return page


def packages(options: Options) -> list[str]:  # noqa: ARG001
    """Return the packages whose versions the page depends on."""
    return ["closedform", "numpy", "jax", "flax", "optax", "matplotlib"]


def steps(options: Options) -> int:  # noqa: ARG001
    """Return how many steps ``build`` announces."""
    return 7
