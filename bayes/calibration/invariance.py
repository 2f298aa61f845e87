"""Tests that a transition leaves a known distribution invariant, from normal scores before and after it.

With z the normal score of a scalar by its exact distribution before the transition, and z' after it, the checks are
that E[g(z')] = 0 for ::

    location     g(z) = z
    scale        g(z) = z^2 - 1
    lower tail   g(z) = [z < -1.64] - 0.05
    upper tail   g(z) = [z > 1.64] - 0.05
    farthest     max |z'| of n independent draws has the CDF (2 Phi(x) - 1)^n

The mean of g(z) before the transition is 0 exactly, and a kernel that moves little keeps most of the chance in it. So
it is a control variate: T = mean g(z') - b mean g(z), with b by least squares, is the intercept of the regression of
g(z') on g(z). It has a t-test with n - 2 degrees of freedom. The residual variance is the larger of its estimate and
of v (1 - b^2), with v the exact variance of g, because a tail with few draws in it has a small estimate too. A slow
kernel makes a small error in one transition, and T has a small standard error. The error of its long runs is about
1 / (1 - b) times that of one transition.

Right kernels fail no more often than stated, at levels from 0.05 to 0.0001, with 1,000 states (10,000 runs each of five
kernels) and with 10,000 (2,000 runs); ``tests/bayes/calibration/test_kernels.py`` counts them again. Where few states
move they fail less often: changes by a reversible kernel have a symmetric distribution (Efron 1969, "Student's t-test
under symmetry conditions").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t

from bayes.calibration.summaries import TAIL, Quantity, exact_scores
from bayes.calibration.transitions import FEWEST_MOVES, State, moved
from bayes.checking.results import Check
from bayes.checking.statistics import FARTHEST

type Array = NDArray[np.float64]

ROUNDING = 1e-9
"""Smallest standard error, in the unit of g. A deterministic kernel, such as a reflection, leaves rounding errors."""


@dataclass(frozen=True, kw_only=True)
class Intercept:
    """The mean after a transition, given the mean 0 before it."""

    estimate: float
    standard_error: float
    p_value: float


def kernel_checks(quantities: Mapping[str, Quantity], before: State, after: State, *, model: str = "") -> list[Check]:
    """Return the checks of every quantity that moved, before they are judged; of all quantities if no state moved."""
    still = not moved(before, after).any()
    checks = []
    for name, quantity in quantities.items():
        x, x_new = _value(quantity, before), _value(quantity, after)
        moves = int(np.sum(x != x_new))
        if moves == 0 and not still:
            continue
        reason = f"{moves} of {len(x)} states moved, fewer than {FEWEST_MOVES}" if moves < FEWEST_MOVES else ""
        assert quantity.exact is not None
        z, z_new = np.clip(exact_scores(quantity.exact, np.stack([x, x_new])), -FARTHEST, FARTHEST)
        checks += score_checks(name, z, z_new, model=model, reason=reason)
    return checks


def score_checks(name: str, z: Array, z_new: Array, *, model: str = "", reason: str = "") -> list[Check]:
    """Return the checks of one quantity from its normal scores before and after the transition, each (n,)."""
    far = -ndtri(TAIL)
    n = len(z)
    functions = (
        ("location", 0.0, 1.0, z, z_new),
        ("scale", 1.0, 2.0, z**2 - 1, z_new**2 - 1),
        ("lower tail", TAIL, TAIL * (1 - TAIL), (z < -far) - TAIL, (z_new < -far) - TAIL),
        ("upper tail", TAIL, TAIL * (1 - TAIL), (z > far) - TAIL, (z_new > far) - TAIL),
    )
    checks = []
    for statistic, exact, variance, g, g_new in functions:
        T = intercept(g, g_new, variance)
        error, null_error = T.estimate, T.standard_error
        if statistic == "scale":  # of the sd
            error, null_error = sqrt(max(0.0, 1 + error)) - 1, null_error / 2
        checks.append(
            Check(
                parameter=name,
                statistic=statistic,
                exact=exact,
                estimate=exact + error,
                error=error,
                null_error=null_error,
                p_value=T.p_value,
                degrees_of_freedom=n - 2,
                ess=n,
                reason=reason,
                model=model,
            )
        )
    return [*checks, _farthest(name, z_new, model=model, reason=reason)]


def intercept(g: Array, g_new: Array, variance: float) -> Intercept:
    """Return the intercept of the regression of ``g_new`` on ``g``, each (n,), with its t-test against 0.

    ``variance`` is the exact variance of ``g``.
    The standard error is nan if nothing moved: then there is nothing to test.
    """
    n, x, m = len(g), float(g.mean()), float(g_new.mean())
    if np.array_equal(g, g_new):
        return Intercept(estimate=0.0, standard_error=float("nan"), p_value=1.0)
    S = float(np.sum((g - x) ** 2))
    b = float(np.sum((g - x) * (g_new - m))) / S if S > 0 else 0.0
    residual = g_new - m - b * (g - x)
    s = sqrt(max(float(np.sum(residual**2)) / (n - 2), variance * (1 - b**2)))
    # intercept = m - b x,    its variance s^2 (1/n + x^2 / S)
    estimate, standard_error = m - b * x, max(ROUNDING, s * sqrt(1 / n + (x**2 / S if S > 0 else 0.0)))
    p = float(2 * t.sf(abs(estimate) / standard_error, n - 2))
    return Intercept(estimate=estimate, standard_error=standard_error, p_value=p)


def _farthest(name: str, z: Array, *, model: str, reason: str) -> Check:
    """Return the check of max |z| of n independent draws, too far out alone; it is about Gumbel, with scale 1/x."""
    n = len(z)
    farthest = float(abs(z).max())
    median = float(-ndtri((1 - 0.5 ** (1 / n)) / 2))
    return Check(
        parameter=name,
        statistic="farthest",
        exact=median,
        estimate=farthest,
        error=farthest - median,
        null_error=pi / sqrt(6) / sqrt(2 * log(n)),
        # 1 - (1 - 2 Phi(-x))^n
        p_value=float(-np.expm1(n * np.log1p(-2 * ndtr(-farthest)))),
        degrees_of_freedom=float("inf"),
        ess=n,
        reason=reason,
        model=model,
    )


def _value(quantity: Quantity, state: State) -> Array:
    with np.errstate(all="ignore"):  # outside of the support a function may have no value, which is infinitely far
        value = np.asarray(quantity.value({name: values[None] for name, values in state.items()}), dtype=float)[0]
    return np.nan_to_num(value, nan=np.inf, posinf=np.inf, neginf=-np.inf)
