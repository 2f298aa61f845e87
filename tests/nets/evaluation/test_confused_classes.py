"""Groups of classes that are confused."""

import numpy as np
import pytest

from nets.evaluation.confused_classes import bisect_classes, error_groups
from nets.evaluation.metrics import Evaluation

ANIMALS = np.isin(np.arange(10), [2, 3, 4, 5, 6, 7])


def confused_evaluation(seed, within, count=4000, classes=10):
    """Return an evaluation with one third errors, a proportion ``within`` of them inside the group of the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count).astype(np.int32)
    predicted = labels.copy()
    for i in np.flatnonzero(rng.random(count) < 1 / 3):
        inside = (ANIMALS[labels[i]] == ANIMALS) == (rng.random() < within)
        predicted[i] = rng.choice(np.setdiff1d(np.flatnonzero(inside), labels[i]))
    return Evaluation(tuple("abcdefghij"), np.eye(10, dtype=np.float32)[predicted], labels, np.arange(count))


def test_groups_of_confused_classes_are_recovered():
    result = error_groups(confused_evaluation(0, within=0.9))
    assert result is not None
    assert result.groups == ((0, 1, 8, 9), (2, 3, 4, 5, 6, 7))
    assert result.within.value == pytest.approx(0.9, abs=0.04)
    assert result.chance == pytest.approx((0.6 * 5 + 0.4 * 3) / 9, abs=0.02)
    low, _ = result.within.interval
    assert low > result.chance


def test_errors_without_groups_are_at_chance():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 4000).astype(np.int32)
    predicted = (labels + np.where(rng.random(4000) < 0.4, rng.integers(1, 10, 4000), 0)) % 10
    uniform = Evaluation(tuple("abcdefghij"), np.eye(10, dtype=np.float32)[predicted], labels, np.arange(4000))
    result = error_groups(uniform)
    assert result is not None
    low, high = result.within.interval
    assert low - 0.02 < result.chance < high + 0.02


def test_a_class_without_errors_is_in_a_group_too():
    errors = np.zeros((5, 5), int)
    errors[0, 1] = errors[3, 4] = 20
    first = bisect_classes(errors)
    assert first[0]
    assert first[1]
    assert not first[3]
    assert not first[4]
    assert first.dtype == bool


def test_few_errors_or_classes_have_no_groups():
    labels = np.zeros(50, np.int32)
    assert error_groups(Evaluation(tuple("abcd"), np.eye(4, dtype=np.float32)[labels], labels, np.arange(50))) is None
    assert error_groups(Evaluation(("a", "b"), np.eye(2, dtype=np.float32)[1 - labels], labels, np.arange(50))) is None
