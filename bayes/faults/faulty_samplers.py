"""Samplers that are faulty on purpose, each with its correct variant. They show that the verdicts can fail.

Each faulty sampler draws from the posterior of a model of the registry, or estimates its evidence, with a mistake that
people make. ``bayes.check`` judges it. A mistake is detected if a check fails or the draws are refused. If the mistake
is that chains do not converge, an inconclusive verdict counts too.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import gamma, norm, t

from bayes import check
from bayes.exact.distribution import Distribution
from bayes.faults.kernels import normal_posterior
from bayes.registry import Model, get_model
from closedform.multiple_testing import ALPHA

CHAINS, RUNS = 4, 16
STATISTICS = ("location", "scale", "uniformity", "runs")
NOT_CONVERGED, REFUSED = "not converged", "refused"
DETECTORS = (*STATISTICS, NOT_CONVERGED, REFUSED)
"""What can detect a mistake: a statistic that fails, chains that have not converged, or draws that are refused."""

Array = NDArray[np.float64]
LogDensity = Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True)
class FaultySampler:
    """A mistake in a sampler."""

    name: str
    mistake: str
    """The mistake, and the correct variant if it is not obvious."""
    model: str
    """The name of the model that the draws are compared with."""
    sample: Callable[[Model, np.random.Generator, int, int, bool], Array]
    """``sample(model, rng, repeats, n, injected)`` makes fresh runs, with the mistake or without it. It returns draws
    (repeats, chain, n) of the model's parameter, or log evidence (repeats, run) from ``n`` particles in each run. The
    data ``model.y`` have shape (N,), or for draws (repeats, N): then each run has its own data set."""
    detected_by: str
    """The detector in ``DETECTORS`` that is made for this mistake."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How often a mistake was detected, in ``repeats`` runs with ``n`` draws a chain, or particles a run."""

    n: int
    repeats: int
    detected: int
    passed: int
    failed: int
    """Runs with a failed check. Runs that neither passed nor failed were inconclusive or refused."""
    by_detector: dict[str, int]
    """The number of runs in which each of ``DETECTORS`` detected something."""


def detect(
    faulty: FaultySampler, *, n: int, repeats: int, seed: int, injected: bool = True, alpha: float = ALPHA
) -> Detection:
    """Run a faulty sampler ``repeats`` times with ``n`` draws a chain and check each run.

    With ``injected=False`` the correct variant runs.

    Examples
    --------
    >>> [detect(FAULTY_SAMPLERS[0], n=8000, repeats=5, seed=0, injected=fault).detected for fault in (True, False)]
    [5, 0]
    """
    model = get_model(faulty.model)
    (name,) = model.exact.marginals(model.y)
    by_detector: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    for draws in faulty.sample(model, np.random.default_rng([seed, n, injected]), repeats, n, injected):
        try:
            if draws.ndim == 1:
                checks = check(None, model.exact, model.y, evidence=draws, alpha=alpha)
            else:
                checks = check({name: draws}, model.exact, model.y, alpha=alpha)
        except ValueError:
            verdicts[REFUSED] += 1
            by_detector[REFUSED] += 1
            continue
        verdicts[checks.verdict] += 1
        by_detector.update(result.statistic for result in checks if result.verdict == "fail")
        by_detector[NOT_CONVERGED] += any(result.reason for result in checks)
    inconclusive = verdicts["inconclusive"] if faulty.detected_by == NOT_CONVERGED else 0
    return Detection(
        n=n,
        repeats=repeats,
        detected=verdicts["fail"] + verdicts[REFUSED] + inconclusive,
        passed=verdicts["pass"],
        failed=verdicts["fail"],
        by_detector={detector: by_detector[detector] for detector in DETECTORS},
    )


def random_walk(
    log_density: LogDensity, start: Array, step: Any, rng: np.random.Generator, n: int
) -> tuple[Array, NDArray[np.bool_]]:
    """Return ``n`` draws of random walk Metropolis from each point of ``start`` (draws last), and which draws moved.

    ``step`` is a number, or an array that broadcasts with ``start``.

    Metropolis et al. (1953), "Equation of state calculations by fast computing machines".
    """
    x, log_p = start, log_density(start)
    draws, moves = np.empty((*start.shape, n)), np.empty((*start.shape, n), bool)
    for i in range(n):
        proposed = x + step * rng.normal(size=x.shape)
        log_q = log_density(proposed)
        accepted = np.log(rng.random(x.shape)) < log_q - log_p
        x, log_p = np.where(accepted, proposed, x), np.where(accepted, log_q, log_p)
        draws[..., i], moves[..., i] = x, accepted
    return draws, moves


def langevin(mean: Any, sd: Any, start: Array, rng: np.random.Generator, n: int, *, adjusted: bool) -> Array:
    """Return ``n`` draws of Langevin steps on a normal from each point of ``start``, with rejections if ``adjusted``.

    Roberts and Tweedie (1996), "Exponential convergence of Langevin distributions and their discrete approximations".
    """
    h = sd**2 / 2
    x = start
    draws = np.empty((*start.shape, n))
    for i in range(n):
        # x' = x + h/2 grad log p(x) + sqrt(h) e
        proposed = x - h / 2 * (x - mean) / sd**2 + np.sqrt(h) * rng.normal(size=x.shape)
        if adjusted:
            forth = proposed - x + h / 2 * (x - mean) / sd**2
            back = x - proposed + h / 2 * (proposed - mean) / sd**2
            log_ratio = ((x - mean) ** 2 - (proposed - mean) ** 2) / (2 * sd**2) + (forth**2 - back**2) / (2 * h)
            proposed = np.where(np.log(rng.random(x.shape)) < log_ratio, proposed, x)
        x = draws[..., i] = proposed
    return draws


WELL_TUNED = 2.4
"""Step of a random walk in one dimension that mixes best, in sds (Gelman, Roberts and Gilks 1996)."""


def posterior(model: Model) -> Distribution:
    """Return the posterior of the one parameter of ``model``, which is ``normal_normal`` or ``gamma_exponential``.

    If ``model.y`` has shape (repeats, N), it is array-valued, (repeats, 1, 1), for draws (repeats, chain, n).
    """
    if model.y.ndim == 1:
        return model.exact.posterior(model.y)
    exact, y = model.exact, model.y[:, None, None]
    if model.name == "normal_normal":
        return norm(*normal_posterior(exact, y))
    # rate | y ~ Gamma(a + N, b + sum y_i)
    return gamma(exact.shape + y.shape[-1], scale=1 / (exact.inverse_scale + y.sum(axis=-1)))


def _exact(model: Model, rng: np.random.Generator, repeats: int, n: int) -> Array:
    return posterior(model).rvs((repeats, CHAINS, n), random_state=rng)


def _moments(model: Model) -> tuple[Any, Any]:
    exact = posterior(model)
    return exact.mean(), exact.std()


def _walk(
    model: Model, rng: np.random.Generator, repeats: int, n: int, step: float = WELL_TUNED, shift: float = 0.0
) -> tuple[Array, NDArray[np.bool_]]:
    """Return a random walk on the posterior of the normal mean, with a step in sds.

    It starts in the posterior, moved by ``shift`` sds.
    """
    mean, sd = _moments(model)
    start = _exact(model, rng, repeats, 1) + shift * sd
    draws, moves = random_walk(lambda mu: -(((mu - mean) / sd) ** 2) / 2, start, step * sd, rng, n)
    return draws[:, :, 0], moves[:, :, 0]


def _overdispersed(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    mean, _ = _moments(model)
    return mean + (1.05 if injected else 1.0) * (_exact(model, rng, repeats, n) - mean)


def _shifted(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    _, sd = _moments(model)
    return _exact(model, rng, repeats, n) + (0.05 * sd if injected else 0.0)


def _variance_as_sd(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    wrong = replace(model, exact=replace(model.exact, prior_sd=model.exact.prior_sd**2))
    return _exact(wrong if injected else model, rng, repeats, n)


def _without_jacobian(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    rate = posterior(model)

    def log_density(v: Array) -> Array:
        # v = log(rate):  log p(v | y) = log p(rate | y) + v
        return rate.logpdf(np.exp(v)) + (0.0 if injected else v)

    start = np.log(_exact(model, rng, repeats, 1))
    return np.exp(random_walk(log_density, start, 0.7, rng, n)[0][:, :, 0])


def _unadjusted(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    start = _exact(model, rng, repeats, 1)
    return langevin(*_moments(model), start, rng, n, adjusted=not injected)[:, :, 0]


def _short_burn_in(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    warm_up = 0 if injected else 1000
    return _walk(model, rng, repeats, n + warm_up, shift=30.0)[0][..., warm_up:]


def _stuck_chain(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    draws, _ = _walk(model, rng, repeats, n)
    if injected:
        draws[:, -1, 10:] = draws[:, -1, 9:10]
    return draws


def _copied_chains(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    draws, _ = _walk(model, rng, repeats, n)
    return draws[:, [0, 1, 0, 1]] if injected else draws


def _without_rejections(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    if not injected:
        return _walk(model, rng, repeats, n)[0]
    draws, moves = _walk(model, rng, repeats, 4 * n)  # about 0.44 of the draws are moves
    return np.array(
        [[chain[is_move][:n] for chain, is_move in zip(*run, strict=True)] for run in zip(draws, moves, strict=True)]
    )


def _heavy_tails(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    if not injected:
        return _exact(model, rng, repeats, n)
    mean, sd = _moments(model)
    return mean + sd * (6 / 8) ** 0.5 * rng.standard_t(8, size=(repeats, CHAINS, n))


def _shuffled(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    if not injected:
        return _walk(model, rng, repeats, n)[0]
    draws, _ = _walk(model, rng, repeats, n, step=0.05)
    return rng.permuted(draws.reshape(repeats, -1), axis=1).reshape(draws.shape)


def _without_constant(model: Model, rng: np.random.Generator, repeats: int, n: int, injected: bool) -> Array:
    """Return the log evidence by importance sampling: the mean of p(y | mu) p(mu) / q(mu) over draws of q."""
    exact, y = model.exact, model.y
    mean, sd = _moments(model)
    q = t(5, loc=mean, scale=1.2 * sd)
    mu = q.rvs((repeats, RUNS, n), random_state=rng)
    log_prior = -(((mu - exact.prior_mean) / exact.prior_sd) ** 2) / 2
    if not injected:
        log_prior -= log(2 * pi * exact.prior_sd**2) / 2
    # sum_i (y_i - mu)^2 = sum_i (y_i - ybar)^2 + n (ybar - mu)^2
    squares = np.sum((y - y.mean()) ** 2) + len(y) * (y.mean() - mu) ** 2
    log_likelihood = -len(y) / 2 * log(2 * pi * exact.noise_sd**2) - squares / (2 * exact.noise_sd**2)
    return logsumexp(log_prior + log_likelihood - q.logpdf(mu), axis=2) - log(n)


_normal_sampler = partial(FaultySampler, model="normal_normal")
FAULTY_SAMPLERS = (
    _normal_sampler(
        name="5 % too wide",
        mistake="Exact draws, moved to 1.05 times their distance from the mean.",
        sample=_overdispersed,
        detected_by="scale",
    ),
    _normal_sampler(
        name="off by 0.05 sd",
        mistake="Exact draws, moved by a twentieth of the posterior's sd.",
        sample=_shifted,
        detected_by="location",
    ),
    _normal_sampler(
        name="variance as sd",
        mistake="The variance of the prior is given where the program expects its sd.",
        sample=_variance_as_sd,
        detected_by="location",
    ),
    FaultySampler(
        name="no Jacobian",
        mistake="Random walk Metropolis on the logarithm of a rate uses the density of the rate, without the Jacobian.",
        model="gamma_exponential",
        sample=_without_jacobian,
        detected_by="location",
    ),
    _normal_sampler(
        name="unadjusted Langevin",
        mistake="Langevin steps are never rejected. The correct variant has the Metropolis-Hastings rejection.",
        sample=_unadjusted,
        detected_by="scale",
    ),
    _normal_sampler(
        name="no burn-in",
        mistake="Random walk Metropolis from 30 sds away keeps all draws. The correct variant drops the first 1,000.",
        sample=_short_burn_in,
        detected_by="scale",
    ),
    _normal_sampler(
        name="a chain stuck",
        mistake="One of four chains of random walk Metropolis does not move after its tenth draw.",
        sample=_stuck_chain,
        detected_by=NOT_CONVERGED,
    ),
    _normal_sampler(
        name="chains copied",
        mistake="Two chains of random walk Metropolis are given twice, as if they were four chains.",
        sample=_copied_chains,
        detected_by=REFUSED,
    ),
    _normal_sampler(
        name="rejections dropped",
        mistake="Random walk Metropolis keeps only the draws that moved, and drops the repeats of a rejection.",
        sample=_without_rejections,
        detected_by="scale",
    ),
    _normal_sampler(
        name="draws shuffled",
        mistake="Random walk Metropolis with steps of 0.05 sd has its draws shuffled, so that they look independent. "
        "The correct variant has steps that mix, and keeps the order of its draws.",
        sample=_shuffled,
        detected_by=REFUSED,
    ),
    _normal_sampler(
        name="tails too heavy",
        mistake="Draws of a Student t with 8 degrees of freedom have the exact mean and sd, but too heavy tails.",
        sample=_heavy_tails,
        detected_by="uniformity",
    ),
    _normal_sampler(
        name="constant dropped",
        mistake="Importance sampling of the evidence uses the prior density without its constant, 1 / sqrt(2 pi s^2).",
        sample=_without_constant,
        detected_by="runs",
    ),
)
