"""Kernels of n chains, each with a mistake that people make (``injected``) and without it.

Each function takes a model of the registry and returns ``step(theta, y, rng)``, or updates by name, in the form of
``bayes.check_kernel``. The data y have the shape (N,), or (n, N) if each chain has its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.registry import Model

type Array = NDArray[np.float64]
type State = dict[str, Array]
type Step = Callable[[State, Array, np.random.Generator], Any]

STEP = 2.4
"""Step of a random walk in one dimension, in posterior sds."""
LEAPFROG_STEP = 1.8
"""Step of Hamiltonian Monte Carlo, in posterior sds; about 4 of 10 proposals are rejected."""
REFRESHMENTS, MEMORY = 4, 0.9
"""Proposals in one step, and how much of the momentum is kept between them."""


def normal_posterior(exact: Any, y: Array) -> tuple[Any, float]:
    """Return mean and sd of the posterior of ``normal_normal``."""
    # 1 / s_n^2 = 1 / tau^2 + N / sigma^2,    m_n = s_n^2 (m0 / tau^2 + sum y_i / sigma^2)
    variance = 1 / (1 / exact.prior_sd**2 + y.shape[-1] / exact.noise_sd**2)
    return variance * (exact.prior_mean / exact.prior_sd**2 + y.sum(axis=-1) / exact.noise_sd**2), variance**0.5


def metropolis(x: Array, proposed: Array, log_ratio: Array, rng: np.random.Generator) -> Array:
    """Return ``proposed`` with probability min(1, exp(log_ratio)), else ``x``."""
    return np.where(np.log(rng.random(x.shape)) < log_ratio, proposed, x)


def random_walk(model: Model, *, injected: bool) -> Step:
    """Random walk Metropolis on a normal mean; the mistake: the prior's variance is given as its sd."""
    exact = replace(model.exact, prior_sd=model.exact.prior_sd**2) if injected else model.exact

    def step(theta: State, y: Array, rng: np.random.Generator) -> State:
        mean, sd = normal_posterior(exact, y)
        mu = theta["mu"]
        proposed = mu + STEP * sd * rng.normal(size=mu.shape)
        return {"mu": metropolis(mu, proposed, ((mu - mean) ** 2 - (proposed - mean) ** 2) / (2 * sd**2), rng)}

    return step


def rejections_dropped(model: Model, *, injected: bool) -> Step:
    """Random walk Metropolis on a normal mean; the mistake: it proposes until a proposal is accepted."""
    right = random_walk(model, injected=False)

    def step(theta: State, y: Array, rng: np.random.Generator) -> State:
        mu = right(theta, y, rng)["mu"]
        while injected and (stayed := mu == theta["mu"]).any():
            mu = np.where(stayed, right(theta, y, rng)["mu"], mu)
        return {"mu": mu}

    return step


def log_scale_walk(model: Model, *, injected: bool) -> Step:
    """Random walk Metropolis on the logarithm of a rate; the mistake: the density has no Jacobian."""

    def step(theta: State, y: Array, rng: np.random.Generator) -> State:
        a, b = model.exact.shape + y.shape[-1], model.exact.inverse_scale + y.sum(axis=-1)
        v = np.log(theta["rate"])
        proposed = v + 0.7 * rng.normal(size=v.shape)
        # v = log(rate):  log p(v | y) = (a_n - 1) v - b_n e^v + v
        power = a - 1 if injected else a
        log_ratio = power * (proposed - v) - b * (np.exp(proposed) - np.exp(v))
        return {"rate": np.exp(metropolis(v, proposed, log_ratio, rng))}

    return step


def langevin(model: Model, *, injected: bool, adjusted: bool) -> Step:
    """Langevin steps on a normal mean; the mistake: no rejection, or with ``adjusted`` a ratio of densities alone."""

    def step(theta: State, y: Array, rng: np.random.Generator) -> State:
        mean, sd = normal_posterior(model.exact, y)
        x, h = theta["mu"], sd**2 / 2
        # x' = x + h/2 grad log p(x) + sqrt(h) e
        proposed = x - h / 2 * (x - mean) / sd**2 + np.sqrt(h) * rng.normal(size=x.shape)
        log_ratio = ((x - mean) ** 2 - (proposed - mean) ** 2) / (2 * sd**2)
        if not injected:  # log q(x | x') - log q(x' | x)
            forth = proposed - x + h / 2 * (x - mean) / sd**2
            back = x - proposed + h / 2 * (proposed - mean) / sd**2
            log_ratio = log_ratio + (forth**2 - back**2) / (2 * h)
        accepts = adjusted or not injected
        return {"mu": metropolis(x, proposed, log_ratio, rng) if accepts else proposed}

    return step


def leapfrog(z: Array, p: Array, *, last_half: bool) -> tuple[Array, Array]:
    """Return position and momentum after a leapfrog step on a standard normal, with -grad log p(z) = z."""
    p = p - LEAPFROG_STEP / 2 * z
    z = z + LEAPFROG_STEP * p
    return z, p - LEAPFROG_STEP / 2 * z if last_half else p


def hamiltonian(model: Model, *, injected: bool) -> Step:
    """HMC on a normal mean; the mistake: the energy is computed before the last half step of the momentum."""

    def step(theta: State, y: Array, rng: np.random.Generator) -> State:
        mean, sd = normal_posterior(model.exact, y)
        z = (theta["mu"] - mean) / sd
        p = rng.normal(size=z.shape)
        z_new, p_new = leapfrog(z, p, last_half=not injected)
        return {"mu": mean + sd * metropolis(z, z_new, (z**2 + p**2 - z_new**2 - p_new**2) / 2, rng)}

    return step


def persistent_momentum(model: Model, *, injected: bool) -> Step:
    """HMC with partial refreshment of the momentum; the mistake: a rejection does not change the momentum's sign.

    Horowitz (1991), "A generalized guided Monte Carlo algorithm".
    """

    def step(theta: State, y: Array, rng: np.random.Generator) -> State:
        mean, sd = normal_posterior(model.exact, y)
        z = (theta["mu"] - mean) / sd
        p = rng.normal(size=z.shape)
        for _ in range(REFRESHMENTS):
            z_new, p_new = leapfrog(z, p, last_half=True)
            accepted = np.log(rng.random(z.shape)) < (z**2 + p**2 - z_new**2 - p_new**2) / 2
            z, p = np.where(accepted, z_new, z), np.where(accepted, p_new, p if injected else -p)
            p = MEMORY * p + np.sqrt(1 - MEMORY**2) * rng.normal(size=z.shape)
        return {"mu": mean + sd * z}

    return step


def regression_gibbs(model: Model, *, injected: bool) -> dict[str, Step]:
    """Gibbs sampling of ``linear_regression``; the mistake: the update of sigma2 forgets the prior of beta."""
    exact = model.exact
    prior_precision = np.linalg.inv(exact.prior_covariance)

    def beta(theta: State, y: Array, rng: np.random.Generator) -> State:
        # beta | sigma2, y ~ Normal(m_n, sigma2 V_n)
        X = exact.design[: y.shape[-1]]
        V = np.linalg.inv(prior_precision + X.T @ X)
        m = (prior_precision @ exact.prior_mean + y @ X) @ V
        step = rng.normal(size=theta["beta"].shape) @ np.linalg.cholesky(V).T
        return {"beta": m + np.sqrt(theta["sigma2"])[:, None] * step}

    def sigma2(theta: State, y: Array, rng: np.random.Generator) -> State:
        # sigma2 | beta, y ~ InverseGamma(a + (N + P) / 2, b + (|y - X beta|^2 + |beta - m0|^2_{V0}) / 2)
        X = exact.design[: y.shape[-1]]
        squares = np.sum((y - theta["beta"] @ X.T) ** 2, axis=-1)
        count = y.shape[-1]
        if not injected:
            d = theta["beta"] - exact.prior_mean
            squares, count = squares + np.sum((d @ prior_precision) * d, axis=-1), count + d.shape[-1]
        return {"sigma2": (exact.scale + squares / 2) / rng.gamma(exact.shape + count / 2, size=len(squares))}

    return {"beta": beta, "sigma2": sigma2}


def normal_gibbs(model: Model, *, injected: bool) -> dict[str, Step]:
    """Gibbs sampling of ``normal_inverse_gamma``; the mistake: in the update of mu, k_n is not under the root."""
    exact = model.exact

    def mu(theta: State, y: Array, rng: np.random.Generator) -> State:
        # mu | sigma2, y ~ Normal(m_n, sigma2 / k_n),    k_n = k0 + N,    m_n = (k0 m0 + sum y_i) / k_n
        k = exact.prior_count + y.shape[-1]
        sd = np.sqrt(theta["sigma2"]) / (k if injected else np.sqrt(k))
        mean = (exact.prior_count * exact.prior_mean + y.sum(axis=-1)) / k
        return {"mu": rng.normal(mean, sd)}

    def sigma2(theta: State, y: Array, rng: np.random.Generator) -> State:
        # sigma2 | mu, y ~ InverseGamma(a + (N + 1) / 2, b + (sum (y_i - mu)^2 + k0 (mu - m0)^2) / 2)
        squares = np.sum((y - theta["mu"][:, None]) ** 2, axis=-1)
        squares = squares + exact.prior_count * (theta["mu"] - exact.prior_mean) ** 2
        return {
            "sigma2": (exact.scale + squares / 2) / rng.gamma(exact.shape + (y.shape[-1] + 1) / 2, size=len(squares))
        }

    return {"mu": mu, "sigma2": sigma2}


def parallel_gibbs(model: Model, *, injected: bool) -> Step:
    """Gibbs sampling of ``normal_inverse_gamma``; the mistake: both updates are given the old values."""
    updates = normal_gibbs(model, injected=False)

    def step(theta: State, y: Array, rng: np.random.Generator) -> State:
        mu = updates["mu"](theta, y, rng)
        return mu | updates["sigma2"](theta if injected else theta | mu, y, rng)

    return step


def data_update(model: Model, *, injected: bool) -> Step:
    """A random walk on a normal mean that also draws data; the mistake: their variance is given as their sd."""
    right, sigma = random_walk(model, injected=False), model.exact.noise_sd

    def step(theta: State, y: Array, rng: np.random.Generator) -> tuple[State, Array]:
        new = right(theta, y, rng)
        return new, rng.normal(new["mu"][:, None], sigma**2 if injected else sigma, size=(len(new["mu"]), y.shape[-1]))

    return step


def fixed_data(model: Model, *, injected: bool) -> Step:
    """A random walk on a normal mean; the mistake: it was compiled with one data set and ignores the data it gets."""
    right = random_walk(model, injected=False)
    return lambda theta, y, rng: right(theta, model.y if injected else y, rng)
