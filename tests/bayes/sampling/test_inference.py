"""NUTS and SMC on the normal-normal program: shapes, seeds, and agreement with the algebra in Monte Carlo errors."""

import json
import os
import subprocess
import sys

import arviz_stats
import jax
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.programs.normal_normal import program
from bayes.sampling import inference, smc_kernels
from bayes.sampling.engines import ENGINES, STATS
from bayes.sampling.smc_kernels import TooManyStagesError
from tests.nightly import nightly_but
from tests.tolerances import IDENTITY, MONTE_CARLO


@pytest.fixture(scope="module")
def model():
    return program(EXAMPLE.model, EXAMPLE.y)


@pytest.fixture(scope="module", params=nightly_but(["nutpie", "pymc", "numpyro"], ENGINES))
def draws(request, model):
    return inference.nuts(model, seed=1, draws=500, chains=2, tune=500, engine=request.param)


def test_nuts_returns_posterior_and_predictive_draws(draws):
    assert draws["posterior"]["mu"].dims == ("chain", "draw")
    assert draws["posterior"]["mu"].shape == (2, 500)
    assert draws["posterior_predictive"]["y"].shape == (2, 500, 14)
    assert_array_equal(draws["observed_data"]["y"], EXAMPLE.y)
    assert not draws["sample_stats"]["diverging"].any()


def test_nuts_agrees_with_the_exact_posterior(draws):
    distribution = EXAMPLE.model.posterior(EXAMPLE.y)
    mu = draws["posterior"]["mu"].values
    for method, estimate, truth in [
        ("mean", mu.mean(), distribution.mean()),
        ("sd", mu.std(ddof=1), distribution.std()),
    ]:
        error = float(arviz_stats.mcse(mu, method=method))
        assert abs(estimate - truth) < MONTE_CARLO * error
        # Negative control: the same draws against a posterior off by 0.6 sd, or half as wide again. An ESS of 300 has
        # errors of 0.06 and 0.04 sd, so that this is detected also where the draws stray by as much as they may.
        wrong = truth + 0.6 * distribution.std() if method == "mean" else 1.5 * truth
        assert abs(estimate - wrong) > MONTE_CARLO * error


def test_predictive_draws_agree_with_the_exact_predictive(draws):
    distribution = EXAMPLE.model.predictive(EXAMPLE.y)
    new = draws["posterior_predictive"]["y"].values[..., 0]
    error = float(arviz_stats.mcse(new, method="sd"))
    assert abs(new.std(ddof=1) - distribution.std()) < MONTE_CARLO * error


def test_every_engine_returns_the_same_groups_and_statistics(draws):
    assert set(draws.children) == {"posterior", "posterior_predictive", "sample_stats", "prior", "observed_data"}
    stats = {name: stat.dtype.kind for name, stat in draws.sample_stats.data_vars.items()}
    assert stats == dict.fromkeys(STATS, "f") | {"diverging": "b", "n_steps": "i"}
    assert {stat.dims for stat in draws.sample_stats.data_vars.values()} == {("chain", "draw")}
    # The statistics mean the same in every engine: at each draw lp is the joint density, known here in closed form.
    log_joint = EXAMPLE.model.posterior(EXAMPLE.y).logpdf(draws.posterior["mu"]) + EXAMPLE.model.log_evidence(EXAMPLE.y)
    assert_allclose(draws.sample_stats["lp"], log_joint, rtol=IDENTITY)
    kinetic = draws.sample_stats["energy"] + draws.sample_stats["lp"]
    assert kinetic.min() > -IDENTITY * 100 or draws.attrs["engine"] == "nutpie"  # which counts it on a rescaled space
    assert draws.sample_stats["acceptance_rate"].mean() > 0.5


def test_prior_draws_are_of_the_prior(draws):
    mu = draws.prior["mu"].values
    assert mu.size == draws.posterior["mu"].size
    assert abs(mu.mean() - EXAMPLE.model.prior_mean) < MONTE_CARLO * EXAMPLE.model.prior_sd / mu.size**0.5
    assert abs(mu.std() / EXAMPLE.model.prior_sd - 1) < MONTE_CARLO / (2 * mu.size) ** 0.5


def test_draws_save_and_load_with_what_made_them(draws, tmp_path):
    draws.to_netcdf(tmp_path / "draws.nc")
    with xr.open_datatree(tmp_path / "draws.nc") as loaded:
        assert loaded.identical(draws)
        assert loaded.attrs["seed"] == 1
        assert loaded.attrs["engine"] in json.loads(loaded.attrs["versions"])
        assert "mu ~ Normal(0, 2.24)" in loaded.attrs["model"]


FINGERPRINT = """
import hashlib

def fingerprint(tree):
    groups = [tree[name] for name in sorted(tree.children)]
    values = [group[name].values for group in groups for name in sorted(group.data_vars)]
    return hashlib.sha256(b"".join(v.tobytes() for v in values)).hexdigest()
"""
SAMPLE = """
import json
from bayes.sampling import inference
from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.programs.normal_normal import program

model = program(EXAMPLE.model, EXAMPLE.y)
def sample(engine):
    return fingerprint(inference.nuts(model, seed=1, draws=500, chains=2, tune=500, engine=engine))
print(json.dumps({engine: sample(engine) for engine in sys.argv[1:]}))
"""


IMPORT = """
import os, sys, jax
from bayes.sampling._jax_engines import _pymc_jax
for flags in [None, "--xla_cpu_enable_fast_math=false"]:
    if flags:
        os.environ["XLA_FLAGS"] = flags
    sys.modules.pop("pymc.sampling.jax", None)
    _pymc_jax()
    print(os.environ.get("XLA_FLAGS"), jax.config.jax_enable_x64, jax.numpy.ones(1).dtype)
del os.environ["XLA_FLAGS"]
"""


def fresh_process(*engines):
    """Return what a process of its own prints: its environment after PyMC's JAX module, and fingerprints of draws."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    run = [sys.executable, "-c", IMPORT + FINGERPRINT + SAMPLE, *engines]
    return subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()


@pytest.fixture(scope="module")
def fresh():
    return fresh_process("pymc")


def assert_drawn_again(draws, printed):
    namespace: dict = {}
    exec(FINGERPRINT, namespace)
    assert json.loads(printed[-1])[draws.attrs["engine"]] == namespace["fingerprint"](draws)


@pytest.mark.parametrize("draws", ["pymc"], indirect=True)
def test_same_seed_same_draws_in_a_fresh_process(draws, fresh):
    assert_drawn_again(draws, fresh)


@pytest.mark.slow
def test_same_seed_same_draws_in_a_fresh_process_by_every_engine(draws):
    assert_drawn_again(draws, fresh_process(draws.attrs["engine"]))


def test_same_seed_same_draws_again_and_another_seed_gives_others(model):
    first, again, second = (
        inference.nuts(model, seed=seed, draws=20, chains=1, tune=30, engine="pymc") for seed in [1, 1, 2]
    )
    assert again.identical(first)
    for group in ["posterior", "posterior_predictive", "prior"]:
        for name in first[group].data_vars:
            assert (first[group][name].values != second[group][name].values).any()


def test_the_jax_engines_leave_the_process_as_it_was(fresh):
    assert fresh[:2] == ["None False float32", "--xla_cpu_enable_fast_math=false False float32"]


def test_smc_gives_up_where_it_would_not_come_to_an_end(monkeypatch):
    monkeypatch.setattr(smc_kernels, "MOST_STAGES", 5)
    far = program(NormalNormal(prior_mean=1e6, prior_sd=1.0, noise_sd=1.0), EXAMPLE.y)
    with pytest.raises(TooManyStagesError, match="not through after 5 stages"):
        inference.smc(far, seed=0, runs=1, draws=100)


def test_the_evidence_of_smc_is_unbiased_where_pymcs_own_is_not():
    """E[Z_r] = Z, in standard errors of 25 runs of few particles; PyMC's adaptive kernel is the negative control."""
    narrow = NormalNormal(prior_sd=0.1**0.5, noise_sd=1.0)
    scheduled = inference.smc(program(narrow, EXAMPLE.y), seed=5, runs=25, draws=50).sample_stats["log_evidence"].values
    with program(narrow, EXAMPLE.y), inference._warnings_only():
        tree = pm.sample_smc(
            draws=50, chains=25, cores=1, random_seed=5, progressbar=False, compute_convergence_checks=False
        )
    stages = inference._by_stage(tree.sample_stats["log_marginal_likelihood"].values, 25)
    adaptive = np.nanmax(stages, axis=1)  # one number a run, the rest nan

    def errors_off(log_z):
        ratio = np.exp(log_z - narrow.log_evidence(EXAMPLE.y))
        return (ratio.mean() - 1) / (ratio.std(ddof=1) / len(ratio) ** 0.5)

    assert abs(errors_off(scheduled)) < 3.5
    assert errors_off(adaptive) < -3.5


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["pymc", "numpyro"])
def test_models_with_dimensions_and_constraints_keep_both(engine):
    with pm.Model(coords={"site": ["north", "south"], "visit": [1, 2, 3]}) as sites:
        scale = pm.HalfNormal("scale", dims="site")
        pm.Deterministic("variance", scale**2, dims="site")
        pm.Normal("y", 0.0, scale, observed=[[1.0, 2.0]] * 3, dims=("visit", "site"))
    with jax.numpy_rank_promotion("allow"):  # NumPyro's own code promotes
        posterior = inference.nuts(sites, seed=0, draws=30, chains=2, tune=50, engine=engine).posterior
    assert posterior["scale"].dims == posterior["variance"].dims == ("chain", "draw", "site")
    assert_array_equal(posterior["site"], ["north", "south"])
    assert (posterior["scale"] > 0).all()
    assert_allclose(posterior["variance"], posterior["scale"] ** 2, rtol=IDENTITY)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, None, True])
def test_a_bad_seed_is_refused(model, seed):
    for run in (inference.nuts, inference.smc):
        with pytest.raises(ValueError, match="`seed` must be a whole number from 0 to"):
            run(model, seed=seed)


def test_a_model_without_observations_is_refused():
    with pm.Model() as prior_only:
        pm.Normal("mu")
    with pytest.raises(ValueError, match="`model` has no observed variables"):
        inference.nuts(prior_only, seed=0)


def test_one_observation_can_be_predicted_in_place_of_a_data_set(model):
    tree = inference.nuts(
        model, seed=0, draws=20, chains=1, tune=20, engine="pymc", predict=program(EXAMPLE.model, [0.0])
    )
    assert tree.posterior_predictive["y"].shape == (1, 20, 1)
    assert tree.observed_data["y"].shape == (14,)


def test_predictive_draws_that_fill_the_memory_are_refused():
    with pytest.raises(ValueError, match=r"would take 7\.5 GiB of predictive draws, more than 4"):
        inference.nuts(program(EXAMPLE.model, np.zeros(100_000)), seed=0, draws=2500)


def test_a_model_without_a_starting_point_is_refused():
    with pm.Model() as impossible:
        mu = pm.Normal("mu")
        pm.Potential("nowhere", pt.switch(mu < 1e9, -np.inf, 0.0))
        pm.Normal("y", mu, observed=[0.0])
    with pytest.raises(ValueError, match="`model` has log density -inf or nan at each of 100 starting points"):
        inference.nuts(impossible, seed=0, engine="blackjax", draws=10, tune=10)


@pytest.fixture(scope="module", params=[1, 3])
def smc_runs(request, model):
    """How many runs of SMC, and what they are: PyMC stores one in another layout than several."""
    return request.param, inference.smc(model, seed=5, runs=request.param, draws=400)


def test_smc_gives_one_log_evidence_a_run(smc_runs):
    runs, tree = smc_runs
    log_evidence = tree["sample_stats"]["log_evidence"]
    assert log_evidence.dims == ("chain",)
    assert log_evidence.shape == (runs,)
    assert log_evidence.dtype == np.float64
    assert tree["posterior"]["mu"].shape == (runs, 400)
    # A single run of 400 particles on this model has a standard error near 0.11 nats.
    assert np.abs(log_evidence.values - EXAMPLE.model.log_evidence(EXAMPLE.y)).max() < MONTE_CARLO * 0.15
    assert len(np.unique(log_evidence)) == runs


def test_smc_saves_and_loads(smc_runs, tmp_path):
    _, tree = smc_runs
    tree.to_netcdf(tmp_path / "smc.nc")
    with xr.open_datatree(tmp_path / "smc.nc") as loaded:
        assert loaded.identical(tree)
        assert loaded.attrs["engine"] == "smc"


def test_smc_same_seed_same_evidence(model):
    first, repeated, second = (inference.smc(model, seed=s, runs=2, draws=50) for s in [1, 1, 2])
    assert_array_equal(first["sample_stats"]["log_evidence"], repeated["sample_stats"]["log_evidence"])
    assert (first["sample_stats"]["log_evidence"].values != second["sample_stats"]["log_evidence"].values).all()


@pytest.mark.parametrize(
    ("stored", "runs", "expected"),
    [
        (np.array([[np.nan, 1.0], [np.nan, 2.0]], dtype=object), 2, [[np.nan, 1], [np.nan, 2]]),
        (np.array([[np.nan, 1.0], [np.nan, np.nan, 2.0]], dtype=object), 2, [[np.nan, 1, np.nan], [np.nan, np.nan, 2]]),
        (np.array([np.nan, np.nan, 3.0]), 1, [[np.nan, np.nan, 3]]),
    ],
    ids=["padded", "ragged", "one run"],
)
def test_the_three_layouts_of_smc_stages(stored, runs, expected):
    assert_array_equal(inference._by_stage(stored, runs), expected)


@pytest.mark.parametrize("argument", ["draws", "chains", "tune"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_nuts_refuses_a_bad_count(model, argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be a whole number"):
        inference.nuts(model, seed=0, **{argument: value})


def test_nuts_refuses_an_unknown_engine(model):
    with pytest.raises(ValueError, match="`engine` must be one of nutpie, pymc, numpyro, blackjax, got 'stan'"):
        inference.nuts(model, seed=0, engine="stan")


def test_smc_refuses_a_bad_count(model):
    with pytest.raises(ValueError, match="`runs` must be a whole number"):
        inference.smc(model, seed=0, runs=0)
