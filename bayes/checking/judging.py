"""The verdicts of a family of checks at one false-alarm rate.

With probability at least 1 - alpha no check of a correct sampler fails, for any dependence between the checks (Holm
1979, "A simple sequentially rejective multiple test procedure"). ``bayes.checking.two_stages`` adds a second stage.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from bayes.checking.results import Check, Checks
from closedform.multiple_testing import ALPHA, holm
from closedform.verdict import Verdict


def judge(checks: Sequence[Check], *, alpha: float = ALPHA, notes: Sequence[str] = ()) -> Checks:
    """Judge a family of checks at one false-alarm rate.

    A check with a reason against a pass is inconclusive unless it fails. It still counts in the size m of the family,
    because m must not depend on the draws.

    Raises
    ------
    ValueError
        If the family is empty or ``alpha`` is not a probability between 0 and 1.
    """
    if not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise ValueError(f"`alpha` must lie between 0 and 1, got {alpha!r}; it is the family's false-alarm rate.")
    if not checks:
        raise ValueError("`checks` is empty: there is nothing to judge; give draws of a known marginal, or runs.")
    rejected = holm(p_values(checks), alpha)
    level = alpha / len(checks)
    family = tuple(with_verdict(c, bool(reject), level) for c, reject in zip(checks, rejected, strict=True))
    return Checks(checks=family, alpha=alpha, notes=tuple(notes))


def p_values(checks: Sequence[Check]) -> NDArray[np.float64]:
    """Return the p-values of a family, with 1 for a check that has none."""
    return np.array([1.0 if isnan(check.p_value) else check.p_value for check in checks])


def with_verdict(check: Check, rejected: bool, level: float, stage: int = 1) -> Check:
    """Return the check with its verdict at ``level``; a check without a p-value does not pass."""
    reason = check.reason or ("its p-value is not a number" if isnan(check.p_value) else "")
    verdict: Verdict = "fail" if rejected else "inconclusive" if reason else "pass"
    return replace(check, verdict=verdict, reason=reason, level=level, stage=stage)
