"""Calibration of evidence estimates over simulated data sets."""

import numpy as np
from numpy.typing import NDArray

from bayes.calibration.pooled import FEWEST_DATA_SETS, p_value
from bayes.checking.results import Check
from bayes.checking.statistics import LOG_EVIDENCE

type Array = NDArray[np.float64]


def evidence_check(log_errors: Array, *, model: str = "", reason: str = "") -> Check:
    """Return the check of E[Z_hat / Z] = 1, from log Z_hat - log Z in nats of independent data sets, (N,).

    The ratios are about log-normal, whose skewness the t statistic is corrected for: that of a log-normal with the
    spread of the ratios.
    """
    N = len(log_errors)
    ratios = np.exp(log_errors)
    T = ratios - 1
    s = float(T.std(ddof=1)) if N > 1 else float("nan")
    # a log-normal with coefficient of variation s has the skewness 3 s + s^3 = g s with one draw's variance s^2
    return Check(
        parameter=LOG_EVIDENCE,
        statistic="runs",
        exact=0.0,
        estimate=float(np.log(ratios.mean())),
        error=float(np.log(ratios.mean())),
        null_error=s / np.sqrt(N),
        p_value=p_value(T, (s**2, 3 * s + s**3)) if N > 1 and s > 0 else float(abs(T.max()) < 1e-9),
        degrees_of_freedom=max(1, N - 1),
        ess=N,
        reason=reason or (f"data sets {N} < {FEWEST_DATA_SETS}" if N < FEWEST_DATA_SETS else ""),
        model=model,
    )
