"""Whether a classifier's probabilities can be believed: scores, calibration error, and the one temperature.

Let p be the predictive of an image (K,), y its label, c = max p its confidence and a = [argmax p = y]. A calibrated
classifier has P(a = 1 | c) = c. The calibration error sorts images into bins by confidence and compares, in each, the
mean of a with the mean of c (Naeini et al. 2015; Guo et al. 2017, "On calibration of modern neural networks", eq. 3).
It is never 0, even for a calibrated classifier: what such a one would have with the same confidences is simulated
(consistency resampling: Broecker and Smith 2007, "Increasing the reliability of reliability diagrams").
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, softmax
from scipy.stats import chi2

BINS = 15
RESAMPLES = 1000
COVERAGE = 0.95


@dataclass(frozen=True)
class Reliability:
    """Bins of images by confidence c, from low to high; those without an image are left out. Arrays of (bins,)."""

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    """Mean of c."""
    accuracy: NDArray[np.float64]
    """Mean of a."""
    expected: NDArray[np.float64]
    """(bins, 2) between which the accuracy of a calibrated classifier would lie in 95 % of samples."""
    error: float
    """The calibration error, sum_b n_b / N |accuracy_b - confidence_b|."""
    calibrated_error: tuple[float, float]
    """Its mean, and its 95 % point, for a calibrated classifier with these confidences."""

    @property
    def verdict(self) -> Literal["calibrated", "overconfident", "underconfident"]:
        """Whether a calibrated classifier may have this error, at the 5 % level, and if not, which way it goes."""
        if self.error <= self.calibrated_error[1]:
            return "calibrated"
        bias = np.sum(self.count * (self.confidence - self.accuracy))
        return "overconfident" if bias > 0 else "underconfident"


@dataclass(frozen=True)
class Calibration:
    """Proper scores of a predictive, and its reliability."""

    nll: float
    """Mean negative log-likelihood -log p_y, in nats an image."""
    brier: float
    """Mean of sum_k (p_k - [k = y])^2, from 0 to 2 (Brier 1950)."""
    equal_width: Reliability
    """Bins of equal width in confidence, between 0 and 1."""
    equal_mass: Reliability
    """Bins of equally many images."""


def calibration(log_predictive: NDArray[np.float64], labels: NDArray[np.integer]) -> Calibration:
    """Return scores and reliability of a predictive, given as log probabilities (N, K), for ``labels`` (N,)."""
    of_label = np.take_along_axis(log_predictive, labels[:, None].astype(np.int64), axis=1)[:, 0]
    p = np.exp(log_predictive)
    # sum_k (p_k - [k = y])^2 = sum_k p_k^2 - 2 p_y + 1
    brier = np.mean(np.sum(p**2, axis=1) - 2 * np.exp(of_label) + 1)
    confidence, right = p.max(axis=1), log_predictive.argmax(axis=1) == labels
    width = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    mass = np.empty(len(labels), np.int64)
    mass[np.argsort(confidence, kind="stable")] = np.arange(len(labels)) * BINS // len(labels)
    return Calibration(
        nll=-float(np.mean(of_label)),
        brier=float(brier),
        equal_width=_reliability(confidence, right, width),
        equal_mass=_reliability(confidence, right, mass),
    )


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: NDArray[np.int64]) -> Reliability:
    """Return the reliability of images sorted into ``bins`` (N,)."""
    _, bins = np.unique(bins, return_inverse=True)
    count = np.bincount(bins)
    mean_confidence = np.bincount(bins, confidence) / count
    mean_right = np.bincount(bins, right) / count

    rng = np.random.default_rng(0)  # the same figures for the same predictions
    calibrated = np.stack(
        [np.bincount(bins, rng.random(len(confidence)) < confidence) / count for _ in range(RESAMPLES)]
    )  # (resamples, bins)

    def error(accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.abs(accuracy - mean_confidence) @ count / len(confidence)

    errors = error(calibrated)
    tails = [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
    return Reliability(
        count=count,
        confidence=mean_confidence,
        accuracy=mean_right,
        expected=np.quantile(calibrated, tails, axis=0).T,
        error=float(error(mean_right)),
        calibrated_error=(float(errors.mean()), float(np.quantile(errors, COVERAGE))),
    )


@dataclass(frozen=True)
class Temperature:
    """The temperature T > 0 by which logits are divided (Guo et al. 2017, section 4.2); 1 changes nothing."""

    value: float
    images: int
    """How many images it was fitted to."""
    p_value: float
    """Of T = 1, by the likelihood ratio: 2 (log L(T) - log L(1)) is chi squared, 1 degree of freedom (Wilks 1938)."""


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> Temperature:
    """Return the temperature of smallest negative log-likelihood of ``labels`` (N,) given ``logits`` (N, K) / T.

    In b = 1 / T the negative log-likelihood is convex, so its slope, the mean of E_p[z] - z_y with p = softmax(b z), is
    zero at one b or at none. ValueError if at none: where every label has the largest logit any lower temperature is
    better, and where logits say no more of labels than chance any higher one is.
    """
    z = logits.astype(np.float64)
    z = z - z.max(axis=1, keepdims=True)
    of_label = np.take_along_axis(z, labels[:, None].astype(np.int64), axis=1)[:, 0]

    def slope(b: float) -> float:
        return float(np.mean(np.sum(softmax(b * z, axis=1) * z, axis=1) - of_label))

    if (of_label == 0).all():
        raise ValueError("`labels` must not all have the largest of their `logits`: any lower temperature is better.")
    if not slope(0) < 0:
        raise ValueError("`logits` must say something of `labels`: any higher temperature would be better.")
    high = 1 / np.abs(z).max()
    while slope(high) <= 0:  # in the end positive: a label below the largest loses without limit
        high *= 2
    b = float(brentq(slope, 0, high, xtol=1e-12 * high))
    ratio = np.sum(b * of_label - logsumexp(b * z, axis=1)) - np.sum(of_label - logsumexp(z, axis=1))
    return Temperature(1 / b, len(labels), float(chi2.sf(2 * max(ratio, 0), df=1)))
