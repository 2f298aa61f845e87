"""From p-values to verdicts: one false-alarm rate for a whole family of checks, and what each check could have seen.

A family rejects no true hypothesis with probability at least 1 - alpha, whatever the dependence between its checks
(Holm 1979, "A simple sequentially rejective multiple test procedure").
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from numbers import Real
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from closedform.multiple_testing import holm
from closedform.verdict import Verdict, worst

ALPHA = 0.001
"""Default probability that a family with nothing wrong has a failed check."""

UNITS = {"location": "sd", "scale": "of the sd", "uniformity": "of the draws", "runs": "nats"}
"""Statistic -> the unit of its error: the posterior's sd, of which normal scores are multiples, a part of it, ..."""

UNIFORMITY = "uniformity shows, of nine shares of draws below an exact quantile, the one that is farthest off."
"""What the numbers of that row are, for a table."""

WIDTH = 110
"""Columns that sentences under a table are wrapped to."""

POWER = 0.9
"""Probability with which a normal statistic of known error shows its ``smallest_visible`` error. The checks come near
it, evidence from few runs and shares of few draws in one direction only: ``benchmarks/README.md`` measures it."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One number from a sampler beside the exact one, before the family it belongs to is judged.

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
        Standard error of ``error`` if the sampler is right, in the same unit.
    p_value
        Two-sided p-value; nan if it could not be computed.
    size
        Degrees of freedom of ``null_error``; infinite where it is a bound.
    ess
        Independent draws, or runs, the estimate is worth.
    reason
        Why it cannot pass, with the numbers; empty if it can.
    model
        Name of the model, where a family holds comparisons of several.
    combined
        Number of p-values that ``p_value`` combines.
    """

    parameter: str
    statistic: str
    exact: float
    estimate: float
    error: float
    null_error: float
    p_value: float
    size: float
    ess: float
    reason: str = ""
    model: str = ""
    combined: int = 1

    @property
    def z(self) -> float:
        """The error in standard errors."""
        return self.error / self.null_error

    def smallest_visible(self, level: float) -> float:
        """Return the smallest error that a test at ``level`` sees with probability 0.9, in the unit of ``error``.

        (z_{1 - level/2} + z_0.9) null_error, with Student's quantile for the first z; the skewness of the statistic is
        left out. One p-value of several combined ones needs to be that many times smaller.
        """
        return float((t.isf(level / self.combined / 2, self.size) + norm.ppf(POWER)) * self.null_error)


@dataclass(frozen=True, kw_only=True)
class Check:
    """A comparison with its verdict: what was compared, how far off it is, and what could have been seen.

    ``smallest_visible`` is (z + z_0.9) null errors at the first Holm step, level alpha / m: about the smallest error
    that is seen with probability 0.9 (see ``POWER``). A pass speaks against much larger errors, and says nothing about
    smaller ones. It is nan where there is no null error (a single evidence run). ``stage`` is 2 if the numbers are
    those of fresh draws (``bayes.checking.two_stages``).
    """

    parameter: str
    statistic: str
    exact: float
    estimate: float
    error: float
    null_error: float
    z: float
    p_value: float
    smallest_visible: float
    ess: float
    verdict: Verdict
    reason: str
    model: str = ""
    stage: int = 1

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
        The family, in the order it was given.
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
        """Return one dict of the unrounded fields a check, for a table or a file."""
        return [asdict(check) for check in self.checks]

    def __str__(self) -> str:
        head = ("parameter", "statistic", "exact", "estimate", "error/se", "p", "visible error", "ess", "verdict")
        reasons = list(dict.fromkeys(check.reason for check in self.checks if check.reason))
        body = [
            (
                check.name,
                check.statistic,
                f"{check.exact:.6g}",
                f"{check.estimate:.6g}",
                f"{check.z:+.2f}",
                f"{check.p_value:.2g}",
                f"{check.smallest_visible:.2g} {UNITS.get(check.statistic, '')}",
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
    """Return the most suspicious of ``checks``: one that does not pass if there is one, with the smallest p-value."""
    return min(checks, key=lambda check: (check.verdict == "pass", check.p_value))


def judge(comparisons: Sequence[Comparison], *, alpha: float = ALPHA, notes: Sequence[str] = ()) -> Checks:
    """Judge a family of comparisons at one false-alarm rate.

    A comparison with a reason against a pass is inconclusive unless it fails, and keeps its place in the family: the
    size m of the family must not depend on the draws.

    Raises
    ------
    ValueError
        If the family is empty or ``alpha`` is not a probability between 0 and 1.
    """
    if not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise ValueError(f"`alpha` must lie between 0 and 1, got {alpha!r}; it is the family's false-alarm rate.")
    if not comparisons:
        raise ValueError("`comparisons` is empty: there is nothing to judge; give draws of a known marginal, or runs.")
    rejected = holm(p_values(comparisons), alpha)
    level = alpha / len(comparisons)
    checks = tuple(checked(c, bool(reject), level) for c, reject in zip(comparisons, rejected, strict=True))
    return Checks(checks=checks, alpha=alpha, notes=tuple(notes))


def p_values(comparisons: Sequence[Comparison]) -> NDArray[np.float64]:
    """Return the p-values as a family sees them: 1 where there is none."""
    return np.array([1.0 if isnan(comparison.p_value) else comparison.p_value for comparison in comparisons])


def checked(comparison: Comparison, rejected: bool, level: float, stage: int = 1) -> Check:
    """Return the comparison with its verdict, and the error it could have seen at ``level``."""
    reason = _no_verdict(comparison)
    return Check(
        parameter=comparison.parameter,
        statistic=comparison.statistic,
        exact=comparison.exact,
        estimate=comparison.estimate,
        error=comparison.error,
        null_error=comparison.null_error,
        z=comparison.z,
        p_value=comparison.p_value,
        smallest_visible=comparison.smallest_visible(level),
        ess=comparison.ess,
        verdict="fail" if rejected else "inconclusive" if reason else "pass",
        reason=reason,
        model=comparison.model,
        stage=stage,
    )


def _no_verdict(comparison: Comparison) -> str:
    """Return why there is no pass; nothing passes without a p-value."""
    return comparison.reason or ("its p-value is not a number" if isnan(comparison.p_value) else "")
