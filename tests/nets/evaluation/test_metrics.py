"""Evaluation: scikit-learn's figures, honest intervals, confusions in words, and what cannot be evaluated."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binom
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from nets.evaluation.intervals import F1, Proportion
from nets.evaluation.metrics import Evaluation, evaluate, evaluate_members, scaled, temperature_of
from nets.training.fitting import fit
from nets.training.runs import load_run
from tests.nets.training.trained import CONFIG

NAMES = ("cat", "dog", "eel", "<emu>")


def evaluation(labels, predicted, sureness=5.0, classes=4):
    logits = np.zeros((len(labels), classes), np.float32)
    logits[np.arange(len(labels)), predicted] = sureness
    return Evaluation(NAMES[:classes], logits, np.array(labels, np.int32), np.arange(100, 100 + len(labels)))


@pytest.fixture(scope="module")
def random():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 500)
    return evaluation(labels, np.where(rng.random(500) < 0.6, labels, rng.integers(0, 4, 500)), rng.uniform(1, 5, 500))


def test_figures_are_those_of_scikit_learn(random):
    expected = precision_recall_fscore_support(random.labels, random.predicted, zero_division=np.nan)
    for name, values in zip(["precision", "recall", "f1"], expected[:3], strict=True):
        np.testing.assert_allclose([one.value for one in getattr(random, name)], values)
    np.testing.assert_array_equal(random.confusion.sum(axis=1), expected[3])
    shares = confusion_matrix(random.labels, random.predicted, normalize="true")
    np.testing.assert_allclose(random.confusion_shares, shares)
    np.testing.assert_allclose(random.accuracy.value, np.mean(random.labels == random.predicted))
    np.testing.assert_allclose(random.calibration.nll, log_loss(random.labels, softmax(random.logits, axis=1)))


def test_a_class_never_predicted_has_no_precision_and_one_without_images_no_recall():
    never = evaluation([0, 1, 1, 2], [0, 0, 1, 1])
    assert np.isnan(never.precision[2].value)
    assert np.isnan(never.precision[2].interval).all()
    assert (never.recall[2].value, never.f1[2].value) == (0, 0)
    assert np.isnan(never.recall[3].value)
    assert np.isnan(never.f1[3].value)
    assert never.confusion.shape == (4, 4)
    assert np.isnan(never.confusion_shares[3]).all()
    np.testing.assert_allclose(never.confusion_shares[:3].sum(axis=1), 1)


def test_confusions_are_in_words_the_most_frequent_first():
    some = evaluation([0, 0, 0, 1, 1, 2, 3], [0, 1, 1, 0, 1, 2, 0])
    assert [some.in_words(pair) for pair in some.confusions(5)] == [
        "cat taken for dog: 2 of 3",
        "dog taken for cat: 1 of 2",
        "<emu> taken for cat: 1 of 1",
    ]
    assert len(some.confusions(1)) == 1
    assert evaluation([0, 1], [0, 1]).confusions(3) == []


def test_the_most_confident_mistakes_come_first():
    some = evaluation([0, 1, 2, 3], [1, 1, 3, 0], np.array([2.0, 9.0, 4.0, 3.0]))
    mistakes = some.mistakes(2)
    assert [(one.index, one.true, one.predicted) for one in mistakes] == [(102, 2, 3), (103, 3, 0)]
    np.testing.assert_allclose(mistakes[0].probability, np.exp(4) / (np.exp(4) + 3))


def test_an_interval_covers_as_often_as_it_says():
    for p in [0.05, 0.5, 0.93]:
        counts = np.arange(201)
        inside = [low <= p <= high for low, high in (Proportion(int(k), 200).interval for k in counts)]
        assert 0.93 < binom.pmf(counts, 200, p)[inside].sum() < 0.975
    low, high = Proportion(0, 50).interval
    assert low == 0
    assert 0.05 < high < 0.1


def test_the_interval_of_f1_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p = np.array([0.08, 0.03, 0.04, 0.85])  # of TP, FP, FN, TN
    truth = 2 * p[0] / (2 * p[0] + p[1] + p[2])
    draws = rng.multinomial(500, p, size=4000)
    covered = np.mean([low <= truth <= high for low, high in (F1(int(d[0]), int(d[1] + d[2])).interval for d in draws)])
    assert abs(covered - 0.95) < 0.015  # 4 standard errors of the mean of 4000
    assert F1(8, 4).value == pytest.approx(16 / 20)


def test_a_run_is_evaluated_from_its_folder(run):
    for split in ["validation", "test"]:
        result = evaluate(run, split)
        assert result.accuracy.value == pytest.approx(run.metrics[-1][f"{split}_accuracy"])
        assert result.calibration.nll == pytest.approx(run.metrics[-1][f"{split}_loss"], rel=1e-5)
    assert evaluate(run, "train").accuracy.total == 1294
    (alone,) = evaluate_members(run, "test")
    np.testing.assert_array_equal(alone.logits, result.logits)
    temperature = temperature_of(run)
    assert temperature.images == 143
    cooled = scaled(result, temperature)
    np.testing.assert_array_equal(cooled.predicted, result.predicted)
    held = evaluate(run, "validation")
    assert scaled(held, temperature).calibration.nll <= held.calibration.nll


@pytest.mark.usefixtures("flax_promotes_ranks")
def test_what_cannot_be_evaluated_says_why(tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    config = replace(CONFIG, run_dir=tmp_path / "run", validation=0, epochs=1)
    with pytest.raises(KeyboardInterrupt):
        fit(config, on_epoch=stop)
    with pytest.raises(ValueError, match=r"run .* is not finished; continue it with --resume"):
        evaluate(load_run(tmp_path / "run"), "test")
    with pytest.raises(ValueError, match=r"run .* has no validation images"):
        temperature_of(fit(config, resume=True))
