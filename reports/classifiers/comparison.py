"""The section that compares runs on the same test images, and analyses their differences."""

from itertools import combinations

import numpy as np

from closedform.multiple_testing import holm
from nets.data.splits import Split
from nets.evaluation.comparison import Comparison, compare
from nets.evaluation.intervals import CONFIDENCE
from nets.evaluation.translation_robustness import correct_fraction_when_translated
from reports.classifiers.problem import ReportRun
from reports.shared.page import Page

PIXELS = (0, 1, 2)
MAX_TRANSLATED = 1000
"""Number of test images that are translated; a fifth of it with --quick."""


def add_comparison(page: Page, runs: list[ReportRun], test: Split | str, quick: bool) -> None:
    """Add paired tests of all pairs of runs, and an analysis of an MLP and a conv net, or of the first two runs."""
    if len(runs) < 2:
        return
    page.section("Comparison")
    pairs = list(combinations(runs, 2))
    results = [compare(first.test, second.test) for first, second in pairs]
    rejected = holm([result.p_value for result in results], 1 - CONFIDENCE)
    page.text(
        "McNemar's exact test compares two runs on the same test images. It uses the images that only one of them "
        "classifies correctly: if the accuracies are equal, each run is correct on such an image with probability 1/2. "
        "The test is about these trained networks, not about other networks of the same recipes."
    )
    page.table(
        "pairs",
        "Differences of accuracy in points, with 95&nbsp;% intervals; better at a family-wise level of 5&nbsp;% over "
        "all pairs (Holm).",
        {
            "first": [first.name for first, _ in pairs],
            "second": [second.name for _, second in pairs],
            "only first correct": [result.first_only for result in results],
            "only second correct": [result.second_only for result in results],
            "difference": [100 * result.difference for result in results],
            "from": [100 * result.interval[0] for result in results],
            "to": [100 * result.interval[1] for result in results],
            "p": [result.p_value for result in results],
            "better": [
                _better(first, second, result).name if significant else "undecided"
                for (first, second), result, significant in zip(pairs, results, rejected, strict=True)
            ],
        },
        {**dict.fromkeys(["only first correct", "only second correct"], ","), "p": ".2g"}
        | dict.fromkeys(["difference", "from", "to"], "+.2f"),
    )
    first, second = _pair(runs)
    _add_pair(page, first, second, test, quick, significant=bool(rejected[pairs.index((first, second))]))


def _pair(runs: list[ReportRun]) -> tuple[ReportRun, ReportRun]:
    """Return the first MLP and the first conv net, in their order, or the first two runs."""
    firsts = {run.run.config.model: run for run in reversed(runs)}
    pair = list(firsts.values()) if len(firsts) == 2 else runs[:2]
    first, second = sorted(pair, key=runs.index)
    return first, second


def _better(first: ReportRun, second: ReportRun, result: Comparison) -> ReportRun:
    return first if result.difference > 0 else second


def _add_pair(
    page: Page, first: ReportRun, second: ReportRun, test: Split | str, quick: bool, significant: bool
) -> None:
    """Add the analysis of a pair of runs, and its conclusion."""
    result = compare(first.test, second.test)
    better = _better(first, second, result)
    worse = second if better is first else first
    if not significant:
        page.conclusion(
            "{pair_better} and {pair_worse} are {pair_difference:.2f} points apart, which is not significant "
            "(p = {pair_p:.2g}).",
            pair_better=better.name,
            pair_worse=worse.name,
            pair_difference=100 * abs(result.difference),
            pair_p=result.p_value,
        )
    else:
        _add_differences(page, better, worse, result)
    if isinstance(test, Split):
        _add_translations(
            page, better, worse, test, MAX_TRANSLATED // 5 if quick else MAX_TRANSLATED, significant=significant
        )


def _add_differences(page: Page, better: ReportRun, worse: ReportRun, result: Comparison) -> None:
    page.conclusion(
        "{pair_better} is better than {pair_worse} by {pair_difference:.2f} points (p = {pair_p:.2g}), with "
        "{pair_better_size:,} parameters against {pair_worse_size:,}. Its generalization gap from train to test is "
        "{pair_better_gap:.1f} points, that of {pair_worse} {pair_worse_gap:.1f}. Its recall is higher in "
        "{pair_classes} of {pair_all_classes} classes, most for {pair_class} (by {pair_class_points:.1f} points). The "
        "confusion that decreases most is {pair_confusion}: {pair_better_count} instead of {pair_worse_count}.",
        pair_better=better.name,
        pair_worse=worse.name,
        pair_difference=100 * abs(result.difference),
        pair_p=result.p_value,
        pair_better_size=better.run.provenance["parameters"],
        pair_worse_size=worse.run.provenance["parameters"],
        pair_better_gap=100 * (better.train.accuracy.value - better.test.accuracy.value),
        pair_worse_gap=100 * (worse.train.accuracy.value - worse.test.accuracy.value),
        **_class_differences(better, worse),
    )


def _class_differences(better: ReportRun, worse: ReportRun) -> dict[str, object]:
    """Return the confusion that decreased most, with its counts, and the classes whose recall increased."""
    names = better.test.class_names
    decrease = worse.test.confusion_matrix - better.test.confusion_matrix
    np.fill_diagonal(decrease, np.iinfo(decrease.dtype).min)
    i, j = divmod(int(np.argmax(decrease)), len(names))
    increase = np.array([a.value - b.value for a, b in zip(better.test.recall, worse.test.recall, strict=True)])
    largest = int(np.nanargmax(increase))
    return {
        "pair_confusion": f"{names[i]} predicted as {names[j]}",
        "pair_worse_count": int(worse.test.confusion_matrix[i, j]),
        "pair_better_count": int(better.test.confusion_matrix[i, j]),
        "pair_classes": int(np.sum(increase > 0)),
        "pair_all_classes": int(np.sum(~np.isnan(increase))),
        "pair_class": names[largest],
        "pair_class_points": 100 * float(increase[largest]),
    }


def _add_translations(
    page: Page, better: ReportRun, worse: ReportRun, test: Split, count: int, significant: bool
) -> None:
    """Add the accuracy of two runs on translated images, and whether it explains a significant difference."""
    images, labels = np.asarray(test.images[:count]), test.labels[:count]
    try:
        correct = {
            run.name: [correct_fraction_when_translated(run.run, images, labels, pixels) for pixels in PIXELS]
            for run in (better, worse)
        }
    except (ValueError, OSError) as error:  # the checkpoints were removed or are damaged
        page.text("The accuracy on translated images is not known: {translation_error}", translation_error=str(error))
        return
    page.table(
        "translations",
        "Accuracy in percent on {translated_images:,} test images, and on the same images translated by up to "
        "{max_pixels} pixels left, right, up and down, with edge padding.",
        {"run": list(correct)}
        | {
            f"{pixels} px": [100 * fractions[i].mean() for fractions in correct.values()]
            for i, pixels in enumerate(PIXELS)
        },
        dict.fromkeys([f"{pixels} px" for pixels in PIXELS], ".1f"),
        translated_images=len(images),
        max_pixels=max(PIXELS),
    )
    drop = {name: 100 * (fractions[0] - fractions[1]) for name, fractions in correct.items()}  # (N,) points, per image
    difference = drop[worse.name] - drop[better.name]
    two_errors = 2 * difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.inf
    sentence = (
        "A convolution is equivariant to translations, and a linear layer is not. Translation by one pixel reduces "
        "the accuracy of {pair_better} by {better_drop:.1f} points and of {pair_worse} by {worse_drop:.1f}, a "
        "difference of {drop_difference:+.1f} ± {drop_difference_error:.1f} (two standard errors over images): "
    )
    if not significant:
        sentence += "their test accuracies do not differ significantly, so there is no difference to explain."
    elif better.run.config.model == worse.run.config.model:
        sentence += "both networks have the same architecture, so their recipes make the difference."
    elif abs(difference.mean()) < two_errors:
        sentence += "this is not significant, so it is open whether it explains why {pair_better} is better."
    elif difference.mean() < 0:
        sentence += "robustness to translations does not explain why {pair_better} is better."
    elif better.run.config.model == "conv":
        sentence += "robustness to translations is an advantage of the convolution."
    else:
        sentence += "here the MLP is more robust to translations than the convolution."
    page.conclusion(
        sentence,
        better_drop=float(drop[better.name].mean()),
        worse_drop=float(drop[worse.name].mean()),
        drop_difference=float(difference.mean()),
        drop_difference_error=float(two_errors),
    )
