"""The evidence and Bayes factors on cases by hand, their size, and a constant that is missing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest

from bayes.calibration.bayes_factors import check_bayes_factors, turing_good
from bayes.calibration.evidence import LARGEST_SPREAD, evidence_check
from bayes.exact.normal_normal import NormalNormal
from tests.tolerances import FALSE_ALARM


def log_errors(sd, N, seed=0, off=0.0):
    return np.random.default_rng(seed).normal(off - sd**2 / 2, sd, N)


# ---- E[Z_hat / Z] = 1


def test_the_error_is_that_of_the_mean_of_the_ratios():
    values = log_errors(0.2, 50)
    check = evidence_check(values)
    assert_allclose(check.error, np.log(np.exp(values).mean()), rtol=1e-12)
    assert_allclose(check.null_error, np.exp(values).std(ddof=1) / 50**0.5, rtol=1e-12)
    assert check.reason == ""


@pytest.mark.parametrize("sd", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("N", [50, 200])
def test_right_estimates_fail_at_most_at_the_stated_rate(sd, N):
    runs = 400
    p = [evidence_check(log_errors(sd, N, [seed, N])).p_value for seed in range(runs)]
    assert binomtest(sum(value < 0.05 for value in p), runs, 0.05, "greater").pvalue > FALSE_ALARM


@pytest.mark.parametrize("off", [-0.1, 0.1])
def test_a_tenth_of_a_nat_fails(off):
    assert evidence_check(log_errors(0.2, 200, off=off)).p_value < 1e-4


def test_a_large_spread_cannot_pass_and_fails_only_if_too_high():
    right, low, high = (evidence_check(log_errors(1.0, 200, off=off)) for off in (0.0, -1.0, 1.0))
    assert LARGEST_SPREAD < 1
    assert all("rare large ones rule the mean" in check.reason for check in (right, low, high))
    assert right.p_value > 0.01
    assert low.p_value > 0.01
    assert high.p_value < 1e-4


def test_exact_evidences_pass_and_a_constant_fails():
    assert evidence_check(np.full(50, 1e-12)).p_value == 1
    assert evidence_check(np.full(50, 0.1)).p_value == 0


@pytest.mark.parametrize("value", [-np.inf, np.inf])
def test_an_infinite_error_cannot_pass(value):
    check = evidence_check(np.append(log_errors(0.1, 49), value))
    assert "an sd of inf nats" in check.reason
    assert 0 <= check.p_value <= 1


# ---- Bayes factors: log B12 is Normal(d, 2 d) under model 1, and Normal(-d, 2 d) under model 2


def factors(d, N, seed=0, off=0.0):
    rng = np.random.default_rng(seed)
    return (rng.normal(sign * d, np.sqrt(2 * d), N) + off for sign in (1, -1))


def test_the_share_by_hand():
    check = turing_good(np.zeros(30), np.log(np.full(30, 3.0))).checks[2]
    assert_allclose([check.estimate, check.exact, check.error], [0.5, 0.75, -0.125], rtol=1e-12)


def test_which_model_is_first_does_not_matter():
    first, second = factors(1, 100)
    one, other = turing_good(first, second), turing_good(-second, -first)
    assert_allclose([c.p_value for c in one], [other.checks[i].p_value for i in (1, 0, 2, 3)], rtol=1e-9)


@pytest.mark.parametrize("d", [0.02, 1, 3])
def test_right_bayes_factors_fail_at_most_at_the_stated_rate(d):
    runs = 200
    p = np.array([[c.p_value for c in turing_good(*factors(d, 100, [seed, 7]))] for seed in range(runs)])
    for column in p.T:
        assert binomtest(int(np.sum(column < 0.05)), runs, 0.05, "greater").pvalue > FALSE_ALARM


@pytest.mark.parametrize(("d", "off", "N"), [(0.3, 0.1, 2000), (0.3, 0.3, 200), (1, 0.3, 400)])
def test_a_constant_that_is_missing_is_seen_by_the_share(d, off, N):
    checks = turing_good(*factors(d, N, off=off))
    assert checks.checks[2].verdict == "fail"
    assert checks.checks[2].error < 0


def test_bayes_factors_that_are_too_large_on_both_sides_are_seen_by_the_slope():
    first, second = factors(1, 400)
    assert turing_good(3 * first, 3 * second).checks[3].verdict == "fail"


def test_models_that_are_told_apart_say_nothing():
    checks = turing_good(*factors(30, 100))
    assert checks.verdict == "inconclusive"
    assert "told apart" in checks.checks[2].reason


def test_close_models_pass():
    assert turing_good(*factors(0.02, 200)).verdict == "pass"


NARROW = NormalNormal(prior_mean=0.0, prior_sd=1.0, noise_sd=1.0)
WIDE = NormalNormal(prior_mean=0.0, prior_sd=2.0, noise_sd=1.0)


def missing(constant):
    return lambda model, y, _seed: model.log_evidence(y) + constant * (model is WIDE)


def test_simulated_data_sets_of_two_models():
    right = check_bayes_factors(missing(0.0), NARROW, WIDE, observations=3, datasets=60)
    wrong = check_bayes_factors(missing(1.5), NARROW, WIDE, observations=3, datasets=60)
    assert right.verdict == "inconclusive"
    assert [check.verdict for check in right][2:] == ["pass", "pass"]
    assert wrong.verdict == "fail"


def test_an_estimator_that_fails_is_named():
    def estimate(model, y, _seed):
        if y[0] > 1:
            raise RuntimeError("no evidence\nhere")
        return model.log_evidence(y)

    checks = check_bayes_factors(estimate, NARROW, WIDE, observations=3, datasets=40)
    assert all("`estimate` failed on" in check.reason for check in checks)
    assert "from model 1: RuntimeError: no evidence here" in checks.notes[0]
    with pytest.raises(ValueError, match="`estimate` must return finite numbers"):
        check_bayes_factors(lambda *_: np.nan, NARROW, WIDE, observations=3, datasets=5)


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0]], [1.0, np.nan]])
def test_what_are_no_bayes_factors_is_refused(values):
    with pytest.raises(ValueError, match="`log_bf_given_1` must be a row of 2 or more"):
        turing_good(values, [1.0, 2.0])
