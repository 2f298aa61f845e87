"""Bridge sampling: the evidence from posterior draws and draws of a proposal fitted to them.

With p~ = p(y | theta) p(theta) and a normalised proposal q, for any bridge function h ::

    Z = E_q[p~ h] / E_p[q h]

and the h of least variance for N1 independent posterior draws and N2 draws of q is ::

    h = 1 / (s1 p~ / Z + s2 q),    s1 = N1 / (N1 + N2),    s2 = N2 / (N1 + N2)

(Meng and Wong 1996, "Simulating ratios of normalizing constants via a simple identity", section 3). Z is on both sides;
the equation in log Z is monotone and has one root. N1 is the ESS of the posterior draws.

The proposal is normal, or by ``warp3`` the posterior is warped to be like a standard normal: in location, in scale, and
by averaging its density over x and its reflection about the mean (Meng and Schilling 2002, "Warp bridge sampling"),
which also removes skewness. Draws to which a proposal was fitted look too likely under it (Overstall and Forster 2010,
"Default Bayesian model determination methods for generalised linear mixed models"). So each chain is cut into four
blocks, the proposal is fitted to two of them and the other two are used, for the three splits and both of their sides.
The mean of the six estimates uses every draw three times.

The six errors are not independent. The error of a side that uses the draws A and was fitted to F is, to first order, ::

    mean_{x in A} g(x) + mean_{x in A, x' in F} k(x, x'),    E k(x, .) = E k(., x') = 0

(Hoeffding 1948, "A class of statistics with asymptotically normal distribution"). g is what the best proposal leaves,
and k comes from fitting it. For a normal posterior g = 0 and k is symmetric: the errors of the two sides of a split are
the same number. Each two of B blocks are on different sides in B / (2 (B - 1)) of the splits. So with
var(f1) = V_g + V_k and n draws, the variance from the posterior draws is at most ::

    V_g / n + B / (B - 1) V_k / n <= B / (B - 1) var(f1) / n

This bound is claimed, with B = 4. For normal posteriors it is the variance, and otherwise the error is claimed at most
15 % too large. Without the factor the mean of z^2 was 1.25 in 200 replicates of the Gaussian process, and with it 1.00.

Micaletto and Vehtari (2025, "Bridge sampling diagnostics", arXiv 2508.14487) propose a Monte Carlo standard error,
the Pareto k of the terms and reshuffled blocks. Their abstract and the code of their R package were read for this,
not the whole paper. The terms f1 <= 1 / s2 and f2 <= 1 / s1 are bounded, so that their variances are finite whatever
their k is, and a k is free of scale: the log of a gamma variable has k = 0.8 of f2 with an RMSE of 0.003 nats, which is
claimed; for Student's t with two degrees of freedom k = -0.6 and the RMSE is 0.026. The halves of a split agree where
both are wrong in the same way. So these are shown and not judged. What is judged, by the figures of
``benchmarks.evidence_diagnostics``:

- whether the chains have converged, by R-hat and ESS;
- how many independent terms the means are worth (``overlap``);
- whether another bridge function, h^2, gives the same Z. E_q[p~ h^2] / E_p[q h^2] = Z too, if the draws are of p: this
  sees draws of another density, as of variational inference or of a sampler with a mistake.

No diagnostic sees a mode in which there is neither a draw nor a draw of the proposal.
"""

from dataclasses import dataclass
from math import log, nan, sqrt
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from bayes.evidence import monte_carlo
from bayes.evidence.proposals import fitted_normal
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.evidence.targets import Array, LogDensity, Target

Proposal = Literal["warp3", "normal"]
BLOCKS = 4
"""Blocks of a chain."""
SPLITS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
"""All ways to halve the blocks."""
SHARED = BLOCKS / (BLOCKS - 1)
"""Largest variance over that of independent sides, as above."""
SMALLEST_OVERLAP = 200.0
"""Smallest 1 / (relative variance of a mean), at which it is 0.07 nats off. It is the number of terms of the mean if
they are 0 or 1 and mostly 0."""
LARGEST_DISAGREEMENT = 3.0
"""Largest difference of the log evidence by h and by h^2, in its standard errors. Its 95 % quantile was at most 2.1 for
draws of the density. In five dimensions it was 10 to 30 for draws 0.3 sds off or with 0.8 times the sd. In one
dimension a shift of 0.3 sds gives 2 to 4 and is not always seen."""
FEWEST_A_DIMENSION = 10
"""Draws a dimension in half of the blocks, below which the covariance of a proposal is poorly known."""


def bridge(target: Target, draws: Array, *, seed: int, proposal: Proposal = "warp3") -> EvidenceEstimate:
    """Estimate the log evidence from posterior ``draws``.

    Parameters
    ----------
    target
        The density, with every constant.
    draws
        Unconstrained posterior draws (chain, draw, D).
    seed
        Seed of the draws of the proposals.
    proposal
        ``warp3`` or ``normal``, as above. ``warp3`` evaluates the density at twice as many points.

    Returns
    -------
    bayes.evidence.results.EvidenceEstimate
        Its standard error is ::

            se^2 = 4/3 var(f1) / ESS(f1) + 1/36 sum_{6 sides} var(f2) / N2

        with f1 = q / (s1 p + s2 q) over posterior draws and f2 = p / (s1 p + s2 q) over draws of q, each over its mean
        (Frühwirth-Schnatter 2004, "Estimating marginal likelihoods for mixture and Markov switching models", whose
        relative mean squared errors add). The first term is the mean of the three splits: they share the draws. The
        proposals' draws are independent.

    Raises
    ------
    ValueError
        If there are too few draws to fit a proposal, or if the log density of a draw is not finite.

    Examples
    --------
    >>> two_pi = Target(dimension=2, log_density=lambda x: -0.5 * np.sum(x**2, axis=1))
    >>> estimate = bridge(two_pi, np.random.default_rng(0).normal(size=(4, 1000, 2)), seed=1)
    >>> round(estimate.log_evidence, 2), estimate.reliable
    (1.84, True)
    """
    if proposal not in ("warp3", "normal"):
        raise ValueError(f"`proposal` must be 'warp3' or 'normal', got {proposal!r}.")
    chains, n, D = draws.shape
    block = n // BLOCKS
    if chains * block * BLOCKS < 2 * FEWEST_A_DIMENSION * D or block < 4:
        raise ValueError(
            f"`draws` must be {2 * FEWEST_A_DIMENSION} or more a dimension and {4 * BLOCKS} or more a chain to fit a "
            f"proposal, got {chains} x {n} in {D} dimensions; draw more."
        )
    rng = np.random.default_rng(seed)
    x = draws[:, : block * BLOCKS].reshape(chains, BLOCKS, block, D)
    log_p = target.log_density(x.reshape(-1, D)).reshape(chains, BLOCKS, block)
    if not np.isfinite(log_p).all():
        raise ValueError("`draws` have points where the log density is not finite: they are not draws of this model.")
    sides = [
        _one_side(target.log_density, x, log_p, list(used), list(fitted), rng, proposal)
        for a, b in SPLITS
        for used, fitted in ((a, b), (b, a))
    ]
    variance = _variance(sides, [side.f1 for side in sides], [side.f2 for side in sides])
    return EvidenceEstimate(
        log_evidence=float(np.mean([side.log_z for side in sides])),
        standard_error=sqrt(variance),
        method="bridge",
        evaluations=log_p.size * (1 + len(sides) * (1 if proposal == "normal" else 2)),
        diagnostics=(
            *monte_carlo.chain_diagnostics(np.concatenate([x, log_p[..., None]], axis=-1).reshape(chains, -1, D + 1)),
            *_diagnostics(sides),
        ),
        notes=target.notes,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Side:
    """An estimate from the draws of half of the blocks, and its terms."""

    used: list[int]
    log_z: float
    f1: Array
    """Over posterior draws (chain, block, draw), over its mean."""
    f2: Array
    """Over draws of the proposal (draw,), over its mean."""
    second: float
    """log Z by the bridge function h^2, less log Z by h."""
    second_f1: Array
    second_f2: Array
    """Terms of h^2 over their means."""


def _one_side(
    log_density: LogDensity,
    x: Array,
    log_p: Array,
    used: list[int],
    fitted: list[int],
    rng: np.random.Generator,
    proposal: Proposal,
) -> _Side:
    """Return the estimate with the blocks ``used``, from a proposal that is fitted to the blocks ``fitted``."""
    chains, _, block, D = x.shape
    q = fitted_normal(x[:, fitted].reshape(-1, D))
    shape = (chains, len(used), block)
    z = q.standardised(x[:, used].reshape(-1, D))
    e = rng.standard_normal(z.shape)
    if proposal == "normal":
        l1 = log_p[:, used].ravel()
        l2 = log_density(q.place(e))
    else:  # p~ averaged over z and -z
        both = log_density(q.place(np.concatenate([-z, e, -e])))
        l1 = np.logaddexp(log_p[:, used].ravel(), both[: len(z)]) - log(2)
        l2 = np.logaddexp(both[len(z) : -len(e)], both[-len(e) :]) - log(2)
    l1, l2 = l1 - q.log_density(z), np.where(np.isnan(l2), -np.inf, l2) - q.log_density(e)
    N1, N2 = monte_carlo.effective_size(l1.reshape(chains, -1)), len(l2)
    s1, s2 = N1 / (N1 + N2), N2 / (N1 + N2)
    log_z = _root(l1, l2, s1, s2)
    log_h1, log_h2 = (-np.logaddexp(log(s1) + log_ratio - log_z, log(s2)) for log_ratio in (l1, l2))
    log_r = l2 - log_z
    (f1, _), (f2, _) = _relative(log_h1), _relative(log_r + log_h2)
    (second_f1, bottom), (second_f2, top) = _relative(2 * log_h1), _relative(log_r + 2 * log_h2)
    return _Side(
        used=used,
        log_z=log_z,
        f1=f1.reshape(shape),
        f2=f2,
        second=top - bottom,
        second_f1=second_f1.reshape(shape),
        second_f2=second_f2,
    )


def _relative(log_terms: Array) -> tuple[Array, float]:
    """Return terms over their mean, and the log of their mean."""
    log_mean = float(logsumexp(log_terms)) - log(log_terms.size)
    return np.exp(log_terms - log_mean), log_mean


def _variance(sides: list[_Side], over_p: list[Array], over_q: list[Array]) -> float:
    """Return the variance claimed for the mean over the sides of mean(over_q) - mean(over_p)."""
    posterior_part = []
    for i in range(0, len(sides), 2):  # the two sides of a split use every draw once
        chains, _, block = over_p[i].shape
        terms = np.empty((chains, BLOCKS, block))
        for j in (i, i + 1):
            terms[:, sides[j].used] = over_p[j]
        terms = terms.reshape(chains, -1)  # in the order of the chains, with their autocorrelation
        posterior_part.append(np.var(terms) / monte_carlo.effective_size(terms))
    proposal_part = sum(np.var(terms) / terms.size for terms in over_q) / len(sides) ** 2
    return float(SHARED * np.mean(posterior_part) + proposal_part)


def _root(l1: Array, l2: Array, s1: float, s2: float) -> float:
    """Return log Z, the root of log E_q[p~ h] - log E_p[q h] - log Z, which falls with log Z."""

    def excess(log_z: float) -> float:
        top = logsumexp(l2 - np.logaddexp(log(s1) + l2, log(s2) + log_z)) - log(len(l2))
        bottom = logsumexp(-np.logaddexp(log(s1) + l1, log(s2) + log_z)) - log(len(l1))
        return float(top - bottom - log_z)

    finite = l2[np.isfinite(l2)]
    low, high = min(l1.min(), finite.min(initial=np.inf)) - 1, max(l1.max(), finite.max(initial=-np.inf)) + 1
    return float(brentq(excess, low, high, xtol=1e-12, rtol=1e-14))


def _diagnostics(sides: list[_Side]) -> list[Diagnostic]:
    """Return what the error is judged by: overlap of posterior and proposal, and agreement of two bridge functions."""
    variances = [
        (np.var(t.f1) / monte_carlo.effective_size(t.f1.reshape(len(t.f1), -1)), np.var(t.f2) / t.f2.size)
        for t in sides
    ]
    halves = [
        (a.log_z - b.log_z) ** 2 / (sum(variances[2 * i]) + sum(variances[2 * i + 1]))
        for i, (a, b) in enumerate(zip(sides[::2], sides[1::2], strict=True))
    ]
    second_variance = _variance(sides, [t.second_f1 - t.f1 for t in sides], [t.second_f2 - t.f2 for t in sides])
    return [
        Diagnostic(
            name="overlap",
            value=1 / float(np.max(variances)),
            threshold=SMALLEST_OVERLAP,
            at_least=True,
            meaning="few draws lie where posterior and proposal overlap; use many more draws",
        ),
        Diagnostic(
            name="disagreement of two bridge functions",
            value=abs(float(np.mean([t.second for t in sides]))) / sqrt(second_variance),
            threshold=LARGEST_DISAGREEMENT,
            meaning="the draws are not draws of this density, or too few reach its tails",
        ),
        Diagnostic(name="squared disagreement of the halves", value=float(np.mean(halves)), threshold=nan),
        Diagnostic(name="Pareto k of f1", value=max(_tail_index(t.f1) for t in sides), threshold=nan),
        Diagnostic(name="Pareto k of f2", value=max(_tail_index(t.f2) for t in sides), threshold=nan),
    ]


def _tail_index(terms: Array) -> float:
    with np.errstate(divide="ignore"):  # a term may be 0
        return monte_carlo.tail_index(np.log(terms))
