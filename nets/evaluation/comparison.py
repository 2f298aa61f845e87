"""Comparison of two classifiers on the same images by McNemar's exact test."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from nets.evaluation.intervals import CONFIDENCE
from nets.evaluation.metrics import Evaluation


@dataclass(frozen=True)
class Comparison:
    """McNemar's exact test of two classifiers on the same N images.

    Only discordant images, which exactly one classifier gets right, are informative. If the accuracies are equal, the
    number b that the first gets right, of b + c in all, is Binomial(b + c, 1/2) (McNemar 1947; the exact conditional
    test of Fagerland, Lydersen and Laake 2013). The test is about these two trained networks and images like these.
    Another seed would give another network.
    """

    first_only: int
    """b, the images that only the first classifies correctly."""
    second_only: int
    """c, the images that only the second classifies correctly."""
    images: int
    """N"""

    @property
    def p_value(self) -> float:
        """Two-sided, exact; 1 if there are no discordant images."""
        discordant = self.first_only + self.second_only
        return float(binomtest(self.first_only, discordant).pvalue) if discordant else 1.0

    @property
    def difference(self) -> float:
        """Accuracy of the first minus accuracy of the second, (b - c) / N."""
        return (self.first_only - self.second_only) / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference, from Clopper and Pearson's of b / (b + c); excludes 0 if p is below 5 %."""
        discordant = self.first_only + self.second_only
        if not discordant:
            return 0.0, 0.0
        bounds = binomtest(self.first_only, discordant).proportion_ci(CONFIDENCE, method="exact")
        low, high = ((2 * end - 1) * discordant / self.images for end in bounds)
        return float(low), float(high)

    @property
    def verdict(self) -> Literal["first", "second", "undecided"]:
        """The better classifier at the 5 % level."""
        if self.p_value >= 1 - CONFIDENCE:
            return "undecided"
        return "first" if self.difference > 0 else "second"


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two classifiers; raise ValueError unless they were evaluated on the same images."""
    for name in ["class_names", "index", "labels"]:
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(
                f"`second` must be an evaluation of the same images as `first`, but their {name} differ; compare runs "
                "on the test split of one data set."
            )
    b, c = first.correct & ~second.correct, second.correct & ~first.correct
    return Comparison(int(b.sum()), int(c.sum()), len(first.labels))
