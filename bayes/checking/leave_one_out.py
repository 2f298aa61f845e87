"""PSIS-LOO of draws beside the exact leave-one-out predictive densities, observation by observation.

Pareto-smoothed importance sampling turns draws of the posterior into draws without y_i, with weights 1 / p(y_i | theta)
(Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling", JMLR 25). With smoothed weights
W_s that sum to 1, ArviZ's estimate and its Monte Carlo standard error are ::

    elpd_i = log sum_s W_s p(y_i | theta_s),    MCSE_i^2 = var(t) / ESS(t),    t_s = S W_s (p(y_i | theta_s) / E - 1)

with E = exp(elpd_i): the error of a weighted mean (section 2.2 there), with the ESS of the terms themselves. That of
the total is the MCSE of the sum of the t, because all observations share the draws.

A mean of few draws lacks the part of a heavy tail that they did not reach, so that the estimate is too high, and the
MCSE does not show it. An error in this direction counts only from ``TAIL`` W_max / (1 - k) on: the largest weight W_max
stands for what lies beyond it, a share W_max / (1 - k) of the mean if the tail is a generalised Pareto. With it, and
without what the two gates exclude, right draws fail as seldom as ``alpha`` says; ``benchmarks/loo.py`` measures it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log10, nan
from textwrap import fill
from typing import Any

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from bayes.checking.convergence import Mixing, closed_gates, effective_sizes, split_rhat
from bayes.checking.judging import judge
from bayes.checking.null_distributions import ess_degrees_of_freedom, widen
from bayes.checking.results import WIDTH, Check, Checks, aligned
from closedform.multiple_testing import ALPHA
from closedform.verdict import Verdict

LARGEST_K = 0.7
"""Largest Pareto k of weights whose mean can be estimated, with many draws (Vehtari et al. 2024, section 3.2.4)."""
LARGEST_VARIANCE = 0.4
"""Largest posterior variance of log p(y_i | theta), in squared nats, for k to tell a bad estimate: Vehtari, Gelman and
Gabry (2017), "Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC", section 2.2."""
TAIL = 3.0
"""How often the missing tail may be as heavy as the largest weight says."""
SHOWN = 25
"""Observations in a printed table: those farthest off. ``rows`` has all."""
TOTAL = "total"


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays cannot be compared by ==
class LeaveOneOut:
    """PSIS-LOO beside the exact answer, in nats, as arrays (n,), and its verdicts. ``str`` makes a table."""

    exact: NDArray[np.float64]
    """log p(y_i | y without y_i)."""
    estimate: NDArray[np.float64]
    """ArviZ's ``elpd_i``."""
    mcse: NDArray[np.float64]
    """Its Monte Carlo standard error."""
    total_mcse: float
    """The Monte Carlo standard error of the sum."""
    pareto_k: NDArray[np.float64]
    good_k: float
    """Largest k for this number of draws S: min(1 - 1 / log10(S), 0.7)."""
    waic: NDArray[np.float64]
    """WAIC of each observation: log mean p(y_i | theta) - var log p(y_i | theta) (Watanabe 2010)."""
    checks: Checks
    """A check for each observation, and for the total."""

    @property
    def verdict(self) -> Verdict:
        """``"fail"`` if an observation or the total fails, else ``"inconclusive"`` if one is, else ``"pass"``."""
        return self.checks.verdict

    @property
    def alpha(self) -> float:
        """The false-alarm rate of the family."""
        return self.checks.alpha

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the comparison."""
        return self.checks.notes

    @property
    def standard_error(self) -> float:
        """ArviZ's ``se`` of the total, (n var(elpd_i))^1/2: how much other data would change it. It is no MCSE.

        It is nan for one observation.
        """
        n = len(self.estimate)
        return float(np.sqrt(n * self.estimate.var(ddof=1))) if n > 1 else nan

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict with the unrounded numbers of each observation, and of the total, for a table or a file."""
        k, waic = np.append(self.pareto_k, nan), np.append(self.waic, self.waic.sum())
        return [
            {
                "observation": check.parameter,
                "exact": check.exact,
                "psis_loo": check.estimate,
                "error": check.error,
                "mcse": float(mcse),
                "pareto_k": float(k_i),
                "waic": float(waic_i),
                "waic_error": float(waic_i) - check.exact,
                "p_value": check.p_value,
                "verdict": check.verdict,
                "reason": check.reason,
            }
            for check, mcse, k_i, waic_i in zip(
                self.checks, np.append(self.mcse, self.total_mcse), k, waic, strict=True
            )
        ]

    def __str__(self) -> str:
        head = ("observation", "exact", "PSIS-LOO", "error", "MCSE", "error/MCSE", "k", "WAIC error", "verdict")
        rows = self.rows()
        farthest = sorted(range(len(rows) - 1), key=lambda i: -abs(rows[i]["error"] / rows[i]["mcse"]))[:SHOWN]
        reasons = list(dict.fromkeys(row["reason"] for row in rows if row["reason"]))
        body = [
            (
                row["observation"],
                f"{row['exact']:.6g}",
                f"{row['psis_loo']:.6g}",
                f"{row['error']:+.2g}",
                f"{row['mcse']:.2g}",
                f"{row['error'] / row['mcse']:+.2f}",
                "" if row["observation"] == TOTAL else f"{row['pareto_k']:.2f}",
                f"{row['waic_error']:+.2g}",
                row["verdict"] + (f" [{reasons.index(row['reason']) + 1}]" if row["reason"] else ""),
            )
            for row in [*(rows[i] for i in sorted(farthest)), rows[-1]]
        ]
        n = len(self.exact)
        sentences = [
            f"{self.verdict}: {len(self.checks)} checks of PSIS-LOO share a false-alarm rate of {self.alpha:g}.",
            *([f"The table has the {SHOWN} observations of {n} that are most MCSEs off."] if n > SHOWN else []),
            *(f"[{i}] cannot pass: {reason}" for i, reason in enumerate(reasons, 1)),
            f"ArviZ's `se` of the total is {self.standard_error:.3g} nats: how much other data would change it. The "
            "error of the draws is the MCSE.",
            *(f"note: {note}" for note in self.notes),
        ]
        wrapped = [fill(sentence, WIDTH, subsequent_indent="    ", break_long_words=False) for sentence in sentences]
        return "\n".join([*aligned([head, *body]), *wrapped])


def compare_loo(
    exact: ArrayLike,
    log_likelihood: ArrayLike,
    *,
    divergent: int = 0,
    alpha: float = ALPHA,
    notes: Sequence[str] = (),
) -> LeaveOneOut:
    """Compare PSIS-LOO of ``log_likelihood`` with the exact values, observation by observation and in total.

    Parameters
    ----------
    exact
        log p(y_i | y without y_i), (n,), in nats.
    log_likelihood
        log p(y_i | theta) at draws of the posterior, (chain, draw, n), in nats.
    divergent
        Number of divergent transitions among the draws.
    alpha
        Probability that an observation or the total fails although the draws are right (Holm).
    notes
        Sentences to print under the table.

    Returns
    -------
    bayes.checking.leave_one_out.LeaveOneOut
        An observation whose k is above the threshold for this number of draws, or whose log likelihood varies too much
        for k to be trusted, is inconclusive, and so is then the total.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is not finite.

    References
    ----------
    Vehtari et al. (2024), "Pareto smoothed importance sampling", JMLR 25. Vehtari, Gelman and Gabry (2017), "Practical
    Bayesian model evaluation using leave-one-out cross-validation and WAIC", Statistics and Computing 27.

    Examples
    --------
    >>> from bayes.exact.normal_normal import EXAMPLE
    >>> mu = EXAMPLE.model.posterior(EXAMPLE.y).rvs((4, 1000), np.random.default_rng(0))
    >>> log_likelihood = EXAMPLE.model.pointwise_log_likelihood({"mu": mu}, EXAMPLE.y)
    >>> compare_loo(EXAMPLE.model.leave_one_out(EXAMPLE.y), log_likelihood).verdict
    'pass'
    """
    truth, logs = _validated(exact, log_likelihood)
    chains, draws, n = logs.shape
    S = chains * draws
    p = np.moveaxis(logs, 2, 0)  # (n, chain, draw)
    r_eff = float(np.mean(effective_sizes(np.exp(p - p.max(axis=(1, 2), keepdims=True))).geyer)) / S
    try:
        flat_weights, k = array_stats.psislw(p.reshape(n, S), r_eff=r_eff)
    except ValueError as error:  # of too few draws, or of a tail without two different numbers
        raise ValueError(
            f"`log_likelihood` cannot be smoothed, since PSIS needs five different numbers in the tail of each "
            f"observation's {S} draws ({error}); give more draws, and do not round them."
        ) from error
    log_weights = flat_weights.reshape(p.shape)
    estimate = logsumexp(log_weights + p, axis=(1, 2))
    weights = np.exp(log_weights)
    terms = S * weights * np.expm1(p - estimate[:, None, None])  # (n, chain, draw)
    terms = np.concatenate([terms, terms.sum(axis=0, keepdims=True)])
    ess, geyer, batch_p = effective_sizes(terms)
    variance = p.var(axis=(1, 2), ddof=1)
    names = [f"y[{i}]" for i in range(n)]
    mixing = [
        Mixing(name=name, rhat=r, rhat_p_value=p_value, ess={"bulk": geyer[i]}, batch_p_value=batch_p[i])
        for i, name in enumerate(names)
        for r, p_value in [split_rhat(p[i])]
    ]
    reason = closed_gates(mixing, chains, draws, divergent)
    if reason:  # each chain then counts as one draw, as in `compare_draws`
        ess = np.full(n + 1, float(chains))
    rounding = 8 * np.finfo(float).eps * np.maximum(1, abs(truth))
    mcse = np.maximum(np.append(rounding, rounding.sum()), terms.std(axis=(1, 2)) / np.sqrt(ess))
    good_k = largest_tail_index(S)
    gates = [_gate(k_i, good_k, v) for k_i, v in zip(k, variance, strict=True)]
    closed = sum(map(bool, gates))
    gates.append(f"the total has {closed} observation(s) that cannot be judged" if closed else "")
    slack = TAIL * weights.max(axis=(1, 2)) / np.maximum(1 - k, 1 - LARGEST_K)
    slack = np.append(slack, slack.sum())
    exact_values, estimates = np.append(truth, truth.sum()), np.append(estimate, estimate.sum())
    errors = estimates - exact_values
    # what the missing tail explains of an estimate that is too high
    p_values = 2 * norm.sf(np.where(errors > 0, np.maximum(errors - slack, 0), -errors) / mcse)
    p_values = np.where([bool(gate) for gate in gates], nan, p_values if reason else widen(p_values, ess))
    checks = [
        Check(
            parameter=name,
            statistic="leave-one-out",
            exact=float(exact_values[i]),
            estimate=float(estimates[i]),
            error=float(errors[i]),
            null_error=float(mcse[i]),
            p_value=float(p_values[i]),
            degrees_of_freedom=inf if reason else float(ess_degrees_of_freedom(ess[i])),
            ess=float(ess[i]),
            reason="; ".join(filter(None, [gates[i], reason])),
        )
        for i, name in enumerate([*names, TOTAL])
    ]
    return LeaveOneOut(
        exact=truth,
        estimate=estimate,
        mcse=mcse[:-1],
        total_mcse=float(mcse[-1]),
        pareto_k=k,
        good_k=good_k,
        waic=logsumexp(p, axis=(1, 2)) - np.log(S) - variance,
        checks=judge(checks, alpha=alpha, notes=notes),
    )


def largest_tail_index(draws: int) -> float:
    """Return the largest Pareto k with which a mean of so many terms is reliable: min(1 - 1 / log10(S), 0.7).

    Vehtari et al. (2024), section 3.2.4.
    """
    return min(1 - 1 / log10(draws), LARGEST_K)


def _gate(k: float, good_k: float, variance: float) -> str:
    """Return why an estimate with this ``k`` and ``variance`` of the log likelihood is not judged, or an empty text."""
    if not k <= good_k:
        return f"Pareto k > {good_k:.2f}: these draws do not say what they are without the observation"
    if not variance <= LARGEST_VARIANCE:
        return f"the log likelihood has a variance > {LARGEST_VARIANCE:g} nats^2, with which k may be too small"
    return ""


def _validated(exact: ArrayLike, log_likelihood: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as arrays, or raise ValueError."""
    truth, logs = np.asarray(exact, dtype=float), np.asarray(log_likelihood)
    if truth.ndim != 1 or len(truth) == 0 or not np.all(np.isfinite(truth)):
        raise ValueError(f"`exact` must be one or more finite numbers, in nats, got shape {truth.shape}.")
    if logs.dtype.kind not in "iuf" or logs.ndim != 3 or logs.shape[2] != len(truth) or logs.shape[1] < 4:
        raise ValueError(
            f"`log_likelihood` must have the shape (chain, draw, {len(truth)}), a number for each observation at each "
            f"of 4 or more draws, got {logs.shape} of {logs.dtype}; of observations that depend on each other given "
            "the parameters, leave it out: the model has the log density of each given all others."
        )
    if not np.all(np.isfinite(logs)):
        raise ValueError(f"`log_likelihood` must be finite, got {np.sum(~np.isfinite(logs))} numbers that are not.")
    return truth, logs.astype(np.float64)
