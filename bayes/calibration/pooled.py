"""Pooled exact tests: the averages of normal scores on many independent data sets, tested as numbers of one sample.

Let T_i be the average over the draws on data set i of z, of z^2 - 1, or of a draw being in a tail less its probability.
If the sampler is right, E[T_i | y_i] = 0 for every data set. The data sets are independent. So a one-sample t-test over
them is valid, whatever the autocorrelation of the draws; there is no MCSE in it. Five tests a quantity::

    location     T = mean z                    the draws lie too high or too low
    shrinkage    T = x mean z                  too far towards, or away from, the prior
    scale        T = mean z^2 - 1              too wide or too narrow
    lower tail   T = share(z < -1.64) - 0.05
    upper tail   T = share(z > 1.64) - 0.05

In the second, x_i is the normal score of the rank of the exact median among all data sets. It depends on the data
alone, so E[x_i T_i] = 0 too. A wrong prior moves the draws up on some data sets and down on others; the location sees
nothing of it.

The averages are skewed where few draws are far out. The skewness of the null distribution is known up to the number of
independent draws, and this number follows from the variance. ``p_value`` uses it. The ESS of the runs is needed for
one thing only: where it is small, it bounds the variance from below, with a factor of 2 to spare.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata, t

from bayes.calibration.summaries import FIELDS, TAIL
from bayes.checking.null_distributions import share_p_value
from bayes.checking.results import Check

type Array = NDArray[np.float64]

FEWEST_DATA_SETS = 20
"""With fewer data sets nothing passes."""
FEWEST_IN_A_TAIL = 20
"""With fewer draws expected in a tail, on all data sets and counted as independent ones, the t statistic of its share
is too far from Student's t. Every data set then counts as one draw, which is a bound."""

SAME = 1e-9
"""Averages of scores that differ by less than this are of the same random numbers on all data sets."""

FEW_DRAWS, BELIEVED = 50, 0.5
"""Data sets whose run is worth fewer than 50 draws, by its ESS, add to the variance of T. The sample variance is not
believed below half of their part. Where a chain is stuck, a draw of it that is far out is too rare to be in the sample,
and too heavy to be left out (``benchmarks/calibration_size.py``)."""

SCORE = (1.0, 0.0)
"""Variance and skewness of z."""
SQUARE = (2.0, sqrt(8))
"""Variance and skewness of z^2."""
INDICATOR = (TAIL * (1 - TAIL), (1 - 2 * TAIL) / sqrt(TAIL * (1 - TAIL)))
"""Variance and skewness of whether z is in a tail."""


def pooled_checks(names: tuple[str, ...], rows: Array, *, model: str = "", reason: str = "") -> list[Check]:
    """Return the checks of each quantity that has an exact distribution, before they are judged.

    Parameters
    ----------
    names
        The K quantities.
    rows
        ``summaries.FIELDS`` of the N data sets, (N, K, 8).
    model
        The label of the model, for the table.
    reason
        Why no check can pass; empty if they can.
    """
    N = len(rows)
    reason = reason or (f"data sets {N} < {FEWEST_DATA_SETS}" if N < FEWEST_DATA_SETS else "")
    checks = []
    for k, name in enumerate(names):
        score, square, lower, upper, median = rows[:, k, : FIELDS.index("rank")].T
        if np.isnan(score).all():
            continue
        x = ndtri((rankdata(median) - 0.5) / N)
        statistics = [
            ("location", score, 0.0, SCORE, 1.0),
            *([("shrinkage", x * score, 0.0, SCORE, x**2)] if np.ptp(median) > 0 else []),
            ("scale", square, 1.0, SQUARE, 1.0),
            ("lower tail", lower, TAIL, INDICATOR, 1.0),
            ("upper tail", upper, TAIL, INDICATOR, 1.0),
        ]
        ess = rows[:, k, FIELDS.index("ess")]
        for statistic, values, exact, draw, weight in statistics:
            least = BELIEVED * draw[0] * float(np.mean(np.where(ess < FEW_DRAWS, weight / ess, 0.0)))
            checks.append(_check(name, statistic, values, exact, draw, least, model=model, reason=reason))
    return checks


def p_value(T: Array, draw: tuple[float, float] = SCORE, least: float = 0.0) -> float:
    """Return the two-sided p-value of E[T] = 0, for independent ``T`` (N,).

    ``draw`` has the variance v and the skewness of one draw's share in T. If T is worth e independent draws, its
    variance is v / e and its skewness g is that of one draw over sqrt(e). So with m, s the mean and sd of T, and
    S = m / s, Hall's transformation removes the skewness of the t statistic and is monotone (Hall 1992, "On the removal
    of skewness by transformation", eq. 2.4)::

        sqrt(N) (S + g S^2 / 3 + g^2 S^3 / 27 + g / (6 N))  ~  t with N - 1 degrees of freedom

    With the skewness of the sample in place of g, p-values are too small where data sets are worth different numbers of
    draws (``benchmarks/calibration_size.py``).

    ``least`` is the smallest variance that is believed.
    """
    N = len(T)
    m, s = float(T.mean()), sqrt(max(least, float(T.var(ddof=1)))) if N > 1 else 0.0
    if s == 0:  # nothing is known of the error
        return 1.0
    variance, skewness = draw
    S, g = m / s, skewness * s / sqrt(variance)
    return float(2 * t.sf(abs(sqrt(N) * (S + g * S**2 / 3 + g**2 * S**3 / 27 + g / (6 * N))), N - 1))


def _check(
    name: str,
    statistic: str,
    values: Array,
    exact: float,
    draw: tuple[float, float],
    least: float,
    *,
    model: str,
    reason: str,
) -> Check:
    N = len(values)
    T = values - exact
    p = p_value(T, draw, least)
    null_error = sqrt(max(least, float(T.var(ddof=1))) / N) if N > 1 else float("nan")
    estimate, error = float(values.mean()), float(T.mean())
    if statistic == "scale":  # of the sd: sqrt(1 + error) - 1
        estimate = sqrt(max(0.0, 1 + error))
        error, null_error = estimate - 1, null_error / 2
    # on all data sets the share is worth v / null_error^2 independent draws
    few = draw == INDICATOR and not TAIL * draw[0] >= FEWEST_IN_A_TAIL * null_error**2
    if few or (draw == INDICATOR and estimate in (0, 1)):
        null_error = sqrt(draw[0] / N)
        p = float(share_p_value(estimate, TAIL, N))
    elif N > 1 and np.ptp(T) < SAME:  # as many independent data sets as one, of at least one draw
        null_error, p = sqrt(draw[0]), 1.0
        reason = reason or "the scores are the same on all data sets; the sampler must use `seed`"
    return Check(
        parameter=name,
        statistic=statistic,
        exact=exact,
        estimate=estimate,
        error=error,
        null_error=null_error,
        p_value=p,
        degrees_of_freedom=max(1, N - 1),
        ess=N,
        reason=reason,
        model=model,
    )
