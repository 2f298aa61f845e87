"""McNemar's test: exact, symmetric, and refused for different images."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from nets.evaluation.comparison import Comparison, compare
from nets.evaluation.metrics import Evaluation


def evaluation(correct):
    logits = np.zeros((len(correct), 2), np.float32)
    logits[np.arange(len(correct)), np.where(correct, 0, 1)] = 1
    return Evaluation(("a", "b"), logits, np.zeros(len(correct), np.int32), np.arange(len(correct)))


def test_the_comparison_counts_discordant_images():
    comparison = compare(evaluation([1, 1, 1, 0, 0]), evaluation([1, 0, 0, 1, 0]))
    assert comparison == Comparison(first_only=2, second_only=1, images=5)
    assert comparison.difference == pytest.approx(0.2)
    assert comparison.p_value == 1
    assert comparison.verdict == "undecided"


def test_the_p_value_is_the_exact_binomial_and_swapping_swaps():
    first, second = Comparison(40, 15, 1000), Comparison(15, 40, 1000)
    assert first.p_value == pytest.approx(2 * binom.cdf(15, 55, 0.5))
    assert (first.verdict, second.verdict) == ("first", "second")
    np.testing.assert_allclose(first.interval, [-end for end in reversed(second.interval)])
    assert first.difference == -second.difference == pytest.approx(0.025)


@pytest.mark.parametrize("discordant", [1, 5, 6, 20, 47, 300])
def test_the_interval_excludes_zero_if_the_test_rejects(discordant):
    far = max(0, discordant // 2 - 25)  # from the counts at which the verdict changes
    for b in range(far, discordant - far + 1):
        comparison = Comparison(b, discordant - b, 1000)
        low, high = comparison.interval
        assert (low <= 0 <= high) == (comparison.verdict == "undecided")
        assert low <= comparison.difference <= high


def test_classifiers_without_discordant_images_are_undecided():
    same = compare(evaluation([1, 0]), evaluation([1, 0]))
    assert (same.p_value, same.interval, same.verdict) == (1, (0, 0), "undecided")


@pytest.mark.parametrize(
    ("name", "value"), [("labels", np.ones(2, np.int32)), ("index", np.array([0, 5])), ("class_names", ("a", "c"))]
)
def test_different_images_are_refused(name, value):
    first = evaluation([1, 0])
    with pytest.raises(ValueError, match=f"their {name} differ"):
        compare(first, replace(first, **{name: value}))
