"""The section that shows images: those a network is surest of and wrong."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from nets.data.datasets import Split, load
from nets.evaluation.metrics import Mistake
from reports.classifiers.problem import Options, Problem, Subject
from reports.classifiers.text import label
from reports.shared.page import Page

SHOWN = 10


def of_test(problem: Problem, options: Options) -> Split | str:
    """Return the test images, or in a sentence why they are not at hand."""
    run = next(iter(problem.runs.values()), None)
    if run is None:
        return load("digits").test
    try:
        test = load(run.config.dataset, options.data_dir or run.config.data_dir).test
    except (ValueError, OSError) as error:
        return str(error)
    same = all(np.array_equal(getattr(test, name), run.predictions[f"test_{name}"]) for name in ["index", "labels"])
    if not same or test.images.shape[1:] != run.image_shape:
        return f"the data set {run.config.dataset} found there is not the one that the runs were trained on"
    return test


def add_mistakes(page: Page, subjects: list[Subject], test: Split | str) -> None:
    """Add, for each run, the images that it is surest of and wrong."""
    page.section("The most confident mistakes")
    if isinstance(test, str):
        page.text("The images are not at hand: {missing_images}; --data-dir says where they are.", missing_images=test)
        return
    for subject in subjects:
        with page.about(subject.key):
            _add_images(page, subject, test)


def _add_images(page: Page, subject: Subject, test: Split) -> None:
    mistakes = subject.test.mistakes(SHOWN)
    if not mistakes:
        page.text("{name} makes no mistake on test images.")
        return
    page.figure(
        _grid(mistakes, test, subject.test.class_names),
        "{name}: test images whose wrong class has the largest probability. Above each image what it is, below what it "
        "was taken for and with which probability.",
        "Small images with two class names each.",
        mistakes=[vars(one) for one in mistakes],
    )


def _grid(mistakes: list[Mistake], test: Split, names: tuple[str, ...]) -> Figure:
    rows = -(-len(mistakes) // 5)
    figure, axes = plt.subplots(rows, 5, figsize=(10, 2.3 * rows), squeeze=False)
    for axis in axes.flat[len(mistakes) :]:
        axis.set_axis_off()
    for axis, one in zip(axes.flat, mistakes, strict=False):
        image = test.images[np.flatnonzero(test.index == one.index)[0]]
        axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axis.set(xticks=[], yticks=[], title=label(names[one.true]))
        axis.spines[:].set_visible(False)
        axis.set_xlabel(f"{label(names[one.predicted])}\n{one.probability:.3f}", color="C1")
    return figure
