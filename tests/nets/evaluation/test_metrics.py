"""Metrics: equal to those of scikit-learn, intervals with nominal coverage, and errors of runs without predictions."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binom
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from nets.evaluation.intervals import F1, Proportion
from nets.evaluation.metrics import (
    Evaluation,
    evaluate,
    evaluate_members,
    fit_validation_temperature,
    scale_temperature,
)
from nets.training.fitting import fit
from nets.training.runs import load_run
from tests.nets.training.digits import CONFIG

NAMES = ("cat", "dog", "eel", "<emu>")


def evaluation(labels, predicted, logit=5.0, classes=4):
    logits = np.zeros((len(labels), classes), np.float32)
    logits[np.arange(len(labels)), predicted] = logit
    return Evaluation(NAMES[:classes], logits, np.array(labels, np.int32), np.arange(100, 100 + len(labels)))


@pytest.fixture(scope="module")
def random_evaluation():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 500)
    return evaluation(labels, np.where(rng.random(500) < 0.6, labels, rng.integers(0, 4, 500)), rng.uniform(1, 5, 500))


def test_metrics_are_those_of_scikit_learn(random_evaluation):
    expected = precision_recall_fscore_support(
        random_evaluation.labels, random_evaluation.predicted, zero_division=np.nan
    )
    for name, values in zip(["precision", "recall", "f1"], expected[:3], strict=True):
        np.testing.assert_allclose([metric.value for metric in getattr(random_evaluation, name)], values)
    np.testing.assert_array_equal(random_evaluation.confusion_matrix.sum(axis=1), expected[3])
    normalized = confusion_matrix(random_evaluation.labels, random_evaluation.predicted, normalize="true")
    np.testing.assert_allclose(random_evaluation.normalized_confusion_matrix, normalized)
    np.testing.assert_allclose(
        random_evaluation.accuracy.value, np.mean(random_evaluation.labels == random_evaluation.predicted)
    )
    np.testing.assert_allclose(
        random_evaluation.calibration.nll, log_loss(random_evaluation.labels, softmax(random_evaluation.logits, axis=1))
    )


def test_a_class_never_predicted_has_no_precision_and_one_without_images_no_recall():
    result = evaluation([0, 1, 1, 2], [0, 0, 1, 1])
    assert np.isnan(result.precision[2].value)
    assert np.isnan(result.precision[2].interval).all()
    assert (result.recall[2].value, result.f1[2].value) == (0, 0)
    assert np.isnan(result.recall[3].value)
    assert np.isnan(result.f1[3].value)
    assert result.confusion_matrix.shape == (4, 4)
    assert np.isnan(result.normalized_confusion_matrix[3]).all()
    np.testing.assert_allclose(result.normalized_confusion_matrix[:3].sum(axis=1), 1)


def test_the_most_confused_pairs_come_first():
    result = evaluation([0, 0, 0, 1, 1, 2, 3], [0, 1, 1, 0, 1, 2, 0])
    assert [result.describe_pair(pair) for pair in result.most_confused_pairs(5)] == [
        "cat predicted as dog: 2 of 3",
        "dog predicted as cat: 1 of 2",
        "<emu> predicted as cat: 1 of 1",
    ]
    assert len(result.most_confused_pairs(1)) == 1
    assert evaluation([0, 1], [0, 1]).most_confused_pairs(3) == []


def test_the_most_confident_errors_come_first():
    result = evaluation([0, 1, 2, 3], [1, 1, 3, 0], np.array([2.0, 9.0, 4.0, 3.0]))
    errors = result.most_confident_errors(2)
    assert [(error.index, error.label, error.predicted) for error in errors] == [(102, 2, 3), (103, 3, 0)]
    np.testing.assert_allclose(errors[0].probability, np.exp(4) / (np.exp(4) + 3))


def test_an_interval_has_its_nominal_coverage():
    for p in [0.05, 0.5, 0.93]:
        counts = np.arange(201)
        covers = [low <= p <= high for low, high in (Proportion(int(k), 200).interval for k in counts)]
        assert 0.93 < binom.pmf(counts, 200, p)[covers].sum() < 0.975
    low, high = Proportion(0, 50).interval
    assert low == 0
    assert 0.05 < high < 0.1


@pytest.mark.slow
def test_the_interval_of_f1_has_its_nominal_coverage():
    rng = np.random.default_rng(0)
    p = np.array([0.08, 0.03, 0.04, 0.85])  # of TP, FP, FN, TN
    true_f1 = 2 * p[0] / (2 * p[0] + p[1] + p[2])
    draws = rng.multinomial(500, p, size=4000)
    coverage = np.mean(
        [low <= true_f1 <= high for low, high in (F1(int(d[0]), int(d[1] + d[2])).interval for d in draws)]
    )
    assert abs(coverage - 0.95) < 0.015  # 4 standard errors of the mean of 4000
    assert F1(8, 4).value == pytest.approx(16 / 20)


def test_a_run_is_evaluated_from_its_folder(run):
    for split in ["validation", "test"]:
        result = evaluate(run, split)
        assert result.accuracy.value == pytest.approx(run.metrics[-1][f"{split}_accuracy"])
        assert result.calibration.nll == pytest.approx(run.metrics[-1][f"{split}_loss"], rel=1e-5)
    assert evaluate(run, "train").accuracy.total == 1294
    (member,) = evaluate_members(run, "test")
    np.testing.assert_array_equal(member.logits, result.logits)
    temperature = fit_validation_temperature(run)
    assert temperature.images == 143
    rescaled = scale_temperature(result, temperature)
    np.testing.assert_array_equal(rescaled.predicted, result.predicted)
    validation = evaluate(run, "validation")
    assert scale_temperature(validation, temperature).calibration.nll <= validation.calibration.nll


@pytest.mark.usefixtures("flax_promotes_ranks")
def test_a_run_that_cannot_be_evaluated_gives_the_reason(tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    config = replace(CONFIG, run_dir=tmp_path / "run", validation=0, epochs=1)
    with pytest.raises(KeyboardInterrupt):
        fit(config, on_epoch=stop)
    shutil.rmtree(tmp_path / "run/checkpoints")
    with pytest.raises(ValueError, match=r"run .* has no last checkpoint"):
        evaluate(load_run(tmp_path / "run"), "test")
    with pytest.raises(ValueError, match=r"run .* has no validation images"):
        fit_validation_temperature(fit(config))
