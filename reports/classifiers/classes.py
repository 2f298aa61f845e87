"""The sections on classes: precision, recall and F1 per class, and confusion matrices."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from nets.evaluation.confused_classes import error_groups
from nets.evaluation.intervals import F1, Proportion
from nets.evaluation.metrics import Evaluation
from reports.classifiers.problem import ReportRun
from reports.classifiers.text import label
from reports.shared.page import Numbers

MAX_CLASSES = 20
"""Largest number of classes on the page; of more, those with the smallest F1 are shown."""
MAX_COUNTED_CLASSES = 12
"""Largest number of classes for which a heatmap shows the counts."""
MAX_NAMED_CLASSES = 40
"""Largest number of classes for which class names are shown."""
MAX_PAIRS = 10


def classes_section(runs: list[ReportRun]) -> Numbers:
    """Return precision, recall and F1 of each class on test images, with intervals."""
    order = np.arange(len(runs[0].test.class_names))
    if len(order) > MAX_CLASSES:
        # A class without images has an undefined F1, and argsort puts it last.
        mean = np.mean([[f1.value for f1 in run.test.f1] for run in runs], axis=0)
        order = np.argsort(mean, kind="stable")[:MAX_CLASSES]
    return {
        "classes": len(runs[0].test.class_names),
        "shown": len(order),
        "metrics": _plot_metrics(runs, order),
        "runs": [{"name": run.name, **_metrics(run.test, order)} for run in runs],
    }


def _metrics(test: Evaluation, order: np.ndarray) -> Numbers:
    return {
        **{
            name: [[metric.value, *metric.interval] for metric in getattr(test, name)]
            for name in ["precision", "recall", "f1"]
        },
        "classes": {
            "class": [test.class_names[k] for k in order],
            "images": [test.recall[k].total for k in order],
            "precision": [_percent(test.precision[k]) for k in order],
            "recall": [_percent(test.recall[k]) for k in order],
            "F1": [_percent(test.f1[k]) for k in order],
        },
        "unpredicted": [test.class_names[k] for k, precision in enumerate(test.precision) if not precision.total],
    }


def confusions_section(runs: list[ReportRun]) -> Numbers:
    """Return confusion matrices, the most confused pairs of classes, and groups of confused classes."""
    return {
        "runs": [
            {
                "name": run.name,
                "matrices": _plot_confusion_matrices(run),
                "confusion_matrix_train": run.train.confusion_matrix,
                "confusion_matrix_test": run.test.confusion_matrix,
                "most_confused_pairs": _most_confused_pairs(run.test),
                **_groups(run.test),
            }
            for run in runs
        ]
    }


def _most_confused_pairs(test: Evaluation) -> dict[str, list[str | int]] | None:
    pairs = test.most_confused_pairs(MAX_PAIRS)
    if not pairs:
        return None
    return {
        "class": [test.class_names[pair.label] for pair in pairs],
        "predicted as": [test.class_names[pair.predicted] for pair in pairs],
        "images": [pair.count for pair in pairs],
        "of": [pair.total for pair in pairs],
    }


def _groups(test: Evaluation) -> Numbers:
    result = error_groups(test)
    if result is None:
        return {"groups": None}
    groups = [[test.class_names[k] for k in group] for group in result.groups]
    low, high = result.within.interval
    return {
        "groups": groups,
        "names_shown": len(test.class_names) <= MAX_NAMED_CLASSES,
        "within": 100 * result.within.value,
        "within_low": 100 * low,
        "within_high": 100 * high,
        "held_out_errors": result.within.total,
        "chance": 100 * result.chance,
    }


def _percent(metric: Proportion | F1) -> str | None:
    if np.isnan(metric.value):
        return None
    low, high = metric.interval
    return f"{100 * metric.value:.1f} ({100 * low:.1f} – {100 * high:.1f})"


def _plot_metrics(runs: list[ReportRun], order: np.ndarray) -> Figure:
    rows = 0.22 + 0.09 * len(runs)
    figure, axes = plt.subplots(1, 3, figsize=(10, 1 + rows * len(order)), sharey=True)
    for axis, name in zip(axes, ["precision", "recall", "f1"], strict=True):
        for i, run in enumerate(runs):
            y = np.arange(len(order)) + 0.6 * ((i + 0.5) / len(runs) - 0.5)
            metrics = [getattr(run.test, name)[k] for k in order]
            value = 100 * np.array([metric.value for metric in metrics])
            ends = 100 * np.array([metric.interval for metric in metrics])  # (classes, 2)
            axis.hlines(y, ends[:, 0], ends[:, 1], color=run.colour, linewidth=1)
            axis.plot(value, y, run.marker, color=run.colour, markersize=3.5, label=label(run.name))
        axis.set(title=f"{name.capitalize()} (%)", yticks=np.arange(len(order)))
    axes[0].set_yticklabels([label(runs[0].test.class_names[k]) for k in order])
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(4, len(runs)))
    return figure


def _plot_confusion_matrices(run: ReportRun) -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(10, 5))
    image = None
    for axis, split in zip(axes, ["train", "test"], strict=True):
        evaluation = getattr(run, split)
        counts, proportions = evaluation.confusion_matrix, evaluation.normalized_confusion_matrix
        image = axis.imshow(proportions, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
        axis.set(title=f"{split} images", xlabel="predicted class", ylabel="label" if axis is axes[0] else None)
        axis.grid(False)
        _name_classes(axis, run.test.class_names)
        if len(counts) <= MAX_COUNTED_CLASSES:
            for i, j in np.ndindex(counts.shape):
                if counts[i, j]:
                    colour = "white" if proportions[i, j] > 0.4 else "0.2"
                    axis.text(j, i, f"{counts[i, j]}", ha="center", va="center", color=colour, fontsize=6)
    assert image is not None
    figure.colorbar(image, ax=axes, shrink=0.7, label="proportion of the class")
    return figure


def _name_classes(axis: Axes, names: tuple[str, ...]) -> None:
    positions = np.arange(len(names))
    if len(names) > MAX_NAMED_CLASSES:
        return
    size = 8 if len(names) <= 20 else 5
    axis.set_xticks(positions, [label(name) for name in names], rotation=90, fontsize=size)
    axis.set_yticks(positions, [label(name) for name in names], fontsize=size)
