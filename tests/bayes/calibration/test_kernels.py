"""One transition from exact draws: right kernels pass, wrong ones fail, and bad steps are refused."""

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.stats import binom, linregress

from bayes import check_kernel
from bayes.calibration.invariance import ROUNDING, intercept, score_checks
from bayes.calibration.kernels import exact_states
from bayes.exact.distribution import joint_draws
from bayes.exact.normal_normal import NormalNormal
from bayes.exact.unknown_trials import UnknownTrials
from bayes.registry import NAMES, get_model
from tests.nightly import nightly_but
from tests.tolerances import FALSE_ALARM, IDENTITY

NORMAL = get_model("normal_normal")
POSTERIOR = NORMAL.exact.posterior(NORMAL.y)
MEAN, SD = float(POSTERIOR.mean()), float(POSTERIOR.std())
TWO = get_model("normal_inverse_gamma")
QUICK = ["gamma_exponential", "dirichlet_multinomial", "linear_regression", "capture_recapture"]


def exact_step(model, **wrong):
    """Return a kernel that draws from the posterior, with variables moved by so many of their sds."""

    def step(theta, y, rng):
        n = len(next(iter(theta.values())))
        draws = joint_draws(model.exact.posterior(y), model.variables, n, rng)
        return {name: draws[name] + wrong.get(name, 0.0) * draws[name].std(axis=0) for name in theta}

    return step


def walk(theta, y, rng, step=2.4):
    posterior = NORMAL.exact.posterior(y)
    mu = theta["mu"]
    proposed = mu + step * SD * rng.normal(size=mu.shape)
    accepted = np.log(rng.random(mu.shape)) < posterior.logpdf(proposed) - posterior.logpdf(mu)
    return {"mu": np.where(accepted, proposed, mu)}


def failed(checks):
    return {(c.model, c.parameter, c.statistic) for c in checks if c.verdict == "fail"}


@pytest.mark.parametrize("name", nightly_but(QUICK, NAMES))
def test_exact_draws_pass_and_a_shift_of_any_variable_fails(name):
    model = get_model(name)
    assert check_kernel(exact_step(model), model, n=2000).verdict == "pass"
    for variable in model.variables:
        wrong = check_kernel(exact_step(model, **{variable: 0.3}), model, n=2000)
        assert any(c.verdict == "fail" and c.parameter.startswith(variable) for c in wrong), wrong


@pytest.mark.parametrize(
    ("change", "statistic"),
    [
        (lambda z: z + 0.05, "location"),
        (lambda z: 1.04 * z, "scale"),
        (lambda z: np.where(z < -1.5, 1.15 * z, z), "lower tail"),
        (lambda z: np.where(z > 1.5, 1.15 * z, z), "upper tail"),
        (lambda z: np.where(np.arange(len(z)) == 7, 9.0, z), "farthest"),
    ],
)
def test_each_statistic_sees_what_it_is_made_for(change, statistic):
    def step(theta, y, rng):  # noqa: ARG001
        return {"mu": MEAN + SD * change(rng.normal(size=len(theta["mu"])))}

    assert ("", "mu", statistic) in failed(check_kernel(step, NORMAL))


@pytest.mark.parametrize("kernel", ["independent", "slow", "seldom", "antithetic"])
@pytest.mark.parametrize(("n", "runs"), [(1000, 300), pytest.param(10_000, 2000, marks=pytest.mark.slow)])
def test_right_kernels_fail_no_more_often_than_stated(kernel, n, runs):
    p = []
    for run in range(runs):
        rng = np.random.default_rng([run, n])
        z = rng.normal(size=n)
        noise = rng.normal(size=n)
        if kernel == "seldom":  # a random walk with steps of 30 sds
            proposed = z + 30 * noise
            z_new = np.where(np.log(rng.random(n)) < (z**2 - proposed**2) / 2, proposed, z)
        else:
            keep = {"independent": 0.0, "slow": 0.99, "antithetic": -0.9}[kernel]
            z_new = keep * z + np.sqrt(1 - keep**2) * noise
        p.append([check.p_value for check in score_checks("z", z, z_new)])
    for level in (0.05, 0.01, 0.001):
        assert np.all(np.sum(np.array(p) < level, axis=0) <= binom(runs, level).isf(FALSE_ALARM))


def test_the_intercept_is_that_of_a_regression_and_its_error_at_least_the_one_under_the_null():
    rng = np.random.default_rng(0)
    g = rng.normal(size=500)
    g_new = 0.1 + 0.6 * g + 0.5 * rng.normal(size=500)
    least_squares = linregress(g, g_new)
    T = intercept(g, g_new, 0.0)
    assert T.estimate == pytest.approx(least_squares.intercept, rel=IDENTITY)
    assert T.standard_error == pytest.approx(least_squares.intercept_stderr, rel=IDENTITY)
    wider = intercept(g, g_new, 1.0)
    assert wider.estimate == T.estimate
    assert wider.standard_error == pytest.approx(
        np.sqrt((1 - least_squares.slope**2) * (1 / 500 + g.mean() ** 2 / np.sum((g - g.mean()) ** 2))), rel=IDENTITY
    )


def test_a_slow_kernel_is_judged_by_its_own_small_error():
    slow, fast = (
        next(iter(check_kernel(lambda theta, y, rng, s=s: walk(theta, y, rng, s), NORMAL, n=4000))) for s in (0.02, 2.4)
    )
    assert slow.verdict == fast.verdict == "pass"
    assert slow.null_error < fast.null_error / 10


def test_a_kernel_that_moves_no_state_or_few_is_inconclusive():
    still = check_kernel(lambda theta, y, rng: theta, NORMAL, n=1000)  # noqa: ARG005
    assert still.verdict == "inconclusive"
    assert {c.reason for c in still} == {"0 of 1000 states moved, fewer than 100"}
    assert "no state moved" in still.notes[0]
    seldom = check_kernel(lambda theta, y, rng: walk(theta, y, rng, 100.0), NORMAL, n=1000)
    assert seldom.verdict == "inconclusive"
    assert "% of the states moved" in seldom.notes[0]
    often = check_kernel(lambda theta, y, rng: walk(theta, y, rng, 100.0), NORMAL, n=1000, transitions=30)
    assert often.verdict == "pass"


def test_moves_are_counted_for_each_quantity():
    def step(theta, y, rng):
        new = exact_step(TWO)(theta, y, rng)
        return {"mu": new["mu"], "sigma2": np.where(np.arange(1000) < 7, new["sigma2"], theta["sigma2"])}

    reasons = {c.parameter: c.reason for c in check_kernel(step, TWO, n=1000)}
    assert reasons["sigma2"] == "7 of 1000 states moved, fewer than 100"
    assert reasons["mu"] == ""


def test_a_state_that_was_rounded_to_float32_has_not_moved():
    def step(theta, y, rng):
        return {"mu": walk(theta, y, rng)["mu"].astype(np.float32)}

    checks, in_float64 = (check_kernel(kernel, NORMAL, n=1000) for kernel in (step, walk))
    assert checks.verdict == "pass"
    assert checks.notes == in_float64.notes
    still = check_kernel(lambda theta, y, rng: {"mu": theta["mu"].astype(np.float32)}, NORMAL, n=1000)  # noqa: ARG005
    assert still.notes[0].startswith("no state moved")
    whole = check_kernel(lambda theta, y, rng: {"mu": theta["mu"].astype(int)}, NORMAL, n=1000)  # noqa: ARG005
    assert whole.verdict == "fail"


def test_more_transitions_show_the_error_of_a_slow_kernel():
    def unadjusted(theta, y, rng, h=0.3):  # noqa: ARG001
        z = (theta["mu"] - MEAN) / SD
        return {"mu": MEAN + SD * ((1 - h / 2) * z + np.sqrt(h) * rng.normal(size=z.shape))}

    assert check_kernel(unadjusted, NORMAL, n=8000).verdict == "pass"
    assert ("", "mu", "scale") in failed(check_kernel(unadjusted, NORMAL, n=8000, transitions=20))


def test_of_a_composite_sampler_the_update_that_is_wrong_is_named():
    step = exact_step(TWO)
    posterior = TWO.exact.posterior(TWO.y)

    def mu(theta, y, rng):  # noqa: ARG001
        return {"mu": rng.normal(posterior.m, np.sqrt(theta["sigma2"] / posterior.k))}

    def wrong_sigma2(theta, y, rng):
        return {"sigma2": 1.2 * step(theta, y, rng)["sigma2"]}

    checks = check_kernel({"mu": mu, "sigma2": wrong_sigma2}, TWO)
    assert {model for model, _, _ in failed(checks)} == {"sigma2"}
    assert checks.notes[1] == "sigma2: 100 % of the states moved; mu did not move at all."
    assert ("mu", "sigma2") not in {(c.model, c.parameter) for c in checks}
    assert len({c.level for c in checks}) == 1
    assert check_kernel({"mu": mu}, TWO).verdict == "pass"


def test_the_step_gets_copies_and_variables_that_it_does_not_return_stay():
    model_y = NORMAL.y.copy()

    def in_place(theta, y, rng):
        mu = walk(theta, y, rng)["mu"]
        theta["mu"][:], y[:] = mu, 0.0
        return theta

    assert [c.p_value for c in check_kernel(in_place, NORMAL, n=1000)] == [
        c.p_value for c in check_kernel(walk, NORMAL, n=1000)
    ]
    np.testing.assert_array_equal(NORMAL.y, model_y)
    assert (
        "sigma2 did not move" in check_kernel(lambda *args: {"mu": exact_step(TWO)(*args)["mu"]}, TWO, n=1000).notes[0]
    )


@pytest.mark.parametrize("step", [3, {}, {"mu": None}])
def test_what_is_not_a_function_is_no_step(step):
    with pytest.raises(ValueError, match="`step` must be a function step"):
        check_kernel(step, NORMAL, n=1000)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda _: None, "must return a dict with the new states, got None; return `theta`"),
        (lambda _: {}, "must return a dict with the new states, got {}"),
        (lambda mu: {"nu": mu}, "returned 'nu', which is not a parameter; those are mu"),
        (lambda mu: {"mu": mu[:3]}, r"returned 'mu' of shape \(3,\), and it must be \(1000,\): .* `jax.vmap`"),
        (lambda mu: {"mu": mu[0]}, r"returned 'mu' of shape \(\)"),
        (lambda mu: {"mu": mu / (np.arange(1000) != 5)}, "returned 'mu' with 1 of 1000 states that are not finite"),
        (lambda mu: {"mu": mu.astype(str)}, "returned 'mu' with 1000 of 1000 states that are not finite"),
        (lambda mu: ({"mu": mu}, NORMAL.y), r"returned \(theta, y\): .* `check_joint_kernel`"),
    ],
)
@pytest.mark.parametrize("name", ["", "walk"])
def test_a_bad_step_gets_one_line(returned, message, name):
    def step(theta, y, rng):  # noqa: ARG001
        return returned(theta["mu"])

    argument = r"`step\['walk'\]` " if name else "`step` "
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=argument + message) as error:
        check_kernel({name: step} if name else step, NORMAL, n=1000)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 999}, "`n` must be a whole number, 1000 or more: .*, got 999"),
        ({"transitions": 0}, "`transitions` must be a whole number, 1 or more, got 0"),
        ({"model": NORMAL.exact}, "`y` is missing: a NormalNormal has no data of its own"),
        ({"model": object()}, "`model` must have an exact posterior, .*, got object"),
        ({"model": "nrmal"}, "`model` must be one of normal_normal, .*, got 'nrmal'"),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more, got -1"),
        ({"seed": "a"}, "`seed` must be a whole number, 0 or more, got 'a'"),
        ({"alpha": 2}, "`alpha` must lie between 0 and 1"),
    ],
)
def test_bad_arguments_get_one_line(change, message):
    with pytest.raises(ValueError, match=message):
        check_kernel(walk, **({"model": "normal_normal", "n": 1000} | change))


def test_an_exact_model_with_data_is_as_good_as_one_of_the_registry():
    own = NormalNormal(prior_mean=1.0, prior_sd=2.0, noise_sd=0.5)
    y = [1.2, 0.4, 0.9]
    states = exact_states(own, y, 5, np.random.default_rng(0))
    assert states["mu"].shape == (5,)

    def step(theta, data, rng):
        return {"mu": own.posterior(data).rvs(len(theta["mu"]), random_state=rng)}

    assert check_kernel(step, own, y, n=1000).verdict == "pass"
    assert check_kernel(step, NORMAL, n=1000).verdict == "fail"


def test_a_model_whose_only_marginal_is_no_distribution_of_scipy_has_states():
    exact, y = UnknownTrials(most=40), np.array([8, 9, 12])

    def redraw(theta, y, rng):
        return {"theta": exact.posterior(y).rvs(len(theta["theta"]), rng)}

    assert check_kernel(redraw, exact, y, n=1000).verdict == "pass"
    assert check_kernel(lambda theta, *_: {"theta": theta["theta"] ** 1.1}, exact, y, n=1000).verdict == "fail"


def test_the_seed_alone_decides_the_result():
    def errors(seed):
        return [c.error for c in check_kernel(walk, NORMAL, n=1000, seed=seed)]

    assert errors(1) == errors(1)
    assert errors(1) != errors(2)


def test_chains_with_the_same_random_numbers_are_said_to_have_them():
    def same(theta, y, rng):  # noqa: ARG001
        z = (theta["mu"] - MEAN) / SD
        return {"mu": MEAN + SD * (0.5 * z + np.sqrt(0.75) * rng.normal())}

    notes = check_kernel(same, NORMAL, seed=3).notes
    assert any("the same random numbers, or none" in note for note in notes)
    wide = check_kernel(lambda theta, y, rng: {"mu": theta["mu"] + SD * rng.normal(size=len(theta["mu"]))}, NORMAL)  # noqa: ARG005
    assert wide.verdict == "fail"
    assert not any("same random numbers" in note for note in wide.notes)


def test_a_deterministic_kernel_that_is_right_passes():
    checks = check_kernel(lambda theta, y, rng: {"mu": 2 * MEAN - theta["mu"]}, NORMAL)  # noqa: ARG005
    assert checks.verdict == "pass"
    assert next(iter(checks)).null_error == ROUNDING


def test_kernels_of_one_state_are_wrapped_by_vmap_or_by_a_loop():
    jax = pytest.importorskip("jax")

    def one(key, theta, y):
        variance = 1 / (1 / NORMAL.exact.prior_sd**2 + len(y) / NORMAL.exact.noise_sd**2)
        noise = jax.numpy.sqrt(variance) * jax.random.normal(key)
        return {"mu": variance * y.sum() / NORMAL.exact.noise_sd**2 + noise + 0 * theta["mu"]}

    kernel = jax.jit(jax.vmap(one, in_axes=(0, 0, None)))

    def by_vmap(theta, y, rng):
        new = kernel(jax.random.split(jax.random.key(rng.integers(2**32)), len(theta["mu"])), theta, y)
        assert isinstance(new, Mapping)
        return new

    def by_loop(theta, y, rng):  # noqa: ARG001
        return {"mu": np.array([2 * MEAN - mu for mu in theta["mu"]])}

    assert check_kernel(by_vmap, NORMAL, n=1000).verdict == "pass"
    assert check_kernel(by_loop, NORMAL, n=1000).verdict == "pass"
