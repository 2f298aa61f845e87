"""The statistics that compare draws with an exact distribution.

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
from math import inf, isinf, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bayes.checking import null_distributions
from bayes.checking.convergence import Mixing, closed_gates, effective_sizes, split_rhat
from bayes.checking.evidence import compare_evidence, evidence_note
from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks
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
        The law of the estimator, a key of ``bayes.checking.evidence.EVIDENCE_LAWS``, or its method, a key of
        ``METHOD_LAWS``.
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
