"""The result of a check: what was compared, how far off it is, the verdict, and the smallest error it could detect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan, nan
from textwrap import fill
from typing import Any

from scipy.stats import norm, t

from closedform.multiple_testing import ALPHA as ALPHA
from closedform.verdict import Verdict, worst

UNITS = {
    "location": "sd",
    "shrinkage": "sd",
    "scale": "of the sd",
    "uniformity": "of the draws",
    "lower tail": "of the draws",
    "upper tail": "of the draws",
    "farthest": "sd",
    "correlation": "of the product of scores",
    "ranks": "of the data sets",
    "runs": "nats",
    "claimed error": "nats",
    "bound": "nats",
    "share": "of probability",
    "slope": "of probability",
}
"""Statistic -> the unit of its error: posterior sds, parts of the sd, shares of the draws, nats."""

UNIFORMITY = "uniformity shows, of nine shares of draws below an exact quantile, the one that is farthest off."
"""The note on uniformity under a table."""

COLUMNS = (
    *("parameter", "statistic", "exact", "estimate", "error", "null_error", "z", "p_value"),
    *("minimum_detectable_effect", "ess", "verdict", "reason", "model", "stage"),
)
"""The fields of a check in ``Checks.rows``."""

WIDTH = 110
"""Width to which the sentences under a table are wrapped, in characters."""

POWER = 0.9
"""Probability with which a normal statistic of known error detects its minimum detectable effect. The checks come close
to it. Evidence from few runs and shares of few draws do so in one direction only (``docs/statistics/measured.md``)."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One number from a sampler and the exact number. It has a verdict once its family is judged.

    Parameters
    ----------
    parameter
        Name of the variable, or ``"log evidence"``.
    statistic
        What was compared: ``"location"``, ``"scale"``, ``"uniformity"``, ``"runs"``, ``"claimed error"`` of an estimate
        of the evidence, or a ``"bound"`` of it.
    exact, estimate
        The two numbers in familiar units. For the location they are means, for the scale sds, for the uniformity a
        probability and the share of draws that differs most from it, and for the evidence nats. The verdict is about
        ``error``, not about these.
    error
        How far off the sampler is, in the unit of ``UNITS``. For the location it is the mean of the normal scores, for
        the scale the root of their mean square minus 1, for the uniformity a share minus its probability, and for the
        evidence a difference in nats.
    null_error
        Standard error of ``error`` if the sampler is right, in the same unit; nan for a single evidence run.
    p_value
        Two-sided p-value; nan if it could not be computed.
    degrees_of_freedom
        Degrees of freedom of ``null_error``; infinite where it is a bound.
    ess
        Number of independent draws, or of runs, that the estimate is worth; nan of an estimate that claims its own
        error.
    reason
        Why the check cannot pass, with the numbers; empty if it can.
    model
        Name of the model, if the family has checks of several models.
    combined
        Number of p-values that ``p_value`` combines.
    verdict
        ``"inconclusive"`` until the family is judged.
    level
        The level of the first Holm step, alpha / m; nan until the family is judged.
    stage
        2 if the numbers come from fresh draws (``bayes.checking.two_stages``).
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

        It is (z_{1 - level/2} + z_0.9) null_error, with Student's quantile for the first z. The skewness of the
        statistic is left out. If ``combined`` p-values are combined, one of them needs to be that many times smaller. A
        pass speaks against much larger errors and says nothing about smaller ones.
        """
        z = t.isf(self.level / self.combined / 2, self.degrees_of_freedom) + norm.ppf(POWER)
        return float(z * self.null_error)

    @property
    def name(self) -> str:
        """The parameter, with its model if the family has several models."""
        return f"{self.model}: {self.parameter}" if self.model else self.parameter


@dataclass(frozen=True, kw_only=True)
class Checks:
    """A judged family of checks. It iterates over its ``Check`` values, and ``str`` makes a table.

    Parameters
    ----------
    checks
        The checks of the family, in order.
    alpha
        The false-alarm rate: the probability that a correct sampler has a failed check.
    notes
        Sentences about what is not checked, and why.
    """

    checks: tuple[Check, ...]
    alpha: float
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """``"fail"`` if a check fails, else ``"inconclusive"`` if a check is inconclusive, else ``"pass"``."""
        return worst({check.verdict for check in self.checks})

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict for each check with its unrounded numbers, for a table or a file."""
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
                "-" if isnan(check.ess) else f"{check.ess:.0f}",
                check.verdict + (f" [{reasons.index(check.reason) + 1}]" if check.reason else ""),
            )
            for check in self.checks
        ]
        sentences = [
            f"{self.verdict}: {len(self.checks)} checks share a false-alarm rate of {self.alpha:g}.",
            *(f"[{i}] cannot pass: {reason}" for i, reason in enumerate(reasons, 1)),
            *([UNIFORMITY] if any(check.statistic == "uniformity" for check in self.checks) else []),
            *(f"note: {note}" for note in self.notes),
        ]
        wrapped = [fill(sentence, WIDTH, subsequent_indent="    ", break_long_words=False) for sentence in sentences]
        return "\n".join([*aligned([head, *body]), *wrapped])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table in plain text, with every column aligned to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def most_extreme(checks: Sequence[Check]) -> Check:
    """Return the check with the smallest p-value, among those that do not pass if there are any."""
    return min(checks, key=lambda check: (check.verdict == "pass", check.p_value))
