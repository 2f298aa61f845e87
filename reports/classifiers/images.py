"""The section on the most confident errors, with the images."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from nets.data.datasets import load
from nets.data.splits import Split
from nets.evaluation.metrics import Misclassification
from reports.classifiers.problem import Options, Problem, ReportRun
from reports.classifiers.text import label
from reports.shared.page import Numbers

MAX_IMAGES = 10


def load_test_images(problem: Problem, options: Options) -> Split | str:
    """Return the test images, or one sentence that says why they are not available."""
    run = next(iter(problem.runs.values()), None)
    if run is None:
        return load("digits").test
    try:
        data_dir = options.data_dir or run.config.data_dir
        test = load(run.config.dataset, data_dir, image_size=run.config.image_size).test
    except (ValueError, OSError) as error:
        return str(error)
    matches = all(np.array_equal(getattr(test, name), run.predictions[f"test_{name}"]) for name in ["index", "labels"])
    if not matches or test.images.shape[1:] != run.image_shape:
        return f"the data set {run.config.dataset} in the data folder is not that of the runs"
    return test


def confident_errors_section(runs: list[ReportRun], test: Split | str) -> Numbers:
    """Return, for each run, the misclassified images with the largest probability."""
    if isinstance(test, str):
        return {"missing_images": test, "runs": []}
    return {"missing_images": "", "runs": [_run_errors(run, test) for run in runs]}


def _run_errors(run: ReportRun, test: Split) -> Numbers:
    errors = run.test.most_confident_errors(MAX_IMAGES)
    return {
        "name": run.name,
        "errors": [vars(error) for error in errors],
        "images": _grid(errors, test, run.test.class_names) if errors else None,
    }


def _grid(errors: list[Misclassification], test: Split, names: tuple[str, ...]) -> Figure:
    rows = -(-len(errors) // 5)
    figure, axes = plt.subplots(rows, 5, figsize=(10, 2.3 * rows), squeeze=False)
    for axis in axes.flat[len(errors) :]:
        axis.set_axis_off()
    for axis, error in zip(axes.flat, errors, strict=False):
        image = test.images[np.flatnonzero(test.index == error.index)[0]]
        axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axis.set(xticks=[], yticks=[], title=label(names[error.label]))
        axis.spines[:].set_visible(False)
        axis.set_xlabel(f"{label(names[error.predicted])}\n{error.probability:.3f}", color="C1")
    return figure
