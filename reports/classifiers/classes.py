"""The sections on classes: precision, recall and F1 of each, and which is taken for which."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from nets.evaluation.confused_classes import error_groups
from nets.evaluation.intervals import F1, Proportion
from nets.evaluation.metrics import Evaluation
from reports.classifiers.problem import Subject
from reports.classifiers.text import label
from reports.shared.page import Page

SHOWN = 20
"""Of more classes than this, those with the smallest F1 are shown."""
COUNTED = 12
"""Up to so many classes the heatmap has the counts in it."""
NAMED = 40
"""Up to so many classes its axes have their names."""
CONFUSIONS = 10


def add_classes(page: Page, subjects: list[Subject]) -> None:
    """Add precision, recall and F1 of each class on test images, with intervals."""
    page.section("Class by class")
    test = subjects[0].test
    order = np.arange(len(test.class_names))
    if len(order) > SHOWN:
        # An undefined F1, of a class without images, is not a small one.
        mean = np.mean([[one.value for one in subject.test.f1] for subject in subjects], axis=0)
        order = np.argsort(mean, kind="stable")[:SHOWN]
        page.text(
            "Of the {classes} classes, here are the {shown} with the smallest F1; all are in the JSON file.",
            classes=len(test.class_names),
            shown=SHOWN,
        )
    page.figure(
        _figures(subjects, order),
        "Precision (of the images taken for a class, the share that are), recall (of its images, the share taken for "
        "it) and F1, their harmonic mean, on test images, with intervals of 95&nbsp;%. A class that was never "
        "predicted has no precision, and no point.",
        "Three panels with a row a class: precision, recall and F1 of each run as points with intervals.",
    )
    for subject in subjects:
        with page.about(subject.key):
            for name in ["precision", "recall", "f1"]:
                page.record(**{name: [[one.value, *one.interval] for one in getattr(subject.test, name)]})
            _add_table(page, subject.test, order)


def _add_table(page: Page, test: Evaluation, order: np.ndarray) -> None:
    page.table(
        "classes",
        "{name} on test images, in percent, with intervals of 95&nbsp;%.",
        {
            "class": [test.class_names[k] for k in order],
            "images": [test.recall[k].total for k in order],
            "precision": [_percent(test.precision[k]) for k in order],
            "recall": [_percent(test.recall[k]) for k in order],
            "F1": [_percent(test.f1[k]) for k in order],
        },
        {"images": ","},
    )
    never = [test.class_names[k] for k, precision in enumerate(test.precision) if not precision.total]
    if never:
        listed = ", ".join(never[:SHOWN]) + (f" and {len(never) - SHOWN} other classes" if len(never) > SHOWN else "")
        page.text("{name} takes no test image for {never}: precision is undefined there.", never=listed)


def add_confusions(page: Page, subjects: list[Subject]) -> None:
    """Add the confusion matrices, the most frequent confusions, and the groups they fall into."""
    page.section("What is taken for what")
    for subject in subjects:
        with page.about(subject.key):
            page.figure(
                _heatmaps(subject),
                "{name}: of the images of each class (row), the share taken for each (column). Colours go by the "
                "square root, so that small shares show; numbers are counts.",
                "Two heatmaps of confusion, for train and for test images, dark on the diagonal.",
                confusion_train=subject.train.confusion,
                confusion_test=subject.test.confusion,
            )
            _add_confusions(page, subject.test)
            _add_groups(page, subject.test)


def _add_confusions(page: Page, test: Evaluation) -> None:
    confusions = test.confusions(CONFUSIONS)
    if not confusions:
        page.text("{name} makes no mistake on test images.")
        return
    page.table(
        "confusions",
        "{name}: the most frequent confusions on test images.",
        {
            "class": [test.class_names[one.true] for one in confusions],
            "taken for": [test.class_names[one.predicted] for one in confusions],
            "images": [one.count for one in confusions],
            "of": [one.total for one in confusions],
        },
        dict.fromkeys(["images", "of"], ","),
    )


def _add_groups(page: Page, test: Evaluation) -> None:
    found = error_groups(test)
    if found is None:
        page.text("{name} makes too few errors, or has too few classes, to sort them into groups that are confused.")
        return
    groups = [[test.class_names[k] for k in group] for group in found.groups]
    page.record(groups=groups)
    words = [", ".join(group) if len(test.class_names) <= NAMED else f"{len(group)} classes" for group in groups]
    low, high = found.within.interval
    page.text(
        "The errors of {name} on every other test image cut the classes in two where they are confused least (the "
        "Fiedler vector of the graph of confusions): {group_1}; and {group_2}. On the other half of the images "
        "{within:.1f}&nbsp;% of {judged:,} errors stay within a group ({within_low:.1f} to {within_high:.1f}), {more} "
        "the {chance:.1f}&nbsp;% it would be if every other class were as likely.",
        group_1=words[0],
        group_2=words[1],
        within=100 * found.within.value,
        within_low=100 * low,
        within_high=100 * high,
        judged=found.within.total,
        more="more than" if low > found.chance else "which may be",
        chance=100 * found.chance,
    )


def _percent(figure: Proportion | F1) -> str | None:
    if np.isnan(figure.value):
        return None
    low, high = figure.interval
    return f"{100 * figure.value:.1f} ({100 * low:.1f} – {100 * high:.1f})"


def _figures(subjects: list[Subject], order: np.ndarray) -> Figure:
    rows = 0.22 + 0.09 * len(subjects)
    figure, axes = plt.subplots(1, 3, figsize=(10, 1 + rows * len(order)), sharey=True)
    for axis, name in zip(axes, ["precision", "recall", "f1"], strict=True):
        for i, subject in enumerate(subjects):
            y = np.arange(len(order)) + 0.6 * ((i + 0.5) / len(subjects) - 0.5)
            figures = [getattr(subject.test, name)[k] for k in order]
            value = 100 * np.array([one.value for one in figures])
            ends = 100 * np.array([one.interval for one in figures])  # (classes, 2)
            axis.hlines(y, ends[:, 0], ends[:, 1], color=subject.colour, linewidth=1)
            axis.plot(value, y, subject.marker, color=subject.colour, markersize=3.5, label=label(subject.name))
        axis.set(title=f"{name.capitalize()} (%)", yticks=np.arange(len(order)))
    axes[0].set_yticklabels([label(subjects[0].test.class_names[k]) for k in order])
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(4, len(subjects)))
    return figure


def _heatmaps(subject: Subject) -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(10, 5))
    image = None
    for axis, split in zip(axes, ["train", "test"], strict=True):
        counts, shares = getattr(subject, split).confusion, getattr(subject, split).confusion_shares
        image = axis.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
        axis.set(title=f"{split} images", xlabel="taken for", ylabel="is" if axis is axes[0] else None)
        axis.grid(False)
        _name_classes(axis, subject.test.class_names)
        if len(counts) <= COUNTED:
            for i, j in np.ndindex(counts.shape):
                if counts[i, j]:
                    colour = "white" if shares[i, j] > 0.4 else "0.2"
                    axis.text(j, i, f"{counts[i, j]}", ha="center", va="center", color=colour, fontsize=6)
    assert image is not None
    figure.colorbar(image, ax=axes, shrink=0.7, label="share of the class")
    return figure


def _name_classes(axis: Axes, names: tuple[str, ...]) -> None:
    places = np.arange(len(names))
    if len(names) > NAMED:
        return
    size = 8 if len(names) <= 20 else 5
    axis.set_xticks(places, [label(name) for name in names], rotation=90, fontsize=size)
    axis.set_yticks(places, [label(name) for name in names], fontsize=size)
