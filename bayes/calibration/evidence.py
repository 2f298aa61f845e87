"""Calibration of evidence estimates over simulated data sets: a ratio whose mean is 1.

An unbiased estimate has E[Z_hat / Z] = 1 on every data set. The mean of a ratio is ruled by its largest values. Where
its log has a large spread, they are too rare to be in the sample: then an estimate that is too low cannot be told from
one that is right, and only one that is too high can fail.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from bayes.calibration.pooled import FEWEST_DATA_SETS, p_value
from bayes.checking.evidence import LOG_EVIDENCE
from bayes.checking.results import Check

type Array = NDArray[np.float64]

LARGEST_SPREAD = 0.3
"""Largest sd of the log ratio, in nats, up to which its mean is tested on both sides. Log-normal ratios, of one spread
or with spreads that differ by a factor of 1.6 between data sets, then fail at the stated rates
(``benchmarks/calibration_size.py``)."""
CAP = 4.0
"""With a larger spread, ratios count as at most this, which makes their mean smaller, never larger."""
ROUNDING = 1e-9
"""An exact evidence is off by no more than this, relative to itself."""


def evidence_check(log_errors: Array, *, model: str = "", reason: str = "") -> Check:
    """Return the check of E[Z_hat / Z] = 1, from log Z_hat - log Z in nats of independent data sets, (N,)."""
    return mean_one_check(LOG_EVIDENCE, log_errors, model=model, reason=reason)


def mean_one_check(name: str, log_ratios: Array, *, model: str = "", reason: str = "") -> Check:
    """Return the check of E[r] = 1, from log r in nats of independent data sets, (N,), before it is judged.

    The ratios are about log-normal, whose skewness the t statistic is corrected for: that of a log-normal with the
    spread of the ratios. With a spread above ``LARGEST_SPREAD`` the check cannot pass, and fails if the mean of
    min(r, ``CAP``) is above 1.
    """
    N = len(log_ratios)
    ratios = np.exp(np.minimum(log_ratios, 300.0))  # whose squares do not overflow
    spread = float(log_ratios.std(ddof=1)) if N > 1 and np.isfinite(log_ratios).all() else np.inf
    s = float(ratios.std(ddof=1)) if N > 1 else np.nan
    if N < 2:
        p = 1.0
    elif spread > LARGEST_SPREAD:
        T = np.minimum(ratios, CAP) - 1
        p = float(t.sf(np.sqrt(N) * T.mean() / T.std(ddof=1), N - 1)) if T.std() > 0 else 1.0
    else:  # a log-normal with coefficient of variation s has the skewness 3 s + s^3
        p = p_value(ratios - 1, (s**2, 3 * s + s**3)) if s > ROUNDING else float(np.abs(ratios - 1).max() < ROUNDING)
    reasons = [
        reason,
        f"data sets {N} < {FEWEST_DATA_SETS}" if N < FEWEST_DATA_SETS else "",
        f"the log ratio has an sd of {spread:.2g} nats > {LARGEST_SPREAD:g}, so that rare large ones rule the mean"
        if N > 1 and spread > LARGEST_SPREAD
        else "",
    ]
    log_mean = float(np.log(ratios.mean())) if ratios.any() else -np.inf
    return Check(
        parameter=name,
        statistic="runs",
        exact=0.0,
        estimate=log_mean,
        error=log_mean,
        null_error=max(s, ROUNDING) / np.sqrt(N),
        p_value=p,
        degrees_of_freedom=max(1, N - 1),
        ess=N,
        reason=next(filter(None, reasons), ""),
        model=model,
    )
