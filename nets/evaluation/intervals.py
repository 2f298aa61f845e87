"""Shares of images, with their uncertainty."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """``count`` of ``total`` independent images, as an estimate of a probability.

    Undefined, with value and ends nan, if there are no images.
    """

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share itself."""
        return self.count / self.total if self.total else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 % confidence (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4)."""
        if not self.total:
            return np.nan, np.nan
        interval = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, method="wilson")
        return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class F1:
    """F1 = 2 TP / (2 TP + errors), the harmonic mean of precision and recall; ``errors`` are FP + FN.

    Of the images that are in the class or are taken for it, ``TP + errors`` many, the share TP / (TP + errors) = J is
    binomial, and F1 = 2 J / (1 + J) rises with it: its interval is Wilson's of J, transformed.
    """

    true_positives: int
    errors: int

    @property
    def value(self) -> float:
        """F1 itself; nan if no image is in the class or taken for it."""
        return _f1(self._jaccard.value)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of 95 % confidence."""
        low, high = self._jaccard.interval
        return _f1(low), _f1(high)

    @property
    def _jaccard(self) -> Proportion:
        return Proportion(self.true_positives, self.true_positives + self.errors)


def _f1(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)
