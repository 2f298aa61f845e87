"""The section that compares runs on the same test images and analyses their differences."""

from itertools import combinations

import numpy as np

from closedform.multiple_testing import holm
from nets.data.splits import Split
from nets.evaluation.comparison import Comparison, compare
from nets.evaluation.intervals import CONFIDENCE
from nets.evaluation.translation_robustness import correct_fraction_when_translated
from reports.classifiers.problem import ReportRun
from reports.shared.page import Numbers

PIXELS = (0, 1, 2)
MAX_TRANSLATED = 1000
"""Number of test images that are translated with --full; without it, a fifth of them."""


def comparison_section(runs: list[ReportRun], test: Split | str, full: bool) -> Numbers:
    """Return paired tests of all pairs of runs, and an analysis of one: an MLP and a conv net if there are both."""
    pairs = list(combinations(runs, 2))
    results = [compare(first.test, second.test) for first, second in pairs]
    rejected = holm([result.p_value for result in results], 1 - CONFIDENCE)
    first, second = _pair(runs)
    place = pairs.index((first, second))
    better, worse = (first, second) if results[place].difference > 0 else (second, first)
    count = MAX_TRANSLATED if full else MAX_TRANSLATED // 5
    return {
        "pairs": {
            "first": [first.name for first, _ in pairs],
            "second": [second.name for _, second in pairs],
            "only first correct": [result.first_only for result in results],
            "only second correct": [result.second_only for result in results],
            "difference": [100 * result.difference for result in results],
            "from": [100 * result.interval[0] for result in results],
            "to": [100 * result.interval[1] for result in results],
            "p": [result.p_value for result in results],
            "better": [
                (first if result.difference > 0 else second).name if significant else "undecided"
                for (first, second), result, significant in zip(pairs, results, rejected, strict=True)
            ],
        },
        "pair": _differences(better, worse, results[place]) | {"significant": rejected[place]},
        "translated": _translated(better, worse, test, count) if isinstance(test, Split) else None,
    }


def _pair(runs: list[ReportRun]) -> tuple[ReportRun, ReportRun]:
    """Return the first MLP and the first conv net, in the order of ``runs``, or the first two runs."""
    firsts = {run.run.config.model: run for run in reversed(runs)}
    pair = list(firsts.values()) if len(firsts) == 2 else runs[:2]
    first, second = sorted(pair, key=runs.index)
    return first, second


def _differences(better: ReportRun, worse: ReportRun, result: Comparison) -> Numbers:
    """Return the analysis of a pair: the confusion that decreases most, and the classes with a higher recall."""
    names = better.test.class_names
    decrease = worse.test.confusion_matrix - better.test.confusion_matrix
    np.fill_diagonal(decrease, np.iinfo(decrease.dtype).min)
    i, j = divmod(int(np.argmax(decrease)), len(names))
    increase = np.array([a.value - b.value for a, b in zip(better.test.recall, worse.test.recall, strict=True)])
    largest = int(np.nanargmax(increase))
    return {
        "better": better.name,
        "worse": worse.name,
        "difference": 100 * abs(result.difference),
        "p": result.p_value,
        "better_model": better.run.config.model,
        "worse_model": worse.run.config.model,
        "better_size": better.run.provenance["parameters"],
        "worse_size": worse.run.provenance["parameters"],
        "better_gap": 100 * (better.train.accuracy.value - better.test.accuracy.value),
        "worse_gap": 100 * (worse.train.accuracy.value - worse.test.accuracy.value),
        "confusion": [names[i], names[j]],
        "worse_count": worse.test.confusion_matrix[i, j],
        "better_count": better.test.confusion_matrix[i, j],
        "classes": np.sum(increase > 0),
        "all_classes": np.sum(~np.isnan(increase)),
        "class": names[largest],
        "class_points": 100 * increase[largest],
    }


def _translated(better: ReportRun, worse: ReportRun, test: Split, count: int) -> Numbers:
    """Return the accuracies of two runs on translated images, and how much more the worse run loses by one pixel."""
    images, labels = np.asarray(test.images[:count]), test.labels[:count]
    try:
        correct = {
            run.name: [correct_fraction_when_translated(run.run, images, labels, pixels) for pixels in PIXELS]
            for run in (better, worse)
        }
    except (ValueError, OSError) as error:  # the checkpoints were removed or are damaged
        return {"error": str(error)}
    drop = {name: 100 * (fractions[0] - fractions[1]) for name, fractions in correct.items()}  # (N,) points, per image
    difference = drop[worse.name] - drop[better.name]
    return {
        "error": "",
        "images": len(images),
        "max_pixels": max(PIXELS),
        "accuracies": {"run": list(correct)}
        | {
            f"{pixels} px": [100 * fractions[i].mean() for fractions in correct.values()]
            for i, pixels in enumerate(PIXELS)
        },
        "better_drop": drop[better.name].mean(),
        "worse_drop": drop[worse.name].mean(),
        "difference": difference.mean(),
        "two_errors": 2 * difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.inf,
    }
