"""Four implementations of NUTS with one signature (nutpie, PyMC, NumPyro and BlackJAX), and slice sampling.

Every engine takes a PyMC model and returns the posterior and the sample stats as datasets over (chain, draw), with the
same names for all engines. The stats of NUTS have ArviZ's names: ``diverging``, ``acceptance_rate``, ``energy`` (the
Hamiltonian up to a constant; nutpie computes it on a rescaled space), ``lp`` (log density on the unconstrained space),
``n_steps`` (leapfrog steps) and ``step_size``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

type Draws = tuple[xr.Dataset, xr.Dataset]

TARGET_ACCEPT = 0.95
"""Acceptance rate for the tuning of the step size. At the usual 0.8, every other run on eight schools has
divergences."""

STATS = ("diverging", "acceptance_rate", "energy", "lp", "n_steps", "step_size")


def nutpie(model: pm.Model, *, seed: int, draws: int, chains: int, tune: int) -> Draws:
    """Sample with nutpie (Rust, with the model compiled by Numba), which is the fastest once it has compiled."""
    posterior, stats = _pymc_sample(model, "nutpie", seed=seed, draws=draws, chains=chains, tune=tune)
    return posterior, stats.rename(mean_tree_accept="acceptance_rate", logp="lp")


def pymc(model: pm.Model, *, seed: int, draws: int, chains: int, tune: int) -> Draws:
    """Sample with PyMC's own NUTS in Python, which starts soonest."""
    return _pymc_sample(model, "pymc", seed=seed, draws=draws, chains=chains, tune=tune)


def numpyro(model: pm.Model, *, seed: int, draws: int, chains: int, tune: int) -> Draws:
    """Sample the model's log density with NumPyro, all chains vectorised on one JAX device."""
    from bayes.sampling._jax_engines import numpyro_nuts, run

    return run(model, numpyro_nuts, seed=seed, draws=draws, chains=chains, tune=tune, target_accept=TARGET_ACCEPT)


def blackjax(model: pm.Model, *, seed: int, draws: int, chains: int, tune: int) -> Draws:
    """Sample the model's log density with BlackJAX, all chains vectorised on one JAX device."""
    from bayes.sampling._jax_engines import blackjax_nuts, run

    return run(model, blackjax_nuts, seed=seed, draws=draws, chains=chains, tune=tune, target_accept=TARGET_ACCEPT)


def slice_sampling(model: pm.Model, *, seed: int, draws: int, chains: int, tune: int) -> Draws:
    """Sample one variable after another on the unconstrained space (Neal 2003, "Slice sampling"); no stats."""
    with model:
        tree: Any = pm.sample(step=pm.Slice(), **_settings(seed, draws, chains, tune))
    return tree.posterior.dataset, xr.Dataset()


PACKAGES = {
    "nutpie": ["pymc", "pytensor", "nutpie", "numba"],
    "pymc": ["pymc", "pytensor"],
    "numpyro": ["pymc", "pytensor", "numpyro", "jax"],
    "blackjax": ["pymc", "pytensor", "blackjax", "jax"],
    "slice": ["pymc", "pytensor"],
}
"""Name of a sampler -> the packages whose versions its draws depend on."""

ENGINES: dict[str, Callable[..., Draws]] = {f.__name__: f for f in (nutpie, pymc, numpyro, blackjax)}
"""Implementations of NUTS."""
SAMPLERS: dict[str, Callable[..., Draws]] = {**ENGINES, "slice": slice_sampling}
"""Name -> sampler."""


def _pymc_sample(model: pm.Model, nuts_sampler: Any, *, seed: int, draws: int, chains: int, tune: int) -> Draws:
    with model:
        settings = _settings(seed, draws, chains, tune)
        tree: Any = pm.sample(nuts_sampler=nuts_sampler, target_accept=TARGET_ACCEPT, **settings)
    return tree.posterior.dataset, tree.sample_stats.dataset


def _settings(seed: int, draws: int, chains: int, tune: int) -> dict[str, Any]:
    return {
        "draws": draws,
        "tune": tune,
        "chains": chains,
        "cores": 1,  # no forked processes, which can deadlock after JAX has started its threads
        "random_seed": np.random.default_rng(seed),
        "progressbar": False,
        "quiet": True,
    }
