"""The section that compares runs on the same test images, and asks what the better one is better at."""

from itertools import combinations

import numpy as np

from closedform.multiple_testing import holm
from nets.data.datasets import Split
from nets.evaluation.comparison import Comparison, compare
from nets.evaluation.intervals import CONFIDENCE
from nets.evaluation.translation_robustness import right_when_moved
from reports.classifiers.problem import Subject
from reports.shared.page import Page

PIXELS = (0, 1, 2)
MOVED = 1000
"""How many test images are moved; --quick takes a fifth."""


def add_comparison(page: Page, subjects: list[Subject], test: Split | str, quick: bool) -> None:
    """Add the paired tests of all pairs of runs, and a paragraph on an MLP against a conv net, or on the first two."""
    if len(subjects) < 2:
        return
    page.section("Which is better")
    pairs = list(combinations(subjects, 2))
    results = [compare(first.test, second.test) for first, second in pairs]
    rejected = holm([result.p_value for result in results], 1 - CONFIDENCE)
    page.text(
        "All runs saw the same test images, so what tells two of them apart is the images that only one gets right. If "
        "both were equally accurate each of those would be a fair coin: McNemar's exact test. It is a statement on "
        "these trained networks, not on all that their recipes could have trained."
    )
    page.table(
        "pairs",
        "Differences of accuracy in points, with intervals of 95&nbsp;%; better at the 5&nbsp;% level for all pairs "
        "together (Holm).",
        {
            "first": [first.name for first, _ in pairs],
            "second": [second.name for _, second in pairs],
            "only first right": [result.first_only for result in results],
            "only second right": [result.second_only for result in results],
            "difference": [100 * result.difference for result in results],
            "from": [100 * result.interval[0] for result in results],
            "to": [100 * result.interval[1] for result in results],
            "p": [result.p_value for result in results],
            "better": [
                _better(first, second, result).name if sure else "undecided"
                for (first, second), result, sure in zip(pairs, results, rejected, strict=True)
            ],
        },
        {**dict.fromkeys(["only first right", "only second right"], ","), "p": ".2g"}
        | dict.fromkeys(["difference", "from", "to"], "+.2f"),
    )
    first, second = _pair(subjects)
    _add_pair(page, first, second, test, quick, decided=bool(rejected[pairs.index((first, second))]))


def _pair(subjects: list[Subject]) -> tuple[Subject, Subject]:
    """Return the first MLP and the first conv net, in the order given, or the first two runs."""
    firsts = {subject.run.config.model: subject for subject in reversed(subjects)}
    chosen = list(firsts.values()) if len(firsts) == 2 else subjects[:2]
    first, second = sorted(chosen, key=subjects.index)
    return first, second


def _better(first: Subject, second: Subject, result: Comparison) -> Subject:
    return first if result.difference > 0 else second


def _add_pair(page: Page, first: Subject, second: Subject, test: Split | str, quick: bool, decided: bool) -> None:
    """Add what the better of two runs is better at, and a paragraph computed from it."""
    result = compare(first.test, second.test)
    better = _better(first, second, result)
    worse = second if better is first else first
    if not decided:
        page.conclusion(
            "{pair_better} and {pair_worse} are {pair_difference:.2f} points apart, which may be chance "
            "(p = {pair_p:.2g}).",
            pair_better=better.name,
            pair_worse=worse.name,
            pair_difference=100 * abs(result.difference),
            pair_p=result.p_value,
        )
    else:
        _add_changes(page, better, worse, result)
    if isinstance(test, Split):
        _add_moved(page, better, worse, test, MOVED // 5 if quick else MOVED, decided=decided)


def _add_changes(page: Page, better: Subject, worse: Subject, result: Comparison) -> None:
    page.conclusion(
        "{pair_better} is better than {pair_worse} by {pair_difference:.2f} points (p = {pair_p:.2g}), with "
        "{pair_better_size:,} parameters against {pair_worse_size:,}. From train to test it loses "
        "{pair_better_gap:.1f} points, {pair_worse} {pair_worse_gap:.1f}. Its recall is higher in {pair_classes} of "
        "{pair_all_classes} classes, most for {pair_class} (by {pair_class_points:.1f} points); the confusion that "
        "falls most is {pair_kind}: {pair_after} instead of {pair_before}.",
        pair_better=better.name,
        pair_worse=worse.name,
        pair_difference=100 * abs(result.difference),
        pair_p=result.p_value,
        pair_better_size=better.run.provenance["parameters"],
        pair_worse_size=worse.run.provenance["parameters"],
        pair_better_gap=100 * (better.train.accuracy.value - better.test.accuracy.value),
        pair_worse_gap=100 * (worse.train.accuracy.value - worse.test.accuracy.value),
        **_changes(better, worse),
    )


def _changes(better: Subject, worse: Subject) -> dict[str, object]:
    """Return the confusion that fell most, before and after, and the classes whose recall rose."""
    names = better.test.class_names
    fell = worse.test.confusion - better.test.confusion
    np.fill_diagonal(fell, np.iinfo(fell.dtype).min)
    i, j = divmod(int(np.argmax(fell)), len(names))
    rose = np.array([a.value - b.value for a, b in zip(better.test.recall, worse.test.recall, strict=True)])
    most = int(np.nanargmax(rose))
    return {
        "pair_kind": f"{names[i]} taken for {names[j]}",
        "pair_before": int(worse.test.confusion[i, j]),
        "pair_after": int(better.test.confusion[i, j]),
        "pair_classes": int(np.sum(rose > 0)),
        "pair_all_classes": int(np.sum(~np.isnan(rose))),
        "pair_class": names[most],
        "pair_class_points": 100 * float(rose[most]),
    }


def _add_moved(page: Page, better: Subject, worse: Subject, test: Split, most: int, decided: bool) -> None:
    """Add what moved images cost both and, if one is better, whether that is where the difference comes from."""
    images, labels = np.asarray(test.images[:most]), test.labels[:most]
    try:
        right = {
            subject.name: [right_when_moved(subject.run, images, labels, pixels) for pixels in PIXELS]
            for subject in (better, worse)
        }
    except (ValueError, OSError) as error:  # the checkpoints were removed or are damaged
        page.text("What moved images cost is not known: {why_not_moved}", why_not_moved=str(error))
        return
    page.table(
        "moved",
        "Accuracy in percent on {moved_images:,} test images as they are, and moved by so many pixels left, right, up "
        "and down, with the border repeated behind them.",
        {"run": list(right)}
        | {f"{pixels} px": [100 * shares[i].mean() for shares in right.values()] for i, pixels in enumerate(PIXELS)},
        dict.fromkeys([f"{pixels} px" for pixels in PIXELS], ".1f"),
        moved_images=len(images),
    )
    lost = {name: 100 * (shares[0] - shares[1]) for name, shares in right.items()}  # (N,) points, of each image
    more = lost[worse.name] - lost[better.name]
    two_errors = 2 * more.std(ddof=1) / np.sqrt(len(more)) if len(more) > 1 else np.inf
    sentence = (
        "A convolution meets a moved image with the same weights at another place, a perceptron with other weights. "
        "Moved by one pixel, images cost {pair_better} {better_lost:.1f} points and {pair_worse} {worse_lost:.1f}, "
        "{lost_more:+.1f} ± {lost_error:.1f} (two standard errors, by image): "
    )
    if not decided:
        sentence += "which of the two is better may be chance, so there is nothing to explain by it."
    elif better.run.config.model == worse.run.config.model:
        sentence += "both are networks of one kind, and their recipes make the difference."
    elif abs(more.mean()) < two_errors:
        sentence += "that may be chance, and whether it is what makes {pair_better} the better one stays open."
    elif more.mean() < 0:
        sentence += "being indifferent to place is not what makes {pair_better} the better one."
    elif better.run.config.model == "conv":
        sentence += "what it learned at one place serves it at others, and that is where the convolution helps."
    else:
        sentence += "here the perceptron is the steadier one, whatever a convolution is built for."
    page.conclusion(
        sentence,
        better_lost=float(lost[better.name].mean()),
        worse_lost=float(lost[worse.name].mean()),
        lost_more=float(more.mean()),
        lost_error=float(two_errors),
    )
