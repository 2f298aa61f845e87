"""NUTS and SMC on the normal-normal program: shapes, seeds, and agreement with the algebra in Monte Carlo errors."""

import arviz_stats
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bayes import inference
from bayes.exact.normal_normal import EXAMPLE, EXAMPLE_Y
from bayes.programs.normal_normal import program
from tests.tolerances import MONTE_CARLO


@pytest.fixture(scope="module")
def model():
    return program(EXAMPLE, EXAMPLE_Y)


@pytest.fixture(scope="module", params=inference.ENGINES)
def draws(request, model):
    return inference.nuts(model, seed=1, draws=500, chains=2, tune=500, engine=request.param)


def test_nuts_returns_posterior_and_predictive_draws(draws):
    assert draws["posterior"]["mu"].dims == ("chain", "draw")
    assert draws["posterior"]["mu"].shape == (2, 500)
    assert draws["posterior_predictive"]["y"].shape == (2, 500, 14)
    assert_array_equal(draws["observed_data"]["y"], EXAMPLE_Y)
    assert not draws["sample_stats"]["diverging"].any()


def test_nuts_agrees_with_the_exact_posterior(draws):
    exact = EXAMPLE.posterior(EXAMPLE_Y)
    mu = draws["posterior"]["mu"].values
    for method, estimate, truth in [("mean", mu.mean(), exact.mean()), ("sd", mu.std(ddof=1), exact.std())]:
        error = float(arviz_stats.mcse(mu, method=method))
        assert abs(estimate - truth) < MONTE_CARLO * error
        # Negative control: the same draws against a posterior off by 0.3 sd, or a third too wide.
        wrong = truth + 0.3 * exact.std() if method == "mean" else truth * 4 / 3
        assert abs(estimate - wrong) > MONTE_CARLO * error


def test_predictive_draws_agree_with_the_exact_predictive(draws):
    exact = EXAMPLE.predictive(EXAMPLE_Y)
    new = draws["posterior_predictive"]["y"].values[..., 0]
    error = float(arviz_stats.mcse(new, method="sd"))
    assert abs(new.std(ddof=1) - exact.std()) < MONTE_CARLO * error


def test_same_seed_same_draws(model):
    def sample(seed):
        return inference.nuts(model, seed=seed, draws=20, chains=1, tune=50, engine="pymc")

    first, again, other = sample(3), sample(3), sample(4)
    for group, name in [("posterior", "mu"), ("posterior_predictive", "y")]:
        assert_array_equal(first[group][name], again[group][name])
        assert (first[group][name].values != other[group][name].values).any()


@pytest.mark.parametrize("runs", [1, 2, 8])
def test_smc_gives_one_log_evidence_a_run(model, runs):
    tree = inference.smc(model, seed=5, runs=runs, draws=1000)
    log_evidence = tree["sample_stats"]["log_evidence"]
    assert log_evidence.dims == ("chain",)
    assert log_evidence.shape == (runs,)
    assert log_evidence.dtype == np.float64
    assert tree["posterior"]["mu"].shape == (runs, 1000)
    # A single run of 1000 particles on this model has a standard error near 0.07 nats.
    assert np.abs(log_evidence.values - EXAMPLE.log_evidence(EXAMPLE_Y)).max() < MONTE_CARLO * 0.1
    assert len(np.unique(log_evidence)) == runs


def test_smc_same_seed_same_evidence(model):
    first, again, other = (inference.smc(model, seed=s, runs=2, draws=200) for s in [1, 1, 2])
    assert_array_equal(first["sample_stats"]["log_evidence"], again["sample_stats"]["log_evidence"])
    assert (first["sample_stats"]["log_evidence"].values != other["sample_stats"]["log_evidence"].values).all()


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
    with pytest.raises(ValueError, match="`engine` must be one of nutpie, pymc, got 'stan'"):
        inference.nuts(model, seed=0, engine="stan")


def test_smc_refuses_a_bad_count(model):
    with pytest.raises(ValueError, match="`runs` must be a whole number"):
        inference.smc(model, seed=0, runs=0)
