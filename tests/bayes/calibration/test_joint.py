"""One transition from draws of parameters and data: what it sees that one data set does not show."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binom

from bayes import check_joint_kernel, check_kernel
from bayes.calibration.joint import joint_checks
from bayes.registry import get_model
from tests.tolerances import FALSE_ALARM

NORMAL = get_model("normal_normal", "prior")
BETA = get_model("beta_binomial", "prior")
N = 1000


def update(theta, y, rng, wider=1.0, towards=1.0):
    """Draw the normal mean from its posterior, which is faulty if ``wider`` or ``towards`` are not 1."""
    exact = NORMAL.exact
    variance = 1 / (1 / exact.prior_sd**2 + y.shape[-1] / exact.noise_sd**2)
    mean = variance * (exact.prior_mean / exact.prior_sd**2 + y.sum(axis=-1) / exact.noise_sd**2)
    mean = exact.prior_mean + towards * (mean - exact.prior_mean)
    return {"mu": rng.normal(mean, wider * np.sqrt(variance), size=len(theta["mu"]))}


def both(theta, y, rng, noise=1.0):
    new = update(theta, y, rng)
    return new, rng.normal(new["mu"][:, None], noise * NORMAL.exact.noise_sd, size=y.shape)


def one_column(theta, y, rng):  # noqa: ARG001
    return theta, y[:, :1]


def failed(checks):
    return {(c.parameter, c.statistic) for c in checks if c.verdict == "fail"}


def test_a_right_kernel_passes_with_and_without_an_update_of_the_data():
    alone = check_joint_kernel(update, NORMAL, n=N)
    assert alone.verdict == "pass"
    assert {c.parameter for c in alone} >= {"mu", "mu | y", "mu, mean of y"}
    assert "mean of y" not in {c.parameter for c in alone}  # the data stayed
    together = check_joint_kernel(both, NORMAL, n=N, transitions=2)
    assert together.verdict == "pass"
    assert {c.parameter for c in together} >= {"mean of y", "mean square of y"}


def test_each_part_sees_what_it_is_made_for():
    wide = check_joint_kernel(lambda *args: update(*args, wider=1.25), NORMAL, n=N)
    assert ("mu | y", "scale") in failed(wide)
    pulled = check_joint_kernel(lambda *args: update(*args, towards=0.6), NORMAL, n=N)
    assert ("mu, mean of y", "correlation") in failed(pulled)
    assert ("mu", "location") not in failed(pulled)
    noisy = failed(check_joint_kernel(lambda *args: both(*args, noise=1.3), NORMAL, n=N))
    assert ("mean square of y", "location") in noisy
    assert ("mu", "location") not in noisy


def test_the_update_that_draws_wrong_data_is_named():
    checks = check_joint_kernel({"mu": update, "y": lambda *args: both(*args, noise=1.3)}, NORMAL, n=N)
    assert {c.model for c in checks if c.verdict == "fail"} == {"y"}
    assert [note.split(":")[0] for note in checks.notes] == ["mu", "y"]


def test_an_error_on_other_data_shows_in_the_joint_test_alone():
    def step(theta, y, rng):
        # Beta(a + y, b + trials - y), with a wrong branch for many successes
        successes = np.broadcast_to(y.sum(axis=-1), theta["theta"].shape)
        failures = y.shape[-1] * BETA.exact.trials - successes
        right = rng.beta(BETA.exact.successes + successes, BETA.exact.failures + failures)
        return {"theta": np.where(successes > 7, 0.9 * right, right)}

    assert BETA.y.sum() <= 7
    assert check_kernel(step, BETA, n=N).verdict == "pass"
    assert check_joint_kernel(step, BETA, n=N).verdict == "fail"


def test_simulate_is_enough_and_vectors_and_several_columns_have_names():
    def simulate(rng, n):
        rate = rng.gamma(3.0, size=2)
        return {"rate": rate}, rng.poisson(rate, size=(n, 2))

    def step(theta, y, rng):
        return {"rate": rng.gamma(3.0 + y.sum(axis=1), 1 / (1 + y.shape[1]), size=theta["rate"].shape)}

    model = SimpleNamespace(simulate=simulate)
    checks = check_joint_kernel(step, model, observations=4, n=N)
    assert checks.verdict == "pass"
    assert ("rate[1], mean of y[0]", "correlation") in {(c.parameter, c.statistic) for c in checks}
    crossed = check_joint_kernel(lambda theta, y, rng: step(theta, y[..., ::-1], rng), model, observations=4, n=N)
    assert {"rate[0], mean of y[0]", "rate[1], mean of y[1]"} <= {parameter for parameter, _ in failed(crossed)}


def test_a_log_likelihood_is_compared_if_the_model_has_one():
    def log_likelihood(params, y):
        if params["mu"] > 1e3:
            return np.nan  # outside of the support
        return -np.sum((y - params["mu"]) ** 2) / (2 * NORMAL.exact.noise_sd**2)

    model = SimpleNamespace(simulate=NORMAL.exact.simulate, log_likelihood=log_likelihood)
    right = check_joint_kernel(update, model, observations=3, n=N)
    assert right.verdict == "pass"
    assert {"location", "scale"} == {c.statistic for c in right if c.parameter == "log likelihood"}
    wide = check_joint_kernel(lambda *args: update(*args, wider=1.8), model, observations=3, n=N)
    assert ("log likelihood", "location") in failed(wide)

    def away(theta, y, rng):
        mu = update(theta, y, rng)["mu"]
        return {"mu": np.where(rng.random(len(mu)) < 0.1, 2e3, mu)}

    assert ("log likelihood", "location") in failed(check_joint_kernel(away, model, observations=3, n=N))


def test_a_kernel_that_moves_nothing_is_inconclusive():
    checks = check_joint_kernel(lambda theta, y, rng: (theta, y), NORMAL, n=N)  # noqa: ARG005
    assert checks.verdict == "inconclusive"
    assert {c.reason for c in checks} == {"0 of 1000 states moved, fewer than 100"}


@pytest.mark.parametrize(("n", "runs"), [(1000, 150), pytest.param(4000, 2000, marks=pytest.mark.slow)])
def test_right_kernels_fail_no_more_often_than_stated(n, runs):
    p = []
    for run in range(runs):
        rng = np.random.default_rng([run, n])
        mu, ybar = rng.normal(size=(2, n))
        ybar += mu
        new_mu = 0.5 * ybar + np.sqrt(0.5) * rng.normal(size=n)
        keep = rng.random(n) < 0.4  # a mixture of staying and moving leaves the joint distribution as it is
        new_mu[keep] = mu[keep]
        before, after = {"mu": mu, "mean of y": ybar}, {"mu": new_mu, "mean of y": ybar}
        p.append([check.p_value for check in joint_checks(before, after)])
    for level in (0.05, 0.01, 0.001):
        assert np.all(np.sum(np.array(p) < level, axis=0) <= binom(runs, level).isf(FALSE_ALARM))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": one_column}, r"`step` returned 'y' of shape \(1000, 1\), and it must be \(1000, 3\)"),
        ({"n": 10}, "`n` must be a whole number, 1000 or more: .*, got 10"),
        ({"model": NORMAL.exact}, "`observations` is missing"),
        ({"model": object()}, r"`model` must have `simulate\(rng, n\)`"),
        (
            {"model": SimpleNamespace(simulate=lambda rng, _: ({"a": 0.0}, rng.normal(size=rng.integers(1, 3))))}
            | {"observations": 1},
            r"`model.simulate` must return data of one shape, got \(1,\), \(2,\)",
        ),
    ],
)
def test_bad_arguments_get_one_line(change, message):
    with pytest.raises(ValueError, match=message):
        check_joint_kernel(**({"step": update, "model": NORMAL, "n": N} | change))
