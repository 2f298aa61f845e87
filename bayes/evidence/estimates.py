"""Log evidence from independent runs, combined by log-mean-exp, with a standard error from their spread.

A run r of sequential Monte Carlo returns Z_r with E[Z_r] = Z (Del Moral 2004, "Feynman-Kac Formulae", theorem 7.4.2).
So runs are averaged on the scale of Z. By Jensen's inequality the mean of the logs is too low, by about
var(log Z_r) / 2 for any number of runs. The estimate is ::

    log Z_hat = log( 1/R sum_r exp(log Z_r) )

All logs are in nats. Only differences between runs are exponentiated, so nothing overflows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot, log, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from closedform.validation import in_words


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """An estimate of log p(y), in nats, from R independent runs, as ``combine`` returns it.

    ``standard_error`` is the standard error of ``log_evidence``. It is nan for R = 1, because one run says nothing
    about its error.
    """

    runs: tuple[float, ...]
    log_evidence: float
    standard_error: float


@dataclass(frozen=True, kw_only=True)
class LogBayesFactor:
    """An estimate of log p(y | a) - log p(y | b), in nats, and its standard error, nan if a model has only one run."""

    value: float
    standard_error: float


def combine(runs: ArrayLike) -> Evidence:
    """Combine the log evidence of independent runs, shape (R,) in nats, by log-mean-exp.

    The standard error is that of the jackknife, which leaves out one run at a time (Efron and Tibshirani 1993, "An
    Introduction to the Bootstrap", eq. 11.5).

    Raises
    ------
    ValueError
        If ``runs`` is not a vector of at least one finite number.

    Examples
    --------
    >>> evidence = combine([-21.6, -21.5, -21.4])
    >>> round(evidence.log_evidence, 4), round(evidence.standard_error, 4)
    (-21.4967, 0.0578)
    """
    log_z = validate_runs(runs)
    R = len(log_z)
    largest = log_z.max()
    relative = log_z - largest  # differences between runs are small and exact, even if log Z is large
    log_mean = float(np.logaddexp.reduce(relative)) - log(R)
    # se^2 = (R - 1)/R sum_r (log Z_hat without run r - mean of these)^2
    left_out = _leave_one_out(relative) - log(R - 1) if R > 1 else relative
    standard_error = float(np.sqrt((R - 1) / R * np.sum((left_out - left_out.mean()) ** 2))) if R > 1 else nan
    return Evidence(runs=tuple(log_z.tolist()), log_evidence=float(largest) + log_mean, standard_error=standard_error)


def log_bayes_factor(a: Evidence, b: Evidence) -> LogBayesFactor:
    """Return the log Bayes factor of model a over model b, in nats (Kass and Raftery 1995, "Bayes factors").

    The runs of the two models are independent, so the variances add.
    """
    return LogBayesFactor(
        value=a.log_evidence - b.log_evidence, standard_error=hypot(a.standard_error, b.standard_error)
    )


def validate_runs(runs: Any, argument: str = "runs") -> NDArray[np.float64]:
    """Return ``runs`` as a float64 array of shape (R,), R >= 1, or raise ValueError."""
    rule = f"`{argument}` must be a vector of log evidences in nats, one number a run"
    try:
        log_z = np.asarray(list(runs) if isinstance(runs, Iterable) else runs)
    except ValueError as error:  # from NumPy, for rows of different lengths
        raise ValueError(f"{rule}, got runs of different lengths; take the last stage of each run.") from error
    if log_z.ndim != 1 or len(log_z) == 0 or log_z.dtype.kind not in "iuf":
        description = f"shape {log_z.shape}" if log_z.dtype.kind in "iuf" else in_words(log_z.dtype)
        raise ValueError(f"{rule}, got {description}; take the last stage of each run.")
    log_z = log_z.astype(np.float64)
    invalid = np.flatnonzero(~np.isfinite(log_z))
    if invalid.size:
        raise ValueError(
            f"`{argument}` must be finite, got {argument}[{invalid[0]}] = {log_z[invalid[0]]}; a run of evidence 0 "
            "must not be dropped (the mean would be biased): use more particles."
        )
    return log_z


def _leave_one_out(log_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log sum_{s != r} exp(log_values[s]) for each r. Prefix and suffix sums are added, since a
    difference would cancel."""
    before = np.logaddexp.accumulate(np.concatenate([[-np.inf], log_values[:-1]]))
    after = np.logaddexp.accumulate(np.concatenate([[-np.inf], log_values[:0:-1]]))[::-1]
    return np.logaddexp(before, after)
