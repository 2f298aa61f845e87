"""Do draws agree with an exact distribution? Distributions and draws in, checks with a verdict out.

Every statistic but one is the mean over the draws of a known function f of theta, whose moments under the exact
distribution are known (``bayes.nulls``):

    mean        f = theta
    sd          f = (theta - m)^2, m the exact mean: a shift by d shows in it as well, as sqrt(1 + (d/sd)^2)
    P(< q)      f = 1[theta < the exact q-quantile],  q = 5, 50 and 95 %

and the one is the largest distance between the exact CDF and the ECDF of the draws, thinned to their effective sample
size (the PIT distance). The null error is sd(f) / sqrt(ESS of f), with the exact sd(f) and the ESS never above the
number of draws: draws that miss a tail would also make an error estimated from them too small.

A verdict needs chains that converged (``bayes.convergence``). Particles of one SMC run are no chains and have no ESS in
this sense.

How often all this raises a false alarm, and what it sees, is measured by ``benchmarks/agreement.py``.
"""

from collections.abc import Mapping
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes import nulls
from bayes.convergence import SMALLEST_ESS, ess_of_mean, not_converged, too_few
from bayes.draws import Draws, chains_and_draws, divergences, validate_distribution, variable, variable_names
from bayes.evidence import log_evidence_runs as validated_runs
from bayes.exact.distribution import Distribution, elements
from bayes.exact.projections import Projections
from bayes.verdicts import ALPHA, Checks, Comparison, judge

FAR = 1e30
PROBABILITIES = (0.05, 0.5, 0.95)
FEWEST_RUNS = 8
LOG_EVIDENCE = "log evidence"
LARGEST_SPREAD = 0.5
"""Largest sd between log evidence runs for a verdict, nats: at 0.8, 8 right runs reach p <= 0.05 in 5.6 % of cases."""


def compare(
    marginals: Mapping[str, Distribution] | None = None,
    draws: Draws | None = None,
    *,
    projections: Projections | None = None,
    log_evidence: float | None = None,
    log_evidence_runs: ArrayLike | None = None,
    alpha: float = ALPHA,
) -> Checks:
    """Compare draws with exact marginals, and evidence runs with the exact log evidence; either may be left out.

    Parameters
    ----------
    marginals
        The exact marginal distribution of each parameter to check, by its name in ``draws``: continuous and univariate,
        or array-valued (a frozen ``scipy.stats`` distribution with vectors for parameters), which is checked element by
        element.
    draws
        An ArviZ ``DataTree`` with group ``posterior`` and optionally ``sample_stats`` with ``diverging``, or a mapping
        from names to arrays of shape (chain, draw, ...).
    projections
        Functions of all parameters and their exact distributions: what the marginals cannot show, such as a wrong
        correlation. ``{"a - b": (lambda draws: draws["a"] - draws["b"], norm(0, 2))}`` with draws of the variables by
        name, (chain, draw, ...), and values of shape (chain, draw).
    log_evidence
        The exact log p(y), in nats.
    log_evidence_runs
        Its estimates from independent runs, shape (R,), in nats.
    alpha
        Probability that a family with nothing wrong has a failed check (Holm over all checks).

    Raises
    ------
    ValueError
        If half of a pair is missing, or draws, runs or marginals cannot be compared as they are; see
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
    comparisons: list[Comparison] = []
    notes: list[str] = []
    if marginals is not None and draws is not None:
        comparisons, notes = compare_draws(marginals, draws, projections)
    if log_evidence is not None and log_evidence_runs is not None:
        comparisons = [*comparisons, compare_evidence(log_evidence, log_evidence_runs)]
    return judge(comparisons, alpha=alpha, notes=notes)


def compare_draws(
    marginals: Mapping[str, Distribution], draws: Draws, projections: Projections | None = None
) -> tuple[list[Comparison], list[str]]:
    """Return the comparisons of every marginal and projection with its draws, and notes on what is not checked.

    The mean and the sd are left out, with a note, where the exact distribution's tails are too heavy for the number of
    draws: this is decided by the exact distribution and that number, never by what was drawn.

    Raises
    ------
    ValueError
        If a variable is missing, has not the shape of its marginal, has fewer than 4 draws a chain, is not finite or is
        constant; or if a marginal is discrete.
    """
    comparisons: list[Comparison] = []
    notes: list[str] = []
    n_divergent = divergences(draws)
    exact: dict[str, Distribution] = {}
    for name, distribution in marginals.items():
        validate_distribution(name, distribution)
        exact |= elements(name, distribution)
    drawn = {name: chains_and_draws(name, draws) for name in exact}
    if projections is None and len(exact) > 1:
        notes.append(f"of the joint distribution of {', '.join(marginals)} only the marginals are checked.")
    variables = whole_variables(drawn, draws) if projections else {}
    for name, (function, distribution) in (projections or {}).items():
        with np.errstate(all="ignore"):  # outside the support it may have no value: then it is far off
            values = np.nan_to_num(function(variables), nan=FAR, posinf=FAR, neginf=-FAR)
        exact[name], drawn[name] = distribution, values
    for name, distribution in exact.items():
        theta = drawn[name]
        more, more_notes = _compare_parameter(name, distribution, theta, n_divergent)
        comparisons += more
        notes += more_notes
    return comparisons, notes


def whole_variables(drawn: Mapping[str, NDArray[np.float64]], draws: Draws) -> dict[str, NDArray[np.float64]]:
    """Return ``theta`` (chain, draw, J) for the scalars ``theta[0]``, ..., which ``draws`` may hold one by one."""
    names = dict.fromkeys(name.partition("[")[0] for name in drawn)
    there = variable_names(draws)
    apart = {base: [values for name, values in drawn.items() if name.partition("[")[0] == base] for base in names}
    return {
        base: variable(base, draws).astype(float) if base in there else np.stack(its, axis=-1)
        for base, its in apart.items()
    }


def compare_evidence(log_evidence: float, runs: ArrayLike) -> Comparison:
    """Compare the log evidence of R independent runs with the exact one, all in nats.

    Z_r / Z has mean 1, so log Z_r ~ Normal(log Z - v/2, v): the estimate is the mean of the runs plus s^2/2, and its
    null error sqrt(s^2/R + s^4 / (2 (R - 1))), with s the sd between the runs (``nulls.log_normal_mean_p_value``).
    The estimate differs from the log-mean-exp of ``bayes.evidence.combine`` in the third order of s.
    """
    if not np.isfinite(log_evidence):
        raise ValueError(f"`log_evidence` must be finite, got {log_evidence}; it is the exact log p(y) in nats.")
    log_ratios = validated_runs(runs) - float(log_evidence)
    R = len(log_ratios)
    v = float(log_ratios.var(ddof=1)) if R > 1 else nan
    # An estimator that is exact, importance sampling from the posterior, differs from the answer by rounding alone.
    rounding = 8 * np.finfo(float).eps * max(1.0, abs(log_evidence))
    exact_runs = bool(np.abs(log_ratios).max() <= rounding)
    if len(np.unique(log_ratios)) < R and not exact_runs:
        raise ValueError(f"`runs` hold one number twice among {R}: independent runs differ; give each its own seed.")
    reasons = []
    if R < FEWEST_RUNS:
        reasons.append(f"evidence runs {R} < {FEWEST_RUNS}")
    if sqrt(v) > LARGEST_SPREAD:
        reasons.append(f"sd between the runs {sqrt(v):.3g} nats > {LARGEST_SPREAD:g}: use more particles")
    return Comparison(
        parameter=LOG_EVIDENCE,
        statistic="runs",
        exact=float(log_evidence),
        estimate=float(log_evidence) + float(log_ratios.mean()) + (v / 2 if R > 1 else 0.0),
        null_error=max(rounding, sqrt(v / R + v**2 / (2 * (R - 1)))) if R > 1 else nan,
        p_value=1.0 if exact_runs else nulls.log_normal_mean_p_value(log_ratios) if R > 1 else nan,
        null="t",
        size=R - 1 if R > 1 else nan,
        ess=R,
        reason="; ".join(reasons),
    )


def _compare_parameter(
    name: str, distribution: Distribution, theta: NDArray[np.float64], n_divergent: int
) -> tuple[list[Comparison], list[str]]:
    """Return the comparisons of one parameter, ``theta`` of shape (chain, draw), and notes on what is left out."""
    reason = not_converged(theta, n_divergent)
    moments, notes = _compare_moments(name, distribution, theta, reason)
    u = np.asarray(distribution.cdf(theta), dtype=float)
    proportions = [_compare_proportion(name, distribution, theta, q, reason) for q in PROBABILITIES]
    return [*moments, *proportions, _compare_pit(name, u, [p.ess for p in proportions], reason)], notes


def _compare_moments(
    name: str, distribution: Distribution, theta: NDArray[np.float64], reason: str
) -> tuple[list[Comparison], list[str]]:
    """Return the comparisons of mean and sd, and a note for each whose null is not known at this number of draws."""
    mean, sd = float(distribution.mean()), float(distribution.std())
    if not (np.isfinite(mean) and np.isfinite(sd)):
        return [], [f"mean and sd of {name} are not checked: the exact mean is {mean:g} and the exact sd {sd:g}."]
    comparisons, notes = [], []
    z = np.clip((theta - mean) / sd, -1e70, 1e70)  # z^2 squared, in its ESS, must stay in float64
    for statistic, f, shape in zip(("mean", "sd"), (z, z**2), nulls.shapes(distribution), strict=True):
        needed = shape.ess_needed()
        if needed > theta.size:
            notes.append(
                f"{statistic} of {name} is not checked: with the exact distribution's tails its error has a known law "
                f"only from an ESS of {needed:.2g}, and there are {theta.size} draws."
            )
            continue
        ess = ess_of_mean(f)
        average = float(f.mean())
        # d sd = d(sd^2) / (2 sd): the error of the sd is sd/2 that of the mean of z^2.
        estimate, null_sd = (
            (mean + sd * average, sd) if statistic == "mean" else (sd * sqrt(average), sd * shape.sd / 2)
        )
        comparisons.append(
            Comparison(
                parameter=name,
                statistic=statistic,
                exact=mean if statistic == "mean" else sd,
                estimate=estimate,
                null_error=null_sd / sqrt(ess),
                p_value=nulls.widen(nulls.mean_p_value(average, shape, ess), ess),
                null="t",
                size=nulls.ess_degrees_of_freedom(ess),
                ess=ess,
                reason=reason or too_few(ess, max(SMALLEST_ESS, needed), statistic),
            )
        )
    return comparisons, notes


def _compare_proportion(
    name: str, distribution: Distribution, theta: NDArray[np.float64], q: float, reason: str
) -> Comparison:
    """Return the comparison of P(theta < exact q-quantile) with q."""
    below = (theta < distribution.ppf(q)).astype(float)
    ess = ess_of_mean(below)
    proportion = float(below.mean())
    statistic = f"P(< {100 * q:g} %)"
    return Comparison(
        parameter=name,
        statistic=statistic,
        exact=q,
        estimate=proportion,
        null_error=sqrt(q * (1 - q) / ess),
        p_value=nulls.widen(nulls.proportion_p_value(proportion, q, ess), ess),
        null="t",
        size=nulls.ess_degrees_of_freedom(ess),
        ess=ess,
        reason=reason or too_few(ess, SMALLEST_ESS, statistic),
    )


def _compare_pit(name: str, u: NDArray[np.float64], others: list[float], reason: str) -> Comparison:
    """Return the comparison of ``u``, the exact CDF at the draws (chain, draw), with the uniform distribution.

    Draws are thinned to the smallest ESS of location, spread and the proportions (``others``). A chain thinned to its
    ESS is still correlated (exp(-2) = 0.14 between neighbours of a slow AR(1)), and one that alternates can come out
    positively correlated: so the distance is judged at the ESS of what is left, not at its number.
    """
    ess = min(ess_of_mean(u), ess_of_mean(abs(u - 0.5)), *others)
    n_draws = u.shape[1]
    step = max(1, min(int(u.size / ess), n_draws // 8))
    thinned = u[:, ::step]
    size = max(1.0, min(ess, ess_of_mean(thinned), ess_of_mean(abs(thinned - 0.5))))
    ordered = np.sort(thinned, axis=None)
    rank = np.arange(len(ordered) + 1) / len(ordered)
    distance = float(max(np.max(rank[1:] - ordered), np.max(ordered - rank[:-1])))
    return Comparison(
        parameter=name,
        statistic="PIT distance",
        exact=0.0,
        estimate=distance,
        null_error=1 / (2 * sqrt(size)),
        p_value=nulls.kolmogorov_p_value(distance, size),
        null="kolmogorov",
        size=size,
        ess=ess,
        reason=reason or too_few(ess, SMALLEST_ESS, "PIT distance"),
    )
