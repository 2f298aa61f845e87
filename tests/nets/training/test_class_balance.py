"""Uneven classes: weights in the loss against its definition, and scores against scikit-learn's."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.utils.class_weight import compute_class_weight

from nets import from_arrays
from nets.data.datasets import load
from nets.models.losses import cross_entropy, smoothed, weighted_cross_entropy
from nets.training.class_balance import are_uneven, balanced_scores, class_weights, confusion_counts
from nets.training.fitting import fit
from tests.nets.training.digits import CONFIG
from tests.tolerances import FLOAT32_SUM

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(300, 4)).astype(np.float32)
LABELS = RNG.choice(4, 300, p=[0.6, 0.2, 0.15, 0.05]).astype(np.int32)


def test_weights_and_scores_are_those_of_scikit_learn():
    weights = class_weights(LABELS, 4)
    np.testing.assert_allclose(weights, compute_class_weight("balanced", classes=np.arange(4), y=LABELS), rtol=1e-6)
    np.testing.assert_allclose(weights[LABELS].mean(), 1, rtol=1e-6)
    scores = balanced_scores(np.asarray(confusion_counts(LOGITS, LABELS)))
    predicted = LOGITS.argmax(axis=1)
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(LABELS, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(LABELS, predicted, average="macro"))
    assert abs(scores["balanced_accuracy"] - np.mean(predicted == LABELS)) > 0.01  # another number than the accuracy
    with pytest.raises(ValueError, match=r"`class_weights` balanced needs .* there are none of class 4"):
        class_weights(LABELS, 5)


def test_a_class_without_images_counts_in_macro_f1_if_it_is_predicted():
    labels, predicted = np.repeat([0, 1], [8, 2]), np.array([0] * 6 + [2, 2] + [1, 0])
    confusion = np.array([[6, 0, 2, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])  # nothing is, or is taken for, 3
    scores = balanced_scores(confusion)
    assert scores["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert scores["macro_f1"] == pytest.approx((12 / 15 + 2 / 3 + 0) / 3)
    assert scores["balanced_accuracy"] == pytest.approx((6 / 8 + 1 / 2) / 2)


def test_classes_are_uneven_from_one_and_a_half_times_on():
    assert are_uneven(np.repeat([0, 1], [15, 10]))
    assert not are_uneven(np.repeat([0, 1], [14, 10]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_weighted_loss_is_the_mean_of_weights_times_losses(smoothing):
    def loss(logits, labels):
        return smoothed(cross_entropy(logits, labels), logits, smoothing)

    ones = weighted_cross_entropy(LOGITS, LABELS, np.ones(4, np.float32), smoothing)
    np.testing.assert_allclose(ones, loss(LOGITS, LABELS), rtol=FLOAT32_SUM)
    weights = class_weights(LABELS, 4)
    # Weights of n / (K n_k) give the mean over classes of the mean loss of a class.
    by_class = [loss(LOGITS[label == LABELS], LABELS[label == LABELS]) for label in range(4)]
    actual = weighted_cross_entropy(LOGITS, LABELS, weights, smoothing)
    np.testing.assert_allclose(actual, np.mean(by_class), rtol=FLOAT32_SUM)
    assert abs(float(actual) - float(loss(LOGITS, LABELS))) > 1e-3
    gradient = jax.grad(weighted_cross_entropy)(LOGITS, LABELS, weights, smoothing)
    plain = jax.grad(loss)(LOGITS, LABELS)
    np.testing.assert_allclose(gradient, weights[LABELS][:, None] * plain, rtol=1e-5, atol=1e-8)


def uneven_digits():
    """The digits with a seventh of the images of eight and nine."""
    digits = load("digits")
    train, test = (
        part.take(np.flatnonzero((part.labels < 8) | (np.arange(len(part)) % 7 == 0)))
        for part in (digits.train, digits.test)
    )
    return from_arrays(train.images, train.labels, test.images, test.labels, class_names=digits.class_names)


def test_uneven_classes_are_said_and_scored_and_weights_raise_their_recall(tmp_path):
    config = replace(
        CONFIG, hidden=(), optimizer="sgd", learning_rate=3e-3, schedule="constant", validation=50, epochs=2
    )
    sentences, runs = [], {}
    for weights, stream in [("none", "never"), ("balanced", "always")]:  # both ways of evaluation
        runs[weights] = fit(
            replace(config, class_weights=weights, stream=stream, run_dir=tmp_path / weights),
            dataset=uneven_digits(),
            on_start=sentences.append,
        )
    assert "Classes are uneven (" in sentences[0]
    assert "balanced accuracy and macro F1 are shown.\n" in sentences[0]
    assert "shown, and the loss weights every class alike.\n" in sentences[1]
    balanced = {}
    for weights, run in runs.items():
        labels, predicted = run.predictions["test_labels"], run.predictions["test_logits"].argmax(axis=1)
        balanced[weights] = run.metrics[-1]["test_balanced_accuracy"]
        assert balanced[weights] == pytest.approx(balanced_accuracy_score(labels, predicted))
        assert run.metrics[-1]["validation_macro_f1"] > 0
    assert balanced["balanced"] > balanced["none"] + 0.02


def test_a_subset_of_the_training_images_is_stratified_and_leaves_the_others(run, tmp_path):
    sentences = []
    limited = fit(replace(CONFIG, limit=200, epochs=1, run_dir=tmp_path / "run"), on_start=sentences.append)
    counts = np.bincount(limited.predictions["train_labels"])
    assert (counts.sum(), counts.min() >= 18, counts.max() <= 22) == (200, True, True)
    assert "A subset of 200 training images is used, stratified by class, seed 0.\n" in sentences[0]
    for name in ("validation_index", "test_index"):
        np.testing.assert_array_equal(limited.predictions[name], run.predictions[name])
    assert set(limited.predictions["train_index"]) < set(run.predictions["train_index"])
    assert not any("balanced" in name for name in limited.metrics[0])
    for limit in (9, 1295):
        with pytest.raises(ValueError, match=rf"`limit` must be between 10, .* and 1294, .* got {limit}\."):
            fit(replace(CONFIG, limit=limit, run_dir=tmp_path / "other"))
