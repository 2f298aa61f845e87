"""Run a PyMC program: NUTS for posterior draws, SMC for the evidence.

Both return an ArviZ ``xarray.DataTree`` that saves to netCDF (``tree.to_netcdf("draws.nc")``) and loads again
(``arviz.from_netcdf``). Its attributes record how it was made: ``model``, ``engine``, ``seed`` and ``versions``.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from bayes.sampling.engines import ENGINES, PACKAGES, SAMPLERS, STATS
from bayes.sampling.smc_kernels import Pilot, Scheduled, Stage
from closedform.validation import whole_number

MOST_SEED = 2**63 - 1
"""Largest seed that fits into the 64 bits of a netCDF attribute."""
SEEDS = " from 0 to 2^63 - 1"
FEWEST_PARTICLES = 50
"""Smallest number of particles. Proposals are fitted to them, and fewer do not determine a covariance."""
LARGEST_PREDICTIVE = 4 * 2**30
"""A run with more bytes of posterior predictive draws is refused, since it could exhaust the memory."""


type Program = pm.Model
"""A model that can be run: a PyMC model with observed variables."""


def nuts(
    model: pm.Model,
    *,
    seed: int,
    draws: int = 1000,
    chains: int = 4,
    tune: int = 1000,
    engine: str = "nutpie",
    predict: pm.Model | None = None,
) -> xr.DataTree:
    """Sample the posterior of ``model`` with NUTS, and one posterior predictive data set for each draw.

    Parameters
    ----------
    model
        A PyMC model with observed variables.
    seed
        Seed of everything random. The same seed gives the same draws in every process.
    draws, chains, tune
        Draws to keep in each chain, number of independent chains, and warm-up iterations in each chain, which are
        thrown away.
    engine
        The NUTS implementation: ``nutpie``, ``pymc``, ``numpyro`` or ``blackjax`` (see ``bayes.sampling.engines``).
    predict
        The program whose observed variables are predicted, with the same parameters. A program of one observation
        predicts one new observation for each draw. The default is ``model``, which predicts a data set for each draw.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` and ``posterior_predictive`` with dimensions (chain, draw, ...), ``sample_stats`` (see
        ``bayes.sampling.engines``), ``prior`` with the same number of independent draws, and ``observed_data``.

    Raises
    ------
    ValueError
        If ``engine`` is unknown, if ``draws``, ``chains`` or ``tune`` is not a positive whole number, if ``seed`` is
        not a whole number of 63 bits, if ``model`` has no observed variables, or if the predictive draws need more than
        4 GiB.

    References
    ----------
    Hoffman and Gelman (2014), "The No-U-Turn sampler", JMLR 15.
    """
    if engine not in ENGINES:
        raise ValueError(f"`engine` must be one of {', '.join(ENGINES)}, got {engine!r}.")
    _require_runnable(model, seed, draws, chains, tune)
    size = 8 * draws * chains * sum(data.size for data in observed_data(predict or model).values())
    if size > LARGEST_PREDICTIVE:
        raise ValueError(
            f"`draws` = {draws} in {chains} chains would take {size / 2**30:.1f} GiB of predictive draws, more than "
            f"{LARGEST_PREDICTIVE / 2**30:.0f}; ask for fewer, or let `predict` be the program of one observation."
        )
    posterior_seed, predictive_seed, prior_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(3))
    with _warnings_only():
        posterior, stats = ENGINES[engine](model, seed=posterior_seed, draws=draws, chains=chains, tune=tune)
        with predict or model:
            predictive: Any = pm.sample_posterior_predictive(
                xr.DataTree.from_dict({"posterior": posterior}), random_seed=predictive_seed, progressbar=False
            )
        with model:
            prior: Any = pm.sample_prior_predictive(
                draws * chains, var_names=[v.name for v in model.free_RVs], random_seed=prior_seed
            )
    groups = {
        "posterior": posterior,
        "posterior_predictive": predictive.posterior_predictive.dataset,
        "sample_stats": stats[list(STATS)].assign(n_steps=stats["n_steps"].astype(np.int64)),
        "prior": prior.prior.dataset,
        "observed_data": prior.observed_data.dataset,
    }
    return _tree(groups, model, seed=seed, engine=engine, packages=PACKAGES[engine])


def mcmc(
    model: pm.Model, *, sampler: str, seed: int, draws: int = 1000, chains: int = 4, tune: int = 1000
) -> xr.DataTree:
    """Sample the posterior of ``model`` with any of ``bayes.sampling.engines.SAMPLERS``, without predictive draws.

    The parameters are those of ``nuts``. ``sampler`` may also be ``slice`` (Neal 2003), which has no sample stats.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` and ``sample_stats``.

    Raises
    ------
    ValueError
        As ``nuts`` does.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"`sampler` must be one of {', '.join(SAMPLERS)}, got {sampler!r}.")
    _require_runnable(model, seed, draws, chains, tune)
    with _warnings_only():
        posterior, stats = SAMPLERS[sampler](model, seed=seed, draws=draws, chains=chains, tune=tune)
    groups = {"posterior": posterior, "sample_stats": stats}
    return _tree(groups, model, seed=seed, engine=sampler, packages=PACKAGES[sampler])


def smc(model: pm.Model, *, seed: int, runs: int = 16, draws: int = 2000) -> xr.DataTree:
    """Estimate the evidence of ``model`` by ``runs`` independent runs of sequential Monte Carlo.

    A run moves ``draws`` particles from the prior to the posterior through tempered likelihoods p(y | theta)^beta. On
    the way it multiplies factors to an estimate Z_r of p(y) (Del Moral, Doucet and Jasra 2006, "Sequential Monte Carlo
    samplers"). Temperatures and proposals come from a pilot run, which is then thrown away, so that E[Z_r] = Z
    (``bayes.sampling.smc_kernels``). Given these the runs are independent, so their spread measures the error. ArviZ's
    ESS and MCSE have no meaning for particles.

    Returns
    -------
    xarray.DataTree
        ``posterior`` with dimensions (chain, draw), with a chain for each run. ``sample_stats`` with ``log_evidence``
        (chain,) in nats, and ``beta``, ``accept_rate`` and ``log_marginal_likelihood`` (chain, stage) for each stage;
        the last of these is nan before the last stage. ``observed_data``.

    Raises
    ------
    ValueError
        If ``runs`` is not a positive whole number, ``draws`` is below 50, or ``seed`` is not a whole number of 63 bits.
    TooManyStagesError
        If prior and posterior are so far apart that a run has not ended after 100 stages; it might never end.
    """
    whole_number("seed", seed, SEEDS, 0, MOST_SEED)
    for name, value in {"runs": runs, "draws": draws}.items():
        whole_number(name, value, ", 1 or more", 1)
    if draws < FEWEST_PARTICLES:
        raise ValueError(f"`draws` must be {FEWEST_PARTICLES} particles or more, got {draws}.")
    pilot_seed, runs_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    schedule: list[Stage] = []
    settings = {
        "schedule": schedule,
        "cores": 1,  # no forked processes, which can deadlock after JAX has started its threads
        "progressbar": False,
        "compute_convergence_checks": False,  # R-hat and ESS have no meaning for particles
    }
    with model, _warnings_only():
        # The pilot has more particles than a run: a schedule that misses a tail makes the evidence heavy-tailed.
        pm.sample_smc(4 * draws, kernel=Pilot, chains=1, random_seed=pilot_seed, **settings)
        tree: Any = pm.sample_smc(draws, kernel=Scheduled, chains=runs, random_seed=runs_seed, **settings)
    stages = {
        name: _by_stage(tree.sample_stats[name].values, runs)
        for name in ["log_marginal_likelihood", "beta", "accept_rate"]
    }
    stats = xr.Dataset(
        {name: (("chain", "stage"), values) for name, values in stages.items()},
        coords={"chain": tree.posterior["chain"]},
    )
    stats["log_evidence"] = ("chain", stages["log_marginal_likelihood"][:, -1])  # all runs have the same stages
    groups = {
        "posterior": tree.posterior.dataset,
        "sample_stats": stats,
        "observed_data": tree.observed_data.dataset,
    }
    return _tree(groups, model, seed=seed, engine="smc", packages=["pymc", "pytensor"])


def observed_data(model: pm.Model) -> dict[str, NDArray[Any]]:
    """Return the observed value of each observed variable of ``model``."""
    return {rv.name: model.rvs_to_values[rv].data for rv in model.observed_RVs}


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Keep PyMC's messages out of the log. Not every function of PyMC has an option for it."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _by_stage(values: NDArray[Any], runs: int) -> NDArray[np.float64]:
    """Return what ``pm.sample_smc`` recorded for each stage, as floats of shape (runs, stages), padded with nan.

    PyMC has three layouts: an array (run, stage) of objects padded with nan, a list for each run with its own length,
    and a plain vector over the stages for a single run.
    """
    rows = [np.asarray(row, dtype=np.float64) for row in ([values] if runs == 1 else values)]
    padded = np.full((runs, max(map(len, rows))), np.nan)
    for run, row in enumerate(rows):
        padded[run, : len(row)] = row
    return padded


def _tree(
    groups: dict[str, xr.Dataset], model: pm.Model, *, seed: int, engine: str, packages: list[str]
) -> xr.DataTree:
    """Return ``groups`` as one tree that records how it was made, without anything that differs from run to run."""
    tree = xr.DataTree.from_dict({name: dataset.drop_attrs() for name, dataset in groups.items()})
    versions = {name: version(name) for name in sorted({"closedform", *packages})}
    tree.attrs = {"model": model.str_repr(), "engine": engine, "seed": seed, "versions": json.dumps(versions)}
    return tree


def _require_runnable(model: pm.Model, seed: int, draws: int, chains: int, tune: int) -> None:
    """Raise ValueError unless ``model`` has a posterior and the numbers are valid for a sampler."""
    whole_number("seed", seed, SEEDS, 0, MOST_SEED)
    for name, value in {"draws": draws, "chains": chains, "tune": tune}.items():
        whole_number(name, value, ", 1 or more", 1)
    if not model.observed_RVs:
        raise ValueError("`model` has no observed variables, so there is no posterior; condition one on data.")
