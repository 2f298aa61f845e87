"""The sections on the runs themselves: what they are, how large, and how they were trained."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from closedform.verdict import Verdict
from reports.classifiers.problem import Subject
from reports.classifiers.text import label
from reports.shared.page import Page

SPLITS = {"train": "-", "validation": ":", "test": "--"}
SAME = 1e-4
"""By how much the loss in a run's metrics may differ from that of its predictions, relative: both are in float32."""


def add_runs(page: Page, subjects: list[Subject], trained_here: bool) -> Verdict:
    """Add the table of runs; fail where a run's metrics and its predictions are not of the same parameters."""
    page.section("The runs")
    first = subjects[0]
    if trained_here:
        page.text(
            "No runs were given, so these were trained while this page was made: both networks, {members} of each from "
            "different seeds, on the {images:,} training images of the handwritten digits that scikit-learn carries. "
            "<code>python -m reports classifiers --runs FOLDER ...</code> shows runs of your own.",
            members=first.run.config.members,
            images=len(first.train.labels),
        )
    for subject in subjects:
        with page.about(subject.key):
            page.record(name=subject.name, metrics=subject.run.metrics)
    rows = [_row(subject) for subject in subjects]
    page.table(
        "runs",
        "Accuracies in percent, with Wilson's intervals of 95&nbsp;%. An ensemble's are those of its predictive. Train "
        "accuracy is that of the final parameters on all training images. “Metrics” says whether the loss in the "
        "run's metrics is that of its predictions.",
        {name: [row[name] for row in rows] for name in rows[0]},
        {"parameters": ",", "seconds an epoch": ".3g", "train": ".2f", "test": ".2f", "gap": ".2f"},
    )
    return "fail" if any(row["metrics"] == "fail" for row in rows) else "pass"


def _row(subject: Subject) -> dict[str, object]:
    run, train, test = subject.run, subject.train.accuracy, subject.test.accuracy
    low, high = test.interval
    agrees = np.isclose(run.metrics[-1]["test_loss"], subject.test.calibration.nll, rtol=SAME, atol=SAME)
    return {
        "run": subject.name,
        "network": run.config.model if run.config.members == 1 else f"{run.config.members} x {run.config.model}",
        "parameters": run.provenance["parameters"],
        "epochs": len(run.metrics),
        "seeds": " ".join(map(str, run.config.seeds)),
        "device": run.provenance["device"],
        "seconds an epoch": float(np.median([line["seconds"] for line in run.metrics])),
        "train": 100 * train.value,
        "test": 100 * test.value,
        "interval": f"{100 * low:.1f} – {100 * high:.1f}",
        "gap": 100 * (train.value - test.value),
        "metrics": "pass" if agrees else "fail",
        "commit": run.provenance["commit"],
    }


def add_architectures(page: Page, subjects: list[Subject]) -> None:
    """Add the layers of each different network, with what their parameters are."""
    page.section("Architectures")
    different = {str(subject.run.parameter_shapes): subject for subject in reversed(subjects)}
    for subject in reversed(different.values()):
        shapes = subject.run.parameter_shapes
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        with page.about(subject.key):
            page.table(
                "parameters",
                "{model}: {size:,} parameters. A convolution's kernel is height, width, channels in, channels out, "
                "and is used at every place; a linear layer's is outputs, inputs.",
                {
                    "parameter": list(shapes),
                    "shape": [" x ".join(map(str, shape)) for shape in shapes.values()],
                    "numbers": sizes,
                    "share %": [100 * size / sum(sizes) for size in sizes],
                },
                {"parameter": "code", "numbers": ",", "share %": ".2f"},
                model=subject.run.config.model,
                size=sum(sizes),
            )


def add_curves(page: Page, subjects: list[Subject]) -> None:
    """Add loss and accuracy over the epochs, for train, validation and test."""
    page.section("How they were trained")
    page.figure(
        _curves(subjects),
        "Loss and accuracy after each epoch. Train: the mean over the epoch's batches, augmented as they were, while "
        "the parameters move; validation and test: with the parameters at its end. An ensemble's train curve is the "
        "mean of its members', the others are those of its predictive.",
        "Two panels a run: loss falling and accuracy rising over the epochs, for train, validation and test.",
    )


def _curves(subjects: list[Subject]) -> Figure:
    figure, axes = plt.subplots(len(subjects), 2, figsize=(10, 0.6 + 2.3 * len(subjects)), sharex="row", squeeze=False)
    for (losses, accuracies), subject in zip(axes, subjects, strict=True):
        for split, line in SPLITS.items():
            epochs = [row["epoch"] for row in subject.run.metrics if f"{split}_loss" in row]
            look = {"color": subject.colour, "label": split, "marker": "." if len(epochs) == 1 else None}
            values = {
                what: [row[f"{split}_{what}"] for row in subject.run.metrics if f"{split}_loss" in row]
                for what in ["loss", "accuracy"]
            }
            if epochs:
                losses.plot(epochs, values["loss"], line, **look)
                accuracies.plot(epochs, 100 * np.array(values["accuracy"]), line, **look)
        losses.set(title=f"{label(subject.name)}: loss (nats)", ylim=(0, 1.05 * losses.get_ylim()[1]))
        accuracies.set(title=f"{label(subject.name)}: accuracy (%)")
        losses.legend()
        losses.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    return figure
