"""An approximate posterior: independent draws, and the log densities of target and approximation at each of them.

From log q and log p~ follow the ELBO and the Pareto k of the importance ratios p~ / q::

    ELBO = E_q[log p~(z) - log q(z)] = log p(y) - KL(q || p)
"""

import json
from dataclasses import dataclass
from importlib.metadata import version
from math import inf, sqrt
from typing import Any

import numpy as np
import xarray as xr
from arviz_base import dict_to_dataset
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from bayes.approximations.unconstrained import Unconstrained
from bayes.sampling.inference import MOST_SEED, SEEDS
from closedform.validation import whole_number

type Array = NDArray[np.float64]

FEWEST_DRAWS = 100
"""Smallest number of draws. With fewer, the tail of the importance ratios is too short for a Pareto k."""
ROUNDING = 1e-8
"""Importance ratios that differ by less, in nats, are equal: what differs is rounding, which has no tail."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Approximation:
    """An approximate posterior.

    Parameters
    ----------
    name
        How it was made: ``"laplace"``, ``"advi mean field"``, ``"advi full rank"``, ``"pathfinder"`` or
        ``"multipathfinder"``.
    draws
        Independent draws of the constrained variables: a tree with the group ``posterior``, one chain of n draws.
    log_q, log_p
        Log density of the approximation, and unnormalised log density of the posterior, p~(z) = p(y, theta(z))
        |d theta / dz|, at each draw on the unconstrained space, (n,) in nats. Of ``"multipathfinder"`` they are those
        of the draws of all paths before they are resampled, each with the log q of its own path.
    mean, covariance
        Those of the normal on the unconstrained space, (D,) and (D, D); None if the approximation is no normal.
    mode
        The mode of the posterior on the unconstrained space, (D,), where it was computed; else None.
    elbo, elbo_se
        The mean of log p~ - log q over the draws, in nats, and its Monte Carlo standard error. No draw was used in
        the fit.
    seconds
        Wall time of fit and draws, with compilation.
    target
        The posterior on the unconstrained space.
    """

    name: str
    draws: xr.DataTree
    log_q: Array
    log_p: Array
    mean: Array | None
    covariance: Array | None
    mode: Array | None
    elbo: float
    elbo_se: float
    seconds: float
    target: Unconstrained

    @property
    def pareto_k(self) -> float:
        """The shape k of the upper tail of p~ / q (Vehtari et al. 2024, "Pareto smoothed importance sampling").

        It is -inf if all ratios are equal. Above 0.7 the draws cannot be reweighted to the posterior.
        """
        return log_weights(self.log_p - self.log_q)[1]


def log_weights(log_ratios: Array) -> tuple[Array, float]:
    """Return smoothed log weights, which sum to 1, and the Pareto k of the ``log_ratios`` (n,)."""
    finite = np.nan_to_num(log_ratios, nan=-inf)  # no density, no weight
    if np.ptp(finite) < ROUNDING:
        return np.full(len(finite), -np.log(len(finite))), -inf
    weights, k = array_stats.psislw(-finite)  # ArviZ takes the log ratios with the opposite sign
    return np.asarray(weights), float(k)


def normal_approximation(
    name: str,
    target: Unconstrained,
    *,
    mean: Array,
    covariance: Array,
    rng: np.random.Generator,
    draws: int,
    attrs: dict[str, Any],
    mode: Array | None = None,
) -> Approximation:
    """Return Normal(mean, covariance) on the unconstrained space as an approximation, with draws by ``rng``.

    Its ``seconds`` are 0, for the caller to replace. Raises numpy.linalg.LinAlgError unless the covariance is positive
    definite.
    """
    z, log_q = normal_draws(mean, covariance, rng, draws)
    log_p = target.log_density(z)
    elbo, elbo_se = elbo_estimate(log_p - log_q)
    return Approximation(
        name=name,
        draws=tree(target, target.constrain(z), attrs),
        log_q=log_q,
        log_p=log_p,
        mean=mean,
        covariance=covariance,
        mode=mode,
        elbo=elbo,
        elbo_se=elbo_se,
        seconds=0.0,
        target=target,
    )


def normal_draws(mean: Array, covariance: Array, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Return n draws of Normal(mean, covariance), (n, D), and the log density of each, (n,) in nats."""
    L = np.linalg.cholesky(covariance)
    epsilon = rng.standard_normal((n, len(mean)))
    # log q(m + L e) = -1/2 e'e - D/2 log(2 pi) - sum_i log L_ii
    log_q = -0.5 * np.sum(epsilon**2, axis=1) - len(mean) / 2 * np.log(2 * np.pi) - np.log(np.diag(L)).sum()
    return mean + epsilon @ L.T, log_q


def normal_log_density(z: Array, mean: Array, covariance: Array) -> Array:
    """Return log Normal(z; mean, covariance) of points (M, D), in nats."""
    L = np.linalg.cholesky(covariance)
    epsilon = solve_triangular(L, (z - mean).T, lower=True)
    return -0.5 * np.sum(epsilon**2, axis=0) - len(mean) / 2 * np.log(2 * np.pi) - np.log(np.diag(L)).sum()


def elbo_estimate(log_ratios: Array) -> tuple[float, float]:
    """Return the mean of the independent ``log_ratios`` (n,), in nats, and its standard error."""
    return float(log_ratios.mean()), float(log_ratios.std(ddof=1)) / sqrt(len(log_ratios))


def tree(target: Unconstrained, values: dict[str, NDArray[Any]], attrs: dict[str, Any]) -> xr.DataTree:
    """Return the ``values`` of variables, each (n, ...), as a tree with one chain."""
    model = target.model
    coords: dict[Any, Any] = {name: np.asarray(c) for name, c in model.coords.items() if c is not None}
    dims: dict[Any, Any] = {name: list(names) for name, names in model.named_vars_to_dims.items() if name in values}
    posterior = dict_to_dataset({name: value[None] for name, value in values.items()}, coords=coords, dims=dims)
    result = xr.DataTree.from_dict({"posterior": posterior.drop_attrs()})
    versions = {name: version(name) for name in ("closedform", "pymc", "pytensor", "jax", "blackjax")}
    result.attrs = {"model": model.str_repr(), "versions": json.dumps(versions), **attrs}
    return result


def require_numbers(seed: int, draws: int) -> None:
    """Raise ValueError unless ``seed`` has 63 bits and ``draws`` are enough."""
    whole_number("seed", seed, SEEDS, 0, MOST_SEED)
    whole_number("draws", draws, f", {FEWEST_DRAWS} or more", FEWEST_DRAWS)
