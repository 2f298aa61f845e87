"""Calibration: verdicts on calibrated and miscalibrated classifiers, and the fit of the temperature."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import kstest
from sklearn.metrics import brier_score_loss

from nets.evaluation.calibration_error import evaluate_calibration, fit_temperature


def sample(seed, count=2000, classes=5, temperature=1.0):
    """Return logits, and labels drawn from their softmax at ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((count, classes)) * 2
    p = softmax(logits / temperature, axis=1)
    return logits, (p.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1).clip(max=classes - 1)


def test_scores_are_their_definitions():
    logits, labels = sample(0)
    result = evaluate_calibration(log_softmax(logits, axis=1), labels)
    p = softmax(logits, axis=1)
    np.testing.assert_allclose(result.nll, -np.mean(np.log(p[np.arange(2000), labels])))
    np.testing.assert_allclose(result.brier, np.mean(np.sum((p - np.eye(5)[labels]) ** 2, axis=1)))
    np.testing.assert_allclose(result.brier, brier_score_loss(labels, p, scale_by_half=False))


def test_the_ece_is_that_of_guo():
    logits, labels = sample(1, temperature=2.0)
    p = softmax(logits, axis=1)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == labels
    expected = 0.0
    for m in range(15):
        in_bin = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if in_bin.any():
            expected += in_bin.mean() * abs(correct[in_bin].mean() - confidence[in_bin].mean())
    result = evaluate_calibration(log_softmax(logits, axis=1), labels)
    np.testing.assert_allclose(result.equal_width.ece, expected)
    assert result.equal_width.count.sum() == 2000
    assert result.equal_mass.count.tolist() == [134, 133, 133] * 5
    assert (np.diff(result.equal_mass.confidence) > 0).all()


def test_a_calibrated_classifier_is_rejected_at_the_nominal_level():
    verdicts = [evaluate_calibration(log_softmax(z, axis=1), y).equal_mass.verdict for z, y in map(sample, range(60))]
    assert verdicts.count("calibrated") >= 51  # of 60 at 95 %: fewer by chance once in 2000
    diagram = evaluate_calibration(log_softmax(sample(3)[0], axis=1), sample(3)[1]).equal_width
    assert 0 < diagram.ece_if_calibrated[0] < diagram.ece_if_calibrated[1]


@pytest.mark.parametrize(("temperature", "verdict"), [(1.5, "overconfident"), (0.6, "underconfident")])
def test_a_wrong_temperature_is_detected_and_corrected(temperature, verdict):
    logits, labels = sample(4, temperature=temperature)
    uncorrected = evaluate_calibration(log_softmax(logits, axis=1), labels)
    assert uncorrected.equal_width.verdict == uncorrected.equal_mass.verdict == verdict
    fitted = fit_temperature(*sample(5, count=20000, temperature=temperature))
    assert fitted.value == pytest.approx(temperature, rel=0.05)
    assert fitted.images == 20000
    corrected = evaluate_calibration(log_softmax(logits / fitted.value, axis=1), labels)
    assert corrected.nll < uncorrected.nll
    assert corrected.equal_width.ece < uncorrected.equal_width.ece / 2


@pytest.mark.parametrize("scale", [1.0, 1e8, 1e-8])
def test_the_temperature_is_the_minimum(scale):
    logits, labels = sample(6, temperature=1.7)
    fitted = fit_temperature(logits * scale, labels)

    def nll(log_t):
        return -np.mean(log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(labels)), labels])

    minimum = minimize_scalar(nll, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8})
    np.testing.assert_allclose(fitted.value / scale, np.exp(minimum.x), rtol=1e-5)


def test_temperature_one_is_rejected_at_the_nominal_level():
    p_values = np.array([fit_temperature(*sample(seed, count=300)).p_value for seed in range(400)])
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert 0.02 < np.mean(p_values < 0.05) < 0.09  # of 400: 4 standard errors
    assert fit_temperature(*sample(0, temperature=1.5)).p_value < 1e-6


def test_there_is_no_temperature_if_the_likelihood_has_no_maximum():
    logits, _ = sample(7)
    with pytest.raises(ValueError, match="must not all have the largest"):
        fit_temperature(logits, logits.argmax(axis=1))
    with pytest.raises(ValueError, match="must predict `labels` better than chance"):
        fit_temperature(logits, logits.argmin(axis=1))


def test_bins_of_few_or_equal_images():
    single = evaluate_calibration(np.log([[0.7, 0.3]]), np.array([0]))
    np.testing.assert_allclose(single.equal_width.ece, 0.3)
    assert single.equal_mass.count.tolist() == [1]
    confident = evaluate_calibration(log_softmax(np.array([[800.0, 0], [0, 800]]), axis=1), np.array([0, 1]))
    assert (confident.equal_width.ece, confident.nll, confident.equal_width.verdict) == (0, 0, "calibrated")
