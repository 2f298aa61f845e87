"""PSIS-LOO beside the exact answer: right draws pass, wrong ones fail, and an outlier has a high k."""

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.stats import binom

from bayes import check_loo, load_draws
from bayes.checking.leave_one_out import compare_loo
from bayes.exact.normal_inverse_gamma import NormalInverseGamma
from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.exact.two_parameters import TwoParameters
from bayes.registry import get_model
from tests.tolerances import FALSE_ALARM, IDENTITY, PROGRAM

MODEL, Y = EXAMPLE.model, np.array(EXAMPLE.y)
JUDGED = {"gamma_poisson": "prior", "multivariate_normal": "example", "capture_recapture": "prior"}
"""Models and data sets without an observation with a high k."""


def exact_draws(exact, y, seed=0, chains=4, draws=1000):
    """Independent draws of the posterior, (chain, draw, ...)."""
    posterior, rng = exact.posterior(y), np.random.default_rng(seed)
    samples = posterior.rvs(chains * draws, random_state=rng)
    samples = samples if isinstance(samples, dict) else {next(iter(exact.marginals(y))): samples}
    return {name: values.reshape(chains, draws, *values.shape[1:]) for name, values in samples.items()}


def tree(params, log_likelihood):
    def group(arrays):
        return xr.Dataset(
            {name: (("chain", "draw", *(f"{name}_{i}" for i in range(a.ndim - 2))), a) for name, a in arrays.items()}
        )

    return xr.DataTree.from_dict({"posterior": group(params), "log_likelihood": group({"y": log_likelihood})})


@pytest.mark.parametrize("name", JUDGED)
def test_right_draws_pass(name):
    model = get_model(name, JUDGED[name])
    loo = check_loo(exact_draws(model.exact, model.y), model, model.y)
    assert loo.verdict == "pass", loo
    assert len(loo.checks) == len(model.y) + 1
    assert all(loo.pareto_k < loo.good_k)
    assert_allclose(loo.estimate.sum(), loo.exact.sum(), atol=5 * loo.total_mcse)


def test_draws_of_another_posterior_fail():
    draws = exact_draws(NormalNormal(prior_sd=MODEL.prior_sd, noise_sd=2 * MODEL.noise_sd), Y)
    assert check_loo(draws, MODEL, Y).verdict == "fail"


def test_the_log_likelihood_of_other_data_fails():
    draws = exact_draws(MODEL, Y)
    right = MODEL.pointwise_log_likelihood(draws, Y)
    assert check_loo(tree(draws, right), MODEL, Y).verdict == "pass"
    for wrong in (MODEL.pointwise_log_likelihood(draws, Y + 0.2), right[..., ::-1]):
        assert check_loo(tree(draws, wrong), MODEL, Y).verdict == "fail"


def test_an_estimate_that_is_too_low_has_no_slack():
    draws = exact_draws(MODEL, Y)
    logs = MODEL.pointwise_log_likelihood(draws, Y)
    loo = compare_loo(MODEL.leave_one_out(Y), logs)
    low = compare_loo(loo.estimate + 6 * loo.mcse, logs)
    assert {check.verdict for check in low.checks} == {"fail"}


@pytest.mark.slow
def test_the_total_error_takes_the_same_draws_into_account():
    errors, claims = [], []
    for seed in range(60):
        draws = exact_draws(MODEL, Y, seed)
        loo = compare_loo(MODEL.leave_one_out(Y), MODEL.pointwise_log_likelihood(draws, Y))
        errors.append(loo.estimate.sum() - loo.exact.sum())
        claims.append((loo.total_mcse, np.sqrt(np.sum(loo.mcse**2))))
    # a standard deviation of 60 errors is within 5 / sqrt(120) of itself
    jointly, as_if_independent = np.mean(claims, axis=0) / np.std(errors)
    assert abs(jointly - 1) < 0.45
    assert as_if_independent < jointly / 1.2


def test_an_outlier_has_a_high_k_and_no_verdict():
    exact = NormalInverseGamma(prior_mean=0.0, prior_count=0.1, shape=3.0, scale=3.0)
    y = np.append(np.random.default_rng(3).normal(size=12), 15.0)
    loo = check_loo(exact_draws(exact, y), exact, y)
    assert loo.pareto_k[-1] > loo.good_k > loo.pareto_k[:-1].max()
    assert [check.verdict for check in loo.checks.checks[-2:]] == ["inconclusive", "inconclusive"]
    assert {check.verdict for check in loo.checks.checks[:-2]} == {"pass"}
    assert loo.estimate[-1] > loo.exact[-1] + 5 * loo.mcse[-1]  # far off, and its MCSE does not say so
    assert "Pareto k >" in str(loo)
    assert loo.rows()[-2]["pareto_k"] == loo.pareto_k[-1]


def test_a_log_likelihood_that_varies_much_is_inconclusive_whatever_k():
    model = get_model("dirichlet_multinomial")
    for seed in range(3):
        loo = check_loo(exact_draws(model.exact, model.y, seed), model, model.y)
        assert loo.estimate[0] > loo.exact[0] + 5 * loo.mcse[0]
        assert loo.verdict == "inconclusive"


def test_it_is_the_estimate_of_arviz_and_waic_is_close():
    draws = exact_draws(MODEL, Y)
    logs = MODEL.pointwise_log_likelihood(draws, Y)
    ours = compare_loo(MODEL.leave_one_out(Y), logs)
    theirs = arviz_stats.loo(tree(draws, logs), pointwise=True, reff=1.0)
    assert_allclose(ours.estimate, theirs.elpd_i, atol=1e-3)  # the tail's length differs by what r_eff does
    assert_allclose(ours.pareto_k, theirs.pareto_k, atol=0.1)
    assert_allclose(ours.good_k, theirs.good_k, rtol=IDENTITY)
    assert_allclose(ours.standard_error, theirs.se, rtol=1e-3)
    assert_allclose(ours.waic, ours.exact, atol=0.05)


@pytest.mark.slow
def test_false_alarms_of_right_draws_are_rare():
    most = int(binom.isf(FALSE_ALARM, 300, 0.05))
    failures = 0
    for seed in range(300):
        draws = exact_draws(MODEL, Y, seed, draws=250)
        loo = compare_loo(MODEL.leave_one_out(Y), MODEL.pointwise_log_likelihood(draws, Y), alpha=0.05)
        failures += loo.verdict == "fail"
    assert failures <= most


def test_chains_that_did_not_converge_do_not_pass():
    draws = exact_draws(MODEL, Y)
    apart = {"mu": draws["mu"] + np.array([-0.2, 0, 0, 0.2])[:, None]}
    loo = check_loo(apart, MODEL, Y)
    assert loo.verdict == "inconclusive"
    assert "R-hat" in loo.checks.checks[0].reason


def test_files_with_and_without_a_log_likelihood(tmp_path):
    draws = exact_draws(MODEL, Y)
    with_logs = tree(draws, MODEL.pointwise_log_likelihood(draws, Y + 1.0))
    with_logs.to_netcdf(tmp_path / "draws.nc")
    without = load_draws(tmp_path / "draws.nc", ["mu"])
    by_formula = check_loo(without, MODEL, Y)
    assert by_formula.verdict == "pass"
    assert "no log_likelihood" in by_formula.notes[0]
    read = load_draws(tmp_path / "draws.nc", ["mu"], log_likelihood=True)
    from_file = check_loo(read, MODEL, Y)
    assert (from_file.verdict, from_file.notes) == ("fail", ())


def test_a_table_has_the_observations_that_are_farthest_off():
    model = get_model("gamma_poisson")
    loo = check_loo(exact_draws(model.exact, model.y, draws=100), model, model.y)
    text = str(loo)
    assert text.count("\ny[") == 25
    assert "the 25 observations of 200" in text
    assert len(loo.rows()) == 201


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear_regression", "capture_recapture", "hierarchical_normal"])
def test_pymc_has_the_log_likelihoods_of_the_same_observations(name):
    import pymc as pm

    model = get_model(name, "prior")
    draws = exact_draws(model.exact, model.y, draws=250)
    program = model.program()
    saved = tree(draws, np.zeros((4, 250, 1))).drop_nodes("log_likelihood")
    with program:
        pm.compute_log_likelihood(saved, progressbar=False)
    from_program, from_formula = check_loo(saved, model, model.y), check_loo(draws, model, model.y)
    assert from_program.notes == ()
    assert_allclose(from_program.estimate, from_formula.estimate, rtol=PROGRAM)


@pytest.mark.parametrize(
    ("logs", "message"),
    [
        (np.zeros((4, 100)), r"must have the shape \(chain, draw, 14\)"),
        (np.zeros((4, 100, 13)), r"must have the shape \(chain, draw, 14\)"),
        (np.full((4, 100, 14), np.nan), "must be finite, got 5600 numbers"),
    ],
)
def test_impossible_log_likelihoods_are_refused(logs, message):
    with pytest.raises(ValueError, match=message):
        compare_loo(MODEL.leave_one_out(Y), logs)


def test_models_and_files_that_cannot_be_compared_are_refused():
    two = TwoParameters(
        names=("a", "b"),
        log_likelihood=lambda a, b, y: a * b * y,
        priors=((0, 1), (0, 1)),
        start=(0.5, 0.5),
        scales=(1, 1),
    )
    with pytest.raises(ValueError, match="must have `leave_one_out`, which TwoParameters has not"):
        check_loo({"a": np.zeros((4, 100))}, two, Y)  # pyright: ignore
    draws = exact_draws(MODEL, Y)
    several = tree(draws, MODEL.pointwise_log_likelihood(draws, Y))
    several["log_likelihood"] = several["log_likelihood"].to_dataset().assign(z=several["log_likelihood"]["y"])
    with pytest.raises(ValueError, match="of one variable, got y, z"):
        check_loo(several, MODEL, Y)
