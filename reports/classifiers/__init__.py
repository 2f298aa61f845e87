"""The classifiers page: metrics, comparisons and calibration of trained networks.

- ``problem``: the options, and the runs of the page.
- ``training``: the sections on runs, architectures and learning curves.
- ``classes``: precision, recall and F1 per class, and confusion matrices.
- ``images``: the most confident errors.
- ``comparison``: paired tests of runs, and robustness to translations.
- ``calibration``: reliability diagrams, proper scores and temperatures.
- ``ensembles``: single networks against deep ensembles.
- ``text``: names of runs and classes in figures.
"""

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from reports.classifiers.problem import Options, Problem, read
from reports.shared.work import Task

if TYPE_CHECKING:
    from reports.shared.page import Page

__all__ = ["NAME", "Options", "build", "packages", "read", "tasks"]

NAME = "classifiers"
SECONDS = 12
"""Time to build the page on one core, about."""
TITLE = "Evaluation of trained classifiers"
DIGITS_TITLE = "Evaluation of two classifiers of the digits, trained for this page"
CLAIM = (
    "An accuracy is an estimate, and a difference of two accuracies may be chance. The predictive of one network is a "
    "plug-in, which may be overconfident. Intervals, a paired test and an ensemble quantify these uncertainties."
)


def tasks(problem: Problem, options: Options) -> list[Task]:  # noqa: ARG001
    """Return no tasks: the page computes everything as it is built."""
    return []


def build(problem: Problem, options: Options, results: list[Any]) -> "Page":  # noqa: ARG001
    """Compute everything and return the page. Nothing is written."""
    from reports.classifiers import (  # importing JAX is slow
        calibration,
        classes,
        comparison,
        ensembles,
        images,
        training,
    )
    from reports.classifiers.problem import report_runs, train_on_digits
    from reports.shared.page import Page

    page = Page(NAME, TITLE if problem.runs else DIGITS_TITLE, CLAIM)
    with TemporaryDirectory() as folder:
        runs = report_runs(problem.runs or train_on_digits(folder, options))
        table = training.runs_section(runs, trained_here=not problem.runs)
        page.verdict = table["verdict"]
        page.section("classifiers/runs.md", table)
        page.section("classifiers/architectures.md", training.architectures_section(runs))
        page.section("classifiers/curves.md", training.curves_section(runs))
        page.section("classifiers/classes.md", classes.classes_section(runs))
        page.section("classifiers/confusions.md", classes.confusions_section(runs))
        test = images.load_test_images(problem, options)
        page.section("classifiers/confident_errors.md", images.confident_errors_section(runs, test))
        if len(runs) > 1:
            page.section("classifiers/comparison.md", comparison.comparison_section(runs, test, full=options.full))
        page.section("classifiers/calibration.md", calibration.calibration_section(runs))
        page.section("classifiers/ensembles.md", ensembles.ensembles_section(runs))
    return page


def packages(options: Options) -> list[str]:  # noqa: ARG001
    """Return the packages whose versions the page depends on."""
    return ["closedform", "numpy", "scipy", "scikit-learn", "jax", "flax", "optax", "matplotlib"]
