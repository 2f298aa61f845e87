"""The gradients page: gradients derived by hand, checked by other methods, and where gradients live in JAX.

- ``problem``: the options, the network and its data.
- ``derivation``: the formulas and shapes of the network.
- ``checks``: the gradients by hand against every method.
- ``step_sizes``: the error of a finite difference against its step.
- ``peers``: JAX's own gradient check beside ours.
- ``library``: where the gradient lives in JAX, with the fit in ``cubic`` as the example.
"""

from typing import TYPE_CHECKING, Any

from reports.gradients.problem import Options, Problem, read
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "gradients"
STEPS = 2000
"""Training steps of the cubic, enough to converge."""
SECONDS = 17
"""Time to build the page on one core, about."""
TITLE = "Gradients by hand, checked against jax.grad"
CLAIM = (
    "A derivation by hand and a program that differentiates can both be wrong, but in different ways. This page trusts "
    "a gradient where both agree to rounding, and where finite differences, which use no derivative, agree as well."
)


def tasks(problem: Problem, options: Options) -> list[Task]:  # noqa: ARG001
    """Return no tasks: the page computes everything as it is built."""
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
