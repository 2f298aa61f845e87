"""Translations of images, and their effect on the accuracy."""

import numpy as np

from nets.data.datasets import load
from nets.evaluation.metrics import evaluate
from nets.evaluation.translation_robustness import correct_fraction_when_translated, translate


def test_images_are_translated_with_edge_padding():
    images = np.arange(2 * 5 * 4 * 1, dtype=np.uint8).reshape(2, 5, 4, 1)
    down = translate(images, 2, 0)
    np.testing.assert_array_equal(down[:, 2:], images[:, :3])
    np.testing.assert_array_equal(down[:, 0], images[:, 0])
    np.testing.assert_array_equal(translate(images, 0, -1)[:, :, :3], images[:, :, 1:])
    np.testing.assert_array_equal(translate(images, 0, 0), images)


def test_translated_images_are_classified_worse(run):
    test = load("digits").test
    untranslated = correct_fraction_when_translated(run, test.images, test.labels, 0)
    assert untranslated.tolist() == evaluate(run, "test").correct.tolist()
    by_two_pixels = correct_fraction_when_translated(run, test.images, test.labels, 2)
    assert set(by_two_pixels) <= {0, 0.25, 0.5, 0.75, 1}
    assert by_two_pixels.mean() < untranslated.mean() - 0.2  # of 8 pixels
