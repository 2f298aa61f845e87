"""Calibration of a classifier: proper scores, expected calibration error and temperature scaling.

Let p be the predictive of an image (K,), y its label, c = max p its confidence and a = [argmax p = y]. A calibrated
classifier has P(a = 1 | c) = c. The expected calibration error (ECE) bins images by confidence and compares the mean of
a with the mean of c in each bin (Naeini et al. 2015; Guo et al. 2017, "On calibration of modern neural networks", eq.
3). It is positive even for a calibrated classifier. Its distribution for a calibrated classifier with the same
confidences is therefore simulated (consistency resampling: Broecker and Smith 2007, "Increasing the reliability of
reliability diagrams").
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, softmax
from scipy.stats import chi2

NUM_BINS = 15
RESAMPLES = 1000
COVERAGE = 0.95


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: bins of images by confidence c, from low to high, without empty bins. Arrays of
    (bins,)."""

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    """Mean of c."""
    accuracy: NDArray[np.float64]
    """Mean of a."""
    consistency_interval: NDArray[np.float64]
    """(bins, 2) central 95 % interval of the accuracy of a calibrated classifier."""
    ece: float
    """The expected calibration error, sum_b n_b / N |accuracy_b - confidence_b|."""
    ece_if_calibrated: tuple[float, float]
    """Mean and 95 % quantile of the ECE of a calibrated classifier with these confidences."""

    @property
    def verdict(self) -> Literal["calibrated", "overconfident", "underconfident"]:
        """Calibrated unless the ECE rejects it at the 5 % level, and then the direction of the error."""
        if self.ece <= self.ece_if_calibrated[1]:
            return "calibrated"
        bias = np.sum(self.count * (self.confidence - self.accuracy))
        return "overconfident" if bias > 0 else "underconfident"


@dataclass(frozen=True)
class Calibration:
    """Proper scores of a predictive, and its reliability diagrams."""

    nll: float
    """Mean negative log-likelihood -log p_y, in nats an image."""
    brier: float
    """Mean of sum_k (p_k - [k = y])^2, from 0 to 2 (Brier 1950)."""
    equal_width: Reliability
    """Bins of equal width in confidence, between 0 and 1."""
    equal_mass: Reliability
    """Bins with equal numbers of images."""


def evaluate_calibration(log_predictive: NDArray[np.float64], labels: NDArray[np.integer]) -> Calibration:
    """Return scores and reliability diagrams of a predictive from log probabilities (N, K) and ``labels`` (N,)."""
    label_log_p = np.take_along_axis(log_predictive, labels[:, None].astype(np.int64), axis=1)[:, 0]
    p = np.exp(log_predictive)
    # sum_k (p_k - [k = y])^2 = sum_k p_k^2 - 2 p_y + 1
    brier = np.mean(np.sum(p**2, axis=1) - 2 * np.exp(label_log_p) + 1)
    confidence, correct = p.max(axis=1), log_predictive.argmax(axis=1) == labels
    width_bins = np.minimum((confidence * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    mass_bins = np.empty(len(labels), np.int64)
    mass_bins[np.argsort(confidence, kind="stable")] = np.arange(len(labels)) * NUM_BINS // len(labels)
    return Calibration(
        nll=-float(np.mean(label_log_p)),
        brier=float(brier),
        equal_width=_reliability(confidence, correct, width_bins),
        equal_mass=_reliability(confidence, correct, mass_bins),
    )


def _reliability(confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: NDArray[np.int64]) -> Reliability:
    """Return the reliability diagram with images in ``bins`` (N,)."""
    _, bins = np.unique(bins, return_inverse=True)
    count = np.bincount(bins)
    mean_confidence = np.bincount(bins, confidence) / count
    accuracy = np.bincount(bins, correct) / count

    rng = np.random.default_rng(0)  # the same numbers for the same predictions
    simulated = np.stack(
        [np.bincount(bins, rng.random(len(confidence)) < confidence) / count for _ in range(RESAMPLES)]
    )  # (resamples, bins)

    def ece(bin_accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.abs(bin_accuracy - mean_confidence) @ count / len(confidence)

    simulated_ece = ece(simulated)
    tails = [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
    return Reliability(
        count=count,
        confidence=mean_confidence,
        accuracy=accuracy,
        consistency_interval=np.quantile(simulated, tails, axis=0).T,
        ece=float(ece(accuracy)),
        ece_if_calibrated=(float(simulated_ece.mean()), float(np.quantile(simulated_ece, COVERAGE))),
    )


@dataclass(frozen=True)
class TemperatureScaling:
    """The temperature T > 0 that divides the logits (Guo et al. 2017, section 4.2); T = 1 is the identity."""

    value: float
    images: int
    """Number of images in the fit."""
    p_value: float
    """P-value of T = 1 by the likelihood ratio test: 2 (log L(T) - log L(1)) is chi squared, 1 degree of freedom (Wilks
    1938)."""


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> TemperatureScaling:
    """Return the temperature that minimizes the negative log-likelihood of ``labels`` (N,) given ``logits`` (N, K) / T.

    The negative log-likelihood is convex in b = 1 / T. Its slope, the mean of E_p[z] - z_y with p = softmax(b z), has
    therefore one root or none. Raises ValueError if there is none: if every label has the largest logit, any lower
    temperature is better, and if the logits predict the labels no better than chance, any higher one.
    """
    z = logits.astype(np.float64)
    z = z - z.max(axis=1, keepdims=True)
    label_logit = np.take_along_axis(z, labels[:, None].astype(np.int64), axis=1)[:, 0]

    def slope(b: float) -> float:
        return float(np.mean(np.sum(softmax(b * z, axis=1) * z, axis=1) - label_logit))

    if (label_logit == 0).all():
        raise ValueError("`labels` must not all have the largest of their `logits`: any lower temperature is better.")
    if not slope(0) < 0:
        raise ValueError("`logits` must predict `labels` better than chance: any higher temperature is better.")
    upper = 1 / np.abs(z).max()
    while slope(upper) <= 0:  # ends: a label without the largest logit has unbounded loss
        upper *= 2
    b = float(brentq(slope, 0, upper, xtol=1e-12 * upper))
    log_ratio = np.sum(b * label_logit - logsumexp(b * z, axis=1)) - np.sum(label_logit - logsumexp(z, axis=1))
    return TemperatureScaling(1 / b, len(labels), float(chi2.sf(2 * max(log_ratio, 0), df=1)))
