"""The statistics that compare draws with an exact distribution, and evidence runs with the exact evidence.

Draws become normal scores, z = Phi^-1(F(theta)) with the exact CDF F. If the sampler is right, z ~ N(0, 1) for every
model, and heavy tails need no more draws than light ones. Each scalar has three checks::

    location     the mean of z, which is 0
    scale        the mean of z^2, which is 1
    uniformity   the shares of draws below nine exact quantiles, from 0.2 to 99.8 %, and the farthest draw, combined

A share tests whether F(theta), the probability integral transform, is uniform up to its quantile. An error that only
moves draws between two neighbouring quantiles, and keeps the mean and the mean square of z, is not detected. A draw
outside the support is infinitely far, and fails. Each check uses the effective sample size (ESS) of its own function.
Where a tail is visited seldom, the ESS of its share is at most that of the next share.

A pass needs chains that converged (``bayes.checking.convergence``). A fail does not. Chains that were started
independently are worth at least one draw each, and a check may fail on this number of draws. The particles of one SMC
run are not chains and have no ESS in this sense.

``benchmarks/agreement.py`` measures the false alarms and the power of these checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isinf, nan, sqrt
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from bayes.checking import null_distributions
from bayes.checking.convergence import Mixing, closed_gates, effective_sizes, split_rhat
from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks
from bayes.evidence.estimates import validate_runs
from bayes.evidence.results import BOUNDS, WITHOUT_ERROR, EvidenceEstimate
from bayes.exact.distribution import Distribution, element_name, scalar_distributions, validate_distribution
from bayes.exact.projections import Projections
from bayes.io.draws import DrawsLike, as_draws, divergences, scalar_draws, variable_names
from closedform.multiple_testing import ALPHA

SHARES = np.array([0.002, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.998])
"""Probabilities of the exact quantiles below which the uniformity check counts draws."""
FARTHEST = 40.0
"""Normal score of draws that are farther out, or outside the support, so that nothing overflows."""
FAR_OUT = 0.001
"""A note reports the farthest draw if the probability of a draw as far out is below this."""
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
Laplace's method and the harmonic mean claim no error and have no law, and the ELBO is a
bound."""
WITHOUT_LAW = {**WITHOUT_ERROR, **BOUNDS}
"""Method without a law -> why."""


def compare(
    marginals: Mapping[str, Distribution] | None = None,
    draws: DrawsLike | None = None,
    *,
    projections: Projections | None = None,
    log_evidence: float | None = None,
    log_evidence_runs: ArrayLike | None = None,
    evidence_law: str = "unbiased",
    alpha: float = ALPHA,
) -> Checks:
    """Compare draws with exact marginals, and evidence runs with the exact log evidence. Either may be left out.

    Parameters
    ----------
    marginals
        The exact marginal distribution of each parameter, by its name in ``draws``. It is continuous and univariate, or
        array-valued: a frozen ``scipy.stats`` distribution with vectors as parameters, checked element by element.
    draws
        An ArviZ ``DataTree`` with the group ``posterior`` and, if there are any, ``diverging`` in ``sample_stats``; or
        a mapping from names to arrays of shape (chain, draw, ...); or ``bayes.io.draws.Draws``.
    projections
        Functions of several parameters, each with its exact distribution. They show what the marginals cannot show,
        such as a wrong correlation: ``{"a - b": (lambda draws: draws["a"] - draws["b"], norm(0, 2))}``. A function gets
        the draws of the variables by name, (chain, draw, ...), and returns values of shape (chain, draw).
    log_evidence
        The exact log p(y), in nats.
    log_evidence_runs
        Estimates of it from independent runs, shape (R,), in nats.
    evidence_law
        The law of the estimator, a key of ``EVIDENCE_LAWS``, or its method, a key of ``METHOD_LAWS``.
    alpha
        Probability that the family has a failed check although nothing is wrong (Holm over all checks).

    Raises
    ------
    ValueError
        If one of two arguments that belong together is missing, or if draws, runs or marginals cannot be compared; see
        ``compare_draws`` and ``compare_evidence``.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> draws = norm(2.0, 0.5).rvs(size=(4, 1000), random_state=np.random.default_rng(1))
    >>> compare({"mu": norm(2.0, 0.5)}, {"mu": draws}).verdict
    'pass'
    >>> compare({"mu": norm(2.1, 0.5)}, {"mu": draws}).verdict
    'fail'
    """
    if (marginals is None) != (draws is None):
        raise ValueError("`marginals` and `draws` come as a pair: give both, or neither to check the evidence alone.")
    if (log_evidence is None) != (log_evidence_runs is None):
        raise ValueError("`log_evidence` and `log_evidence_runs` come as a pair: give both, or neither.")
    checks: list[Check] = []
    notes: list[str] = []
    if marginals is not None and draws is not None:
        checks, notes = compare_draws(marginals, draws, projections)
    if log_evidence is not None and log_evidence_runs is not None:
        checks = [*checks, compare_evidence(log_evidence, log_evidence_runs, evidence_law)]
        notes = [*notes, evidence_note(evidence_law)]
    return judge(checks, alpha=alpha, notes=notes)


@dataclass(frozen=True, kw_only=True)
class ScoreSummary:
    """The summary statistics of a scalar that its checks use. The normal scores are z."""

    exact: tuple[float, float]
    """The exact mean and sd."""
    estimate: tuple[float, float]
    """Mean and sd of the draws."""
    location: float
    """Mean of z."""
    mean_square: float
    """Mean of z^2."""
    shares: NDArray[np.float64]
    """Shares of draws below the exact quantiles at ``SHARES``."""
    farthest: float
    """The largest |z|; infinite for a draw outside the support."""
    ess: NDArray[np.float64]
    """ESS of z, of z^2, and of each share."""
    mixing: Mixing


def compare_draws(
    marginals: Mapping[str, Distribution], draws: DrawsLike, projections: Projections | None = None
) -> tuple[list[Check], list[str]]:
    """Return the checks of every marginal and projection, and notes on the draws.

    Raises
    ------
    ValueError
        If a variable is missing, does not have the shape of its marginal, has fewer than 4 draws in each chain, has
        draws that are not a number, or is constant; or if a marginal is discrete.
    """
    variables = [] if projections else variable_names(draws)  # projections take whole variables, by the model's names
    for name, distribution in marginals.items():
        validate_distribution(name, distribution)
    scalars = scalar_distributions(marginals, variables)
    values = as_draws(draws, dict.fromkeys(name for name, _ in scalars))
    distributions = {element_name(e, values.labels.get(e[0], ())): d for e, d in scalars.items()}
    arrays = dict(zip(distributions, [scalar_draws(element, values) for element in scalars], strict=True))
    if len({array.shape for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{name!r} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"`draws` must have as many chains and draws of every variable, got {sizes}.")
    if projections:
        theta = {name: array.astype(float) for name, array in values.posterior.items()}
        for name, (function, distributions[name]) in projections.items():
            with np.errstate(all="ignore"):  # a function without a value outside the support is infinitely far
                arrays[name] = np.nan_to_num(function(theta), nan=inf, posinf=inf, neginf=-inf)
    summaries = {name: score(name, distribution, arrays[name]) for name, distribution in distributions.items()}
    divergent = divergences(values)
    chains, n = next(iter(arrays.values())).shape if arrays else (0, 0)
    reason = closed_gates([summary.mixing for summary in summaries.values()], chains, n, divergent) if arrays else ""
    checks = [c for name, summary in summaries.items() for c in _compare(name, summary, chains, n, reason)]
    notes = [f"{divergent} of {chains * n} transitions diverged."] if divergent else []
    if projections is None and len(distributions) > 1:
        notes.append(f"only the marginals of {', '.join(marginals)} are checked, not their joint distribution.")
    return checks, [
        *notes,
        *(note for name, summary in summaries.items() for note in _far_out(name, summary, chains * n)),
    ]


def normal_scores(distribution: Distribution, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return z = Phi^-1(F(theta)), which is N(0, 1) if the draws ``theta`` come from the continuous ``distribution``.

    The upper half uses the survival function, if the distribution has one, because F rounds to 1 there. z is infinite
    outside the support, and where the probability of a tail is too small for float64. Without a survival function this
    is so from z = 8.3 on.

    Examples
    --------
    >>> from scipy.stats import expon
    >>> normal_scores(expon(), np.array([-1.0, np.log(2), 100.0])).round(6).tolist()
    [-inf, 0.0, 13.888476]
    """
    z = ndtri(np.clip(distribution.cdf(theta), 0, 1))  # rounding may leave [0, 1]
    upper = z > 0
    sf = getattr(distribution, "sf", None)
    if sf and upper.any():
        z[upper] = -ndtri(np.clip(sf(theta[upper]), 0, 1))
    return z


def score(name: str, distribution: Distribution, theta: NDArray[np.float64]) -> ScoreSummary:
    """Return the summary statistics of the draws ``theta`` (chain, draw) of a scalar."""
    z = normal_scores(distribution, theta)
    farthest = float(abs(z).max())
    z = np.clip(z, -FARTHEST, FARTHEST)
    below = (z < ndtri(SHARES)[:, None, None]).astype(float)  # (9, chain, draw)
    shares = below.mean(axis=(1, 2))
    ess, geyer, p = effective_sizes(np.concatenate([[z, z**2], below]))
    moving = (shares > 0) & (shares < 1)  # a constant share has no ESS
    share_ess = np.where(moving, ess[2:], ess[:2].min())
    tails = np.where(moving, geyer[2:], geyer[:2].min())[[2, -3]]
    # The ESS of a share that is visited seldom cannot be estimated. That of the next share is seldom larger.
    for far, near in ((1, 2), (0, 1), (-2, -3), (-1, -2)):
        share_ess[far] = min(share_ess[far], share_ess[near])
    r, r_p_value = split_rhat(z)
    mixing = Mixing(
        name=name,
        rhat=r,
        rhat_p_value=r_p_value,
        ess={"bulk": geyer[0], "scale": geyer[1], "tail": min(tails)},
        batch_p_value=float(min(1.0, 2 * p[:2].min())),
    )
    with np.errstate(over="ignore", invalid="ignore"):  # draws or their squares may be infinite
        estimate = float(theta.mean()), float(theta.std())
    return ScoreSummary(
        exact=(float(distribution.mean()), float(distribution.std())),
        estimate=estimate,
        location=float(z.mean()),
        mean_square=float(np.mean(z**2)),
        shares=shares,
        farthest=farthest,
        ess=np.concatenate([ess[:2], share_ess]),
        mixing=mixing,
    )


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
    if not np.isfinite(log_evidence):
        raise ValueError(f"`log_evidence` must be finite, got {log_evidence}; it is the exact log p(y) in nats.")
    law = law_of(law)
    a, slack = EVIDENCE_LAWS[law].power, EVIDENCE_LAWS[law].slack
    log_ratios = validate_runs(runs) - float(log_evidence)
    R = len(log_ratios)
    v = float(log_ratios.var(ddof=1)) if R > 1 else nan
    # An exact estimator, such as importance sampling from the posterior, differs from the answer by rounding alone.
    rounding = 8 * np.finfo(float).eps * max(1.0, abs(log_evidence))
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
    if not np.isfinite(log_evidence):
        raise ValueError(f"`log_evidence` must be finite, got {log_evidence}; it is the exact log p(y) in nats.")
    error, claimed = estimate.log_evidence - float(log_evidence), estimate.standard_error
    rounding = 8 * np.finfo(float).eps * max(1.0, abs(log_evidence))
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
        ess=estimate.evaluations,
        reason=reason,
    )


def evidence_note(law: str) -> str:
    """Return a sentence on what the verdict on the evidence assumes. Raises ValueError as ``law_of`` does."""
    law = law_of(law)
    others = "; ".join(f"{name}: {other.estimators}" for name, other in EVIDENCE_LAWS.items() if name != law)
    return f"log evidence is judged by {EVIDENCE_LAWS[law].equation}, evidence law {law} (others: {others})."


def _compare(name: str, summary: ScoreSummary, chains: int, draws: int, reason: str) -> list[Check]:
    """Return the three checks of one scalar. If there is a ``reason`` against a pass, each chain counts as one draw."""
    ess = np.full_like(summary.ess, chains) if reason else summary.ess
    # the ESS is then a bound, which has no error of its own
    freedom = np.full_like(ess, inf) if reason else null_distributions.ess_degrees_of_freedom(ess)

    def adjust(p_value: ArrayLike, index: Any) -> Any:
        return p_value if reason else null_distributions.widen(p_value, ess[index])

    location = Check(
        parameter=name,
        statistic="location",
        exact=summary.exact[0],
        estimate=summary.estimate[0],
        error=summary.location,
        null_error=1 / sqrt(ess[0]),
        p_value=float(adjust(null_distributions.location_p_value(summary.location, ess[0]), 0)),
        degrees_of_freedom=freedom[0],
        ess=ess[0],
        reason=reason,
    )
    scale = Check(
        parameter=name,
        statistic="scale",
        exact=summary.exact[1],
        estimate=summary.estimate[1],
        error=sqrt(summary.mean_square) - 1,
        null_error=1 / sqrt(2 * ess[1]),
        p_value=float(adjust(null_distributions.scale_p_value(summary.mean_square, ess[1]), 1)),
        degrees_of_freedom=freedom[1],
        ess=ess[1],
        reason=reason,
    )
    share_p_values = adjust(null_distributions.share_p_value(summary.shares, SHARES, ess[2:]), slice(2, None))
    worst = int(np.argmin(share_p_values))
    q, n = SHARES[worst], ess[2 + worst]
    uniformity = Check(
        parameter=name,
        statistic="uniformity",
        exact=q,
        estimate=summary.shares[worst],
        error=summary.shares[worst] - q,
        null_error=sqrt(q * (1 - q) / n),
        p_value=null_distributions.combined_p_value(
            [*share_p_values, null_distributions.farthest_p_value(summary.farthest, chains * draws)]
        ),
        degrees_of_freedom=freedom[2 + worst],
        ess=n,
        reason=reason,
        combined=len(SHARES) + 1,
    )
    return [location, scale, uniformity]


def _far_out(name: str, summary: ScoreSummary, draws: int) -> list[str]:
    """Return a note if the farthest draw is farther out than right draws would be."""
    p = null_distributions.farthest_p_value(summary.farthest, draws)
    if p > FAR_OUT:
        return []
    if isinf(summary.farthest):
        return [f"draws of {name} lie outside the support of the exact distribution, or where it has no probability."]
    return [
        f"the farthest draw of {name} lies {summary.farthest:.1f} sds out as a normal score; one of {draws} right "
        f"draws is that far with a probability of {p:.1g} at most."
    ]
