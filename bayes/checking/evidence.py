"""Estimates of the log evidence against the exact one: runs by their estimator's law, a single one by its claim."""

from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from bayes.checking import null_distributions
from bayes.checking.results import Check
from bayes.evidence.estimates import validate_runs
from bayes.evidence.results import BOUNDS, WITHOUT_ERROR, EvidenceEstimate

FEWEST_RUNS = 8
LOG_EVIDENCE = "log evidence"
LARGEST_SPREAD = 0.5
"""Largest sd between log evidence runs for a verdict, in nats. It is a precaution: ``benchmarks/gates.py`` measured no
excess of false alarms at 0.8 and 1.2."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """The law of an evidence estimator: E[Z_r^power] = Z^power, and in the limit of power 0, E[log Z_r] = log Z."""

    power: int
    equation: str
    estimators: str
    """The estimators with this law."""
    slack: float = 0.0
    """How far E[log Z_r] may be from the value of the law, in variances of log Z_r."""


EvidenceLaw = Literal["unbiased", "log_unbiased", "inverse_unbiased"]
EVIDENCE_LAWS: dict[str, Law] = {
    "unbiased": Law(power=1, equation="E[Z_r] = Z", estimators="SMC and importance sampling"),
    "log_unbiased": Law(
        power=0, equation="E[log Z_r] = log Z", estimators="nested sampling with X_i = exp(-i/N)", slack=0.1
    ),
    "inverse_unbiased": Law(
        power=-1, equation="E[1/Z_r] = 1/Z", estimators="nested sampling with X_i = (N/(N+1))^i, as dynesty", slack=0.2
    ),
}
"""Name -> law of an estimator.

Nested sampling with N live points reaches the bulk of the posterior, at log X = -H, after i steps. The number i is
about Poisson with mean N H. The sampler uses log X_i for log X, so log Z_r - log Z = H + log X_i. Then

- with X_i = exp(-i/N), E[log Z_r] = log Z (Skilling 2006, "Nested sampling for general Bayesian computation");
- with the mean of X_i, (N/(N+1))^i, E[Z/Z_r] = exp(-H) E[((N+1)/N)^i] = 1;
- with ((N-1)/N)^i, E[Z_r] = Z (Walter 2017, "Point process-based Monte Carlo estimation").

Only the last law is exact, because the posterior has a width in log X. With S its entropy in log X, the first two are
off by (S - 1) / (2 N) and (S - 1) / N. A normal in one dimension has S = 1.36. At H = 2 its errors are 0.09 and 0.18
variances of log Z_r, which is H / N. In more dimensions H grows faster than S."""

METHOD_LAWS: dict[str, EvidenceLaw] = {
    "importance": "unbiased",
    "smc": "unbiased",
    "stepping_stone": "unbiased",
    "bridge": "log_unbiased",
    "nested": "log_unbiased",
    "dynesty": "inverse_unbiased",
}
"""Method of ``bayes.evidence`` -> the law of its runs, for ``evidence_law``.

The ratios of stepping stones are unbiased if the chains have converged. Bridge sampling and its inverse are the same
equation with the densities exchanged, so that its bias is not on one side and is of the order of the variance; the law
of log Z is the middle. In 300 replicates with an sd of 0.07 nats all three laws held within a standard error of 0.004.
Laplace's method and the harmonic mean claim no error and have no law, and the ELBO is a bound."""
WITHOUT_LAW = {**WITHOUT_ERROR, **BOUNDS}
"""Method without a law -> why."""


def compare_evidence(log_evidence: float, runs: ArrayLike, law: str = "unbiased") -> Check:
    """Compare the log evidence of R independent runs with the exact log evidence, all in nats.

    The law of the estimator is E[(Z_r / Z)^a] = 1. If Z_r is log-normal, then log Z_r ~ Normal(log Z - a v/2, v). The
    estimate is the mean of the runs plus a s^2/2, with s the sd between the runs. Its standard error under the null
    hypothesis is sqrt(s^2/R + a^2 s^4 / (2 (R - 1))), which for a = 1 is Cox's for the mean of a log-normal (Land 1972,
    "An evaluation of approximate confidence interval estimation methods for lognormal means"; Zhou and Gao 1997,
    "Confidence intervals for the log-normal mean"). The p-value comes from
    ``null_distributions.log_normal_mean_p_value``. For a = 1 the estimate differs from the log-mean-exp of
    ``bayes.evidence.estimates.combine`` in the third order of s.

    ``law`` is a key of ``EVIDENCE_LAWS``, or a method of ``METHOD_LAWS``. Raises ValueError if it is neither, or if
    numbers are not finite or occur twice.
    """
    rounding = _rounding(log_evidence)
    law = law_of(law)
    a, slack = EVIDENCE_LAWS[law].power, EVIDENCE_LAWS[law].slack
    log_ratios = validate_runs(runs) - float(log_evidence)
    R = len(log_ratios)
    v = float(log_ratios.var(ddof=1)) if R > 1 else nan
    # An exact estimator, such as importance sampling from the posterior, differs from the answer by rounding alone.
    exact_runs = bool(np.abs(log_ratios).max() <= rounding)
    if len(np.unique(log_ratios)) < R and not exact_runs:
        raise ValueError(
            f"the evidence runs hold one number twice among {R}: independent runs differ; give each its own seed."
        )
    error = float(log_ratios.mean()) + (a * v / 2 if R > 1 else 0.0)
    reasons = []
    if R < FEWEST_RUNS:
        reasons.append(f"evidence runs {R} < {FEWEST_RUNS}")
    if a and sqrt(v) > LARGEST_SPREAD:  # with a = 0 no half variance is added to the mean
        reasons.append(f"sd between the runs {sqrt(v):.3g} nats > {LARGEST_SPREAD:g}: use more particles")
    if exact_runs:
        p_value = 1.0
    elif not reasons:
        p_value = null_distributions.log_normal_mean_p_value(log_ratios, a, slack)
    else:  # too few runs, or too far apart, for the log-normal law; but an unbiased evidence is seldom far too large
        p_value = null_distributions.ratio_p_value(log_ratios) if law == "unbiased" else 1.0
    return Check(
        parameter=LOG_EVIDENCE,
        statistic="runs",
        exact=float(log_evidence),
        estimate=float(log_evidence) + error,
        error=error,
        null_error=max(rounding, sqrt(v / R + a**2 * v**2 / (2 * (R - 1)))) if R > 1 else nan,
        p_value=p_value,
        degrees_of_freedom=R - 1 if R > 1 else nan,
        ess=R,
        reason="; ".join(reasons),
    )


def law_of(name: str) -> EvidenceLaw:
    """Return the law with a name, or the law of the method with this name.

    Raises ValueError if there is no such law, or if the method has none.
    """
    if name in METHOD_LAWS:
        return METHOD_LAWS[name]
    if name not in EVIDENCE_LAWS:
        without = f", which has no law: {WITHOUT_LAW[name]}" if name in WITHOUT_LAW else ""
        raise ValueError(
            f"`evidence_law` must be one of {', '.join(EVIDENCE_LAWS)}, got {name!r}{without}; or a method, "
            f"{', '.join(METHOD_LAWS)}."
        )
    return cast("EvidenceLaw", name)


def compare_estimate(log_evidence: float, estimate: EvidenceEstimate) -> Check:
    """Compare one estimate, and the error that it claims, with the exact log evidence, in nats.

    The null law is Normal(log Z, se^2) with the claimed standard error se. An estimate whose own diagnostics warn, or
    that claims no error, is inconclusive, whatever it is. An estimate that is a lower bound fails only if it is above
    the exact value by more than its error allows.

    Raises ValueError if ``log_evidence`` is not finite.
    """
    rounding = _rounding(log_evidence)
    error, claimed = estimate.log_evidence - float(log_evidence), estimate.standard_error
    se = max(rounding, claimed)  # nan if none is claimed
    is_bound = estimate.method in BOUNDS
    reason = " ".join(estimate.warnings).removesuffix(".")
    if not reason and np.isnan(claimed):
        reason = f"{estimate.method} claims no error"
    tail = ndtr(-error / se) if is_bound else 2 * ndtr(-abs(error) / se)
    return Check(
        parameter=LOG_EVIDENCE,
        statistic="bound" if is_bound else "claimed error",
        exact=float(log_evidence),
        estimate=estimate.log_evidence,
        error=error,
        null_error=se,
        p_value=nan if reason else float(tail),
        degrees_of_freedom=inf,
        ess=nan,
        reason=reason,
    )


def evidence_note(law: str) -> str:
    """Return a sentence on what the verdict on the evidence assumes. Raises ValueError as ``law_of`` does."""
    law = law_of(law)
    others = "; ".join(f"{name}: {other.estimators}" for name, other in EVIDENCE_LAWS.items() if name != law)
    return f"log evidence is judged by {EVIDENCE_LAWS[law].equation}, evidence law {law} (others: {others})."


def _rounding(log_evidence: float) -> float:
    """Return the rounding error of the exact log evidence, in nats. Raises ValueError if it is not finite."""
    if not np.isfinite(log_evidence):
        raise ValueError(f"`log_evidence` must be finite, got {log_evidence}; it is the exact log p(y) in nats.")
    return 8 * np.finfo(float).eps * max(1.0, abs(log_evidence))
