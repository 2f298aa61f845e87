"""Two classifiers on the same images: is one better, or is it chance?"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from nets.evaluation.intervals import CONFIDENCE
from nets.evaluation.metrics import Evaluation


@dataclass(frozen=True)
class Comparison:
    """McNemar's exact test of two classifiers on N images that both saw.

    Images that both get right, or both wrong, say nothing of which is better. Of the b + c that only one gets right,
    b by the first, each is a fair coin if their accuracies are equal: b ~ Binomial(b + c, 1/2) (McNemar 1947; the exact
    conditional test of Fagerland, Lydersen and Laake 2013). It is a statement on these two trained networks and on
    images like these; another seed is another network.
    """

    first_only: int
    """b, images that only the first gets right."""
    second_only: int
    """c, images that only the second does."""
    images: int
    """N"""

    @property
    def p_value(self) -> float:
        """Two-sided, exact; 1 if they never differ."""
        differ = self.first_only + self.second_only
        return float(binomtest(self.first_only, differ).pvalue) if differ else 1.0

    @property
    def difference(self) -> float:
        """Accuracy of the first less that of the second, (b - c) / N."""
        return (self.first_only - self.second_only) / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 % confidence, from Clopper and Pearson's of b / (b + c); without 0 where the p-value is below 5 %."""
        differ = self.first_only + self.second_only
        if not differ:
            return 0.0, 0.0
        share = binomtest(self.first_only, differ).proportion_ci(CONFIDENCE, method="exact")
        low, high = ((2 * end - 1) * differ / self.images for end in share)
        return float(low), float(high)

    @property
    def verdict(self) -> Literal["first", "second", "undecided"]:
        """Which is better at the 5 % level."""
        if self.p_value >= 1 - CONFIDENCE:
            return "undecided"
        return "first" if self.difference > 0 else "second"


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two classifiers; ValueError unless they were evaluated on the same images."""
    for name in ["class_names", "index", "labels"]:
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(
                f"`second` must be an evaluation of the same images as `first`, but their {name} differ; compare runs "
                "on the test split of one data set."
            )
    b, c = first.right & ~second.right, second.right & ~first.right
    return Comparison(int(b.sum()), int(c.sum()), len(first.labels))
