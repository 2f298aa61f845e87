"""Proportions and F1 scores, with confidence intervals."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """``count`` of ``total`` independent images, as an estimate of a probability.

    Value and interval are nan if there are no images.
    """

    count: int
    total: int

    @property
    def value(self) -> float:
        """The proportion, count / total."""
        return self.count / self.total if self.total else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % confidence interval (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4)."""
        if not self.total:
            return np.nan, np.nan
        interval = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, method="wilson")
        return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class F1:
    """F1 = 2 TP / (2 TP + errors), the harmonic mean of precision and recall; ``errors`` are FP + FN.

    J = TP / (TP + errors), the Jaccard index, is a binomial proportion of the ``TP + errors`` images that have the
    class as label or prediction. F1 = 2 J / (1 + J) increases with J, so its interval is Wilson's interval of J,
    transformed.
    """

    true_positives: int
    errors: int

    @property
    def value(self) -> float:
        """The F1 score; nan if no image has the class as label or prediction."""
        return _f1(self._jaccard.value)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval."""
        low, high = self._jaccard.interval
        return _f1(low), _f1(high)

    @property
    def _jaccard(self) -> Proportion:
        return Proportion(self.true_positives, self.true_positives + self.errors)


def _f1(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)
