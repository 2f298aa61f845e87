"""The classifiers page: what trained networks get right and wrong, side by side, and whether to believe them."""

from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reports.classifiers.problem import Options, Problem, read

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "steps"]

NAME = "classifiers"
TITLE = "What the classifiers learned"
ON_DIGITS = "What two classifiers learned of the digits, trained for this page"
CLAIM = (
    "An accuracy is an estimate, a difference of two may be chance, and one network is a plug-in, whose probabilities "
    "may be too bold. An interval, a paired test and an ensemble say how much of it to believe."
)


def build(problem: Problem, options: Options, progress: Callable[[str], None]) -> "Page":
    """Compute everything and return the page; ``progress`` is told each step. Nothing is written."""
    from reports.classifiers import calibration, classes, comparison, ensembles, images, training  # JAX is slow to load
    from reports.classifiers.problem import subjects, train_on_digits
    from reports.shared.page import Page

    page = Page(NAME, TITLE if problem.runs else ON_DIGITS, CLAIM)
    with TemporaryDirectory() as folder:
        if not problem.runs:
            progress("two ensembles trained on the digits")
        chosen = subjects(problem.runs or train_on_digits(folder, options))
        progress("accuracies, curves, confusions")
        page.verdict = training.add_runs(page, chosen, trained_here=not problem.runs)
        training.add_architectures(page, chosen)
        training.add_curves(page, chosen)
        classes.add_classes(page, chosen)
        classes.add_confusions(page, chosen)
        test = images.of_test(problem, options)
        images.add_mistakes(page, chosen, test)
        progress("images moved by a few pixels")
        comparison.add_comparison(page, chosen, test, quick=options.quick)
        progress("calibration")
        calibration.add_calibration(page, chosen)
        ensembles.add_ensembles(page, chosen)
    return page


def packages(options: Options) -> list[str]:  # noqa: ARG001
    """Return the packages whose versions the page depends on."""
    return ["closedform", "numpy", "scipy", "scikit-learn", "jax", "flax", "optax", "matplotlib"]


def steps(options: Options) -> int:
    """Return how many steps ``build`` announces."""
    return 3 if options.runs else 4
