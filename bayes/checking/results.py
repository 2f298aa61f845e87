"""The result of a check: what was compared, how far off it is, its verdict, and the smallest error it could detect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from textwrap import fill
from typing import Any

from scipy.stats import norm, t

from closedform.multiple_testing import ALPHA as ALPHA
from closedform.verdict import Verdict, worst

UNITS = {"location": "sd", "scale": "of the sd", "uniformity": "of the draws", "runs": "nats"}
"""Statistic -> the unit of its error: the posterior's sd, of which normal scores are multiples, a part of it, ..."""

UNIFORMITY = "uniformity shows, of nine shares of draws below an exact quantile, the one that is farthest off."
"""The note on uniformity under a table."""

COLUMNS = (
    *("parameter", "statistic", "exact", "estimate", "error", "null_error", "z", "p_value"),
    *("minimum_detectable_effect", "ess", "verdict", "reason", "model", "stage"),
)
"""The fields of a check in ``Checks.rows``."""

WIDTH = 110
"""Columns that sentences under a table are wrapped to."""

POWER = 0.9
"""Probability with which a normal statistic of known error detects its minimum detectable effect. The checks come near
it, evidence from few runs and shares of few draws in one direction only: ``benchmarks/README.md`` measures it."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One number from a sampler beside the exact one; once its family is judged, with a verdict.

    Parameters
    ----------
    parameter
        Name of the variable, or ``"log evidence"``.
    statistic
        What of it was compared: ``"location"``, ``"scale"``, ``"uniformity"`` or ``"runs"``.
    exact, estimate
        The two numbers that people know: mean, sd, the probability and the share of draws that differ most, log
        evidence; in the parameter's units, and nats. What is judged is ``error``.
    error
        How far off the sampler is, in the unit of ``UNITS``: the mean of the normal scores for the location, the root
        of their mean square less 1 for the scale, a share less its probability, nats.
    null_error
        Standard error of ``error`` if the sampler is right, in the same unit; nan for a single evidence run.
    p_value
        Two-sided p-value; nan if it could not be computed.
    degrees_of_freedom
        Those of ``null_error``; infinite where it is a bound.
    ess
        Independent draws, or runs, the estimate is worth.
    reason
        Why it cannot pass, with the numbers; empty if it can.
    model
        Name of the model, where a family holds checks of several.
    combined
        Number of p-values that ``p_value`` combines.
    verdict
        ``"inconclusive"`` until the family is judged.
    level
        The level at which its first Holm step judges it, alpha / m; nan until then.
    stage
        2 if the numbers are those of fresh draws (``bayes.checking.two_stages``).
    """

    parameter: str
    statistic: str
    exact: float
    estimate: float
    error: float
    null_error: float
    p_value: float
    degrees_of_freedom: float
    ess: float
    reason: str = ""
    model: str = ""
    combined: int = 1
    verdict: Verdict = "inconclusive"
    level: float = nan
    stage: int = 1

    @property
    def z(self) -> float:
        """The error in standard errors."""
        return self.error / self.null_error

    @property
    def minimum_detectable_effect(self) -> float:
        """The smallest error that a test at ``level`` detects with probability 0.9, in the unit of ``error``.

        (z_{1 - level/2} + z_0.9) null_error, with Student's quantile for the first z; the skewness of the statistic is
        left out. One p-value of several combined ones needs to be that many times smaller. A pass speaks against much
        larger errors, and says nothing about smaller ones.
        """
        z = t.isf(self.level / self.combined / 2, self.degrees_of_freedom) + norm.ppf(POWER)
        return float(z * self.null_error)

    @property
    def name(self) -> str:
        """The parameter, with its model if the family holds several."""
        return f"{self.model}: {self.parameter}" if self.model else self.parameter


@dataclass(frozen=True, kw_only=True)
class Checks:
    """A judged family of checks; iterates over its ``Check`` values, and ``str`` is a table.

    Parameters
    ----------
    checks
        The family, in its order.
    alpha
        Its false-alarm rate: the probability that a correct sampler has a failed check.
    notes
        What is not checked and why, a sentence each.
    """

    checks: tuple[Check, ...]
    alpha: float
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """``"fail"`` if a check fails, else ``"inconclusive"`` if one is, else ``"pass"``."""
        return worst({check.verdict for check in self.checks})

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict a check with its unrounded numbers, for a table or a file."""
        return [{name: getattr(check, name) for name in COLUMNS} for check in self.checks]

    def __str__(self) -> str:
        head = ("parameter", "statistic", "exact", "estimate", "error/se", "p", "detectable", "ess", "verdict")
        reasons = list(dict.fromkeys(check.reason for check in self.checks if check.reason))
        body = [
            (
                check.name,
                check.statistic,
                f"{check.exact:.6g}",
                f"{check.estimate:.6g}",
                f"{check.z:+.2f}",
                f"{check.p_value:.2g}",
                f"{check.minimum_detectable_effect:.2g} {UNITS.get(check.statistic, '')}",
                f"{check.ess:.0f}",
                check.verdict + (f" [{reasons.index(check.reason) + 1}]" if check.reason else ""),
            )
            for check in self.checks
        ]
        widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *body]]
        sentences = [
            f"{self.verdict}: {len(self.checks)} checks share a false-alarm rate of {self.alpha:g}.",
            *(f"[{i}] cannot pass: {reason}" for i, reason in enumerate(reasons, 1)),
            *([UNIFORMITY] if any(check.statistic == "uniformity" for check in self.checks) else []),
            *(f"note: {note}" for note in self.notes),
        ]
        wrapped = [fill(sentence, WIDTH, subsequent_indent="    ", break_long_words=False) for sentence in sentences]
        return "\n".join([*(line.rstrip() for line in lines), *wrapped])


def most_extreme(checks: Sequence[Check]) -> Check:
    """Return the most extreme of ``checks``: one that does not pass if there is one, with the smallest p-value."""
    return min(checks, key=lambda check: (check.verdict == "pass", check.p_value))
