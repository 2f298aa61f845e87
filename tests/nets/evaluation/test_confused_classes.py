"""Groups of classes that are confused, and what moved images cost."""

import numpy as np
import pytest

from nets.data.datasets import load
from nets.evaluation.confused_classes import error_groups, two_groups
from nets.evaluation.metrics import Evaluation, evaluate
from nets.evaluation.translation_robustness import moved, right_when_moved

ANIMALS = np.isin(np.arange(10), [2, 3, 4, 5, 6, 7])


def confused(seed, within, count=4000, classes=10):
    """Return an evaluation a third of whose images are wrong, ``within`` of these inside the group."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count).astype(np.int32)
    predicted = labels.copy()
    for i in np.flatnonzero(rng.random(count) < 1 / 3):
        inside = (ANIMALS[labels[i]] == ANIMALS) == (rng.random() < within)
        predicted[i] = rng.choice(np.setdiff1d(np.flatnonzero(inside), labels[i]))
    return Evaluation(tuple("abcdefghij"), np.eye(10, dtype=np.float32)[predicted], labels, np.arange(count))


def test_groups_of_classes_that_are_confused_are_found():
    found = error_groups(confused(0, within=0.9))
    assert found is not None
    assert found.groups == ((0, 1, 8, 9), (2, 3, 4, 5, 6, 7))
    assert found.within.value == pytest.approx(0.9, abs=0.04)
    assert found.chance == pytest.approx((0.6 * 5 + 0.4 * 3) / 9, abs=0.02)
    low, _ = found.within.interval
    assert low > found.chance


def test_errors_without_groups_are_at_chance():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 4000).astype(np.int32)
    predicted = (labels + np.where(rng.random(4000) < 0.4, rng.integers(1, 10, 4000), 0)) % 10
    uniform = Evaluation(tuple("abcdefghij"), np.eye(10, dtype=np.float32)[predicted], labels, np.arange(4000))
    found = error_groups(uniform)
    assert found is not None
    low, high = found.within.interval
    assert low - 0.02 < found.chance < high + 0.02


def test_a_class_without_errors_is_in_a_group_too():
    errors = np.zeros((5, 5), int)
    errors[0, 1] = errors[3, 4] = 20
    first = two_groups(errors)
    assert first[0]
    assert first[1]
    assert not first[3]
    assert not first[4]
    assert first.dtype == bool


def test_few_errors_or_classes_have_no_groups():
    labels = np.zeros(50, np.int32)
    assert error_groups(Evaluation(tuple("abcd"), np.eye(4, dtype=np.float32)[labels], labels, np.arange(50))) is None
    assert error_groups(Evaluation(("a", "b"), np.eye(2, dtype=np.float32)[1 - labels], labels, np.arange(50))) is None


def test_images_are_moved_with_their_border_behind_them():
    images = np.arange(2 * 5 * 4 * 1, dtype=np.uint8).reshape(2, 5, 4, 1)
    down = moved(images, 2, 0)
    np.testing.assert_array_equal(down[:, 2:], images[:, :3])
    np.testing.assert_array_equal(down[:, 0], images[:, 0])
    np.testing.assert_array_equal(moved(images, 0, -1)[:, :, :3], images[:, :, 1:])
    np.testing.assert_array_equal(moved(images, 0, 0), images)


def test_what_is_moved_is_predicted_worse(run):
    test = load("digits").test
    still = right_when_moved(run, test.images, test.labels, 0)
    assert still.tolist() == evaluate(run, "test").right.tolist()
    by_two = right_when_moved(run, test.images, test.labels, 2)
    assert set(by_two) <= {0, 0.25, 0.5, 0.75, 1}
    assert by_two.mean() < still.mean() - 0.2  # of 8 pixels
