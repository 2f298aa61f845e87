"""Every answer of every closed form against 50 digits, relative to max(1, |answer|): cancellation is no excuse.

`benchmarks/exactness.py` tries many more problems, and prints the worst of each model.
"""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import betaln, gammaln

from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.gamma_exponential import GammaExponential
from bayes.exact.gamma_poisson import GammaPoisson
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.linear_regression import LinearRegression
from bayes.exact.multivariate_normal import MultivariateNormal
from bayes.exact.normal_inverse_gamma import NormalInverseGamma
from bayes.exact.normal_normal import NormalNormal
from bayes.exact.normal_variance import NormalVariance
from bayes.exact.numerics import distributions, exact_sums, log_gamma
from bayes.exact.scale_priors import ScalePrior
from bayes.registry import NAMES, get_model
from benchmarks.fifty_digits import FEW_OBSERVATIONS, ORACLES, PROBLEMS, SLOW, Problem, a_million, worst_error
from tests.nightly import nightly_but
from tests.tolerances import EXACT, FAR_ELEMENT

every_model = pytest.mark.parametrize("name", NAMES)


def test_every_model_has_an_oracle_and_problems():
    assert set(ORACLES) == set(PROBLEMS) == set(NAMES)


@every_model
def test_answers_are_those_of_fifty_digits(name):
    @settings(
        max_examples=1 if name in SLOW else 12,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(PROBLEMS[name])
    def check(problem):
        error, quantity = worst_error(problem, name)
        assert error < EXACT, quantity

    check()


@pytest.mark.parametrize(
    "name",
    nightly_but(
        ["normal_normal", "beta_binomial", "gamma_poisson"],
        [name for name in NAMES if name not in FEW_OBSERVATIONS],
    ),
)
def test_answers_for_a_million_observations_are_those_of_fifty_digits(name):
    model = get_model(name)
    new = np.array([[100, 200, 56, 200]] if name == "dirichlet_multinomial" else [[5.0, 3.0]])
    new = new if model.y.ndim == 2 else np.array([0, 1] if name == "logistic_regression" else [1, 2])
    error, quantity = worst_error(a_million(Problem(model.exact, model.y, new), name), name)
    assert error < EXACT, quantity


# ---- what was wrong


@pytest.mark.parametrize("a", [1e-75, 1.0, 1e9, 1e12, 1e14, 1e16, 1e75])
def test_a_strong_prior_of_a_rate_costs_no_digit(a):
    error, quantity = worst_error(
        Problem(GammaExponential(shape=a, inverse_scale=a), np.array([0.5, 1, 2]), np.array([0.0, 3.0])),
        "gamma_exponential",
    )
    assert error < EXACT, quantity


def test_a_strong_prior_of_a_probability_costs_no_digit():
    exact = BetaBinomial(trials=1000, successes=5e18, failures=5e18)
    assert_allclose(exact.log_evidence([500]), -3.6799189921, rtol=1e-10)
    textbook = -math.log(1001) - betaln(501, 501) + betaln(5e18 + 500, 5e18 + 500) - betaln(5e18, 5e18)
    assert abs(textbook - exact.log_evidence([500])) > 100  # negative control


@pytest.mark.parametrize("y", [[0], [2**53] * 3, [0, 2**53], list(range(2000))])
def test_large_counts_cost_the_evidence_no_digit(y):
    exact = GammaPoisson(shape=3.0, inverse_scale=1e-3)
    with mpmath.workdps(120):
        expected = ORACLES["gamma_poisson"](exact, np.array(y), np.array([]))["log evidence"]
        assert abs(exact.log_evidence(y) - expected) < EXACT * max(1, abs(expected))


def test_a_waiting_time_of_0_is_legal():
    exact = GammaExponential(shape=1, inverse_scale=1)
    assert_allclose(exact.log_evidence([0, 2]), math.log(2) - 3 * math.log(3), rtol=EXACT)
    assert_allclose(exact.log_evidence([0.0, 0.0]), math.log(2), rtol=EXACT)
    assert_allclose(exact.predictive([0]).pdf(0), 2, rtol=EXACT)


def test_the_median_of_a_symmetric_mixture_is_its_middle():
    exact = HierarchicalNormal(
        noise_sds=[15, 10, 16], prior_mean=0.0, prior_sd=5.0, tau_prior=ScalePrior("half_cauchy", 5.0)
    )
    assert exact.predictive([]).ppf(0.5) == 0


@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_quantiles_of_a_mixture_are_right_in_probability(seed, n):
    rng = np.random.default_rng(seed)
    noise = 10 ** rng.uniform(-1, 2, size=n + 1)
    spread, prior_sd = 10 ** rng.uniform(-2, 2, size=2)
    exact = HierarchicalNormal(
        noise_sds=noise, prior_mean=0.0, prior_sd=prior_sd, tau_prior=ScalePrior("half_cauchy", spread)
    )
    predictive = exact.predictive(rng.normal(size=n) * noise[:n])
    q = np.concatenate([np.linspace(0.01, 0.99, 41), rng.random(20)])
    assert_allclose(predictive.cdf(predictive.ppf(q)), q, atol=1e-13, rtol=0)


# ---- where it ends: bounds, on both sides


@pytest.mark.parametrize("make", [lambda v: GammaExponential(shape=v, inverse_scale=v), lambda v: BetaBinomial(
    trials=9, successes=v, failures=v), lambda v: NormalVariance(mean=0, shape=v, scale=v)])  # fmt: skip
def test_hyperparameters_are_right_up_to_their_bounds_and_refused_beyond(make):
    y = np.array([1, 2, 3])
    for bound, beyond in [(1e75, 1.01e75), (1e-75, 0.99e-75)]:
        exact = make(bound)
        name = next(name for name, f in ORACLES.items() if f.__annotations__["m"] is type(exact))
        with mpmath.workdps(250):
            expected = ORACLES[name](exact, y, np.array([]))["log evidence"]
            assert abs(exact.log_evidence(y) - expected) < EXACT * max(1, abs(expected))
        with pytest.raises(ValueError, match="between 1e-75 and 1e\\+75"):
            make(beyond)


def test_the_largest_count_is_right_and_one_more_refused():
    exact = GammaPoisson(shape=1.0, inverse_scale=1e-15)
    with mpmath.workdps(120):
        expected = ORACLES["gamma_poisson"](exact, np.array([2**53]), np.array([]))["log evidence"]
        assert abs(exact.log_evidence([2**53]) - expected) < EXACT * abs(expected)
    with pytest.raises(ValueError, match="between 0 and 9"):
        exact.log_evidence([2**53 + 2])


# ---- the parts


@given(st.floats(1e-75, 1e75), st.integers(0, 2**53))
def test_a_ratio_of_gamma_functions_keeps_its_digits(a, n):
    with mpmath.workdps(250):
        x = mpmath.mpf(a)
        expected = mpmath.loggamma(x + n) - mpmath.loggamma(x) - n * mpmath.log(x + n)
        assert abs(log_gamma.log_rising(a, n) - expected) < EXACT * max(1, abs(expected))


def test_fifty_digits_detect_the_difference_of_log_gammas():
    """Negative control."""
    off = [abs(gammaln(a + 3) - gammaln(a) - 3 * math.log(a)) for a in (1e9, 1e12, 1e16)]
    assert off[0] > 1e3 * EXACT
    assert off[1] > 1e6 * EXACT


@given(st.floats(0, 1e75), st.floats(1e-75, 1e75))
def test_a_deviance_is_right_relative_to_itself(x, mean):
    with mpmath.workdps(200):
        difference = mpmath.mpf(x) - mean
        expected = (mpmath.mpf(x) * mpmath.log(mpmath.mpf(x) / mean) if x else 0) - difference
        assert abs(log_gamma.deviance(x, mean, float(difference)) - expected) <= EXACT * abs(expected)


@given(*[st.floats(-1e50, 1e50)] * 3)
def test_products_that_cancel_are_subtracted_exactly(a, b, c):
    with mpmath.workdps(250):
        d = float(mpmath.mpf(a) * b / c) if abs(c) > 1e-50 and abs(a * b / c) < 1e100 else 1.0
        expected = mpmath.mpf(a) * b - mpmath.mpf(c) * d
        assert abs(exact_sums.difference_of_products(a, b, c, d) - expected) <= EXACT * abs(expected) + 1e-280


@pytest.mark.parametrize("a", [0.5, 3.0, 1e4, 1e8])
def test_densities_of_posteriors_keep_their_digits(a):
    """Within what the last bit of a number near a means, sqrt(a) eps."""
    tolerance = EXACT + FAR_ELEMENT * math.sqrt(a)
    with mpmath.workdps(100):
        A = mpmath.mpf(a)
        for z in (-2.0, 0.0, 3.0):
            x = a + z * math.sqrt(a) if a > 10 else a * 2**z
            expected = (A - 1) * mpmath.log(x) - x - mpmath.loggamma(A)
            assert abs(distributions.gamma(a).logpdf(x) - expected) < tolerance * max(1, abs(expected))
            inverse = -(A + 1) * mpmath.log(1 / mpmath.mpf(x)) - x - mpmath.loggamma(A)
            assert abs(distributions.inverse_gamma(a).logpdf(1 / x) - inverse) < tolerance * max(1, abs(inverse))
            p = 0.5 + z / 10 / math.sqrt(a)
            expected = (A - 1) * (mpmath.log(p) + mpmath.log(1 - mpmath.mpf(p))) + mpmath.loggamma(2 * A)
            expected -= 2 * mpmath.loggamma(A)
            assert abs(distributions.beta(a, a).logpdf(p) - expected) < tolerance * max(1, abs(expected))


# ---- a million terms that cancel

C = 0.24197072451914337
"""The sd whose normal density is 1 / (c sqrt(2 pi e)) = 1: data at its quantiles have an evidence near 1."""


@pytest.mark.parametrize(
    ("name", "exact", "y"),
    [
        ("gamma_exponential", GammaExponential(shape=1.0, inverse_scale=1.0), [0.36788] * 2),
        ("normal_normal", NormalNormal(prior_sd=1.0, noise_sd=C), [0.24196830481189818, -0.24196830481189818]),
        ("normal_variance", NormalVariance(mean=0.0, shape=1.0, scale=1.0), [C, -C]),
        (
            "normal_inverse_gamma",
            NormalInverseGamma(prior_mean=0.0, prior_count=1.0, shape=1.0, scale=1.0),
            [C, -C],
        ),
        (
            "multivariate_normal",
            MultivariateNormal(prior_mean=[0.0], prior_covariance=[[1.0]], noise_covariance=[[C**2]]),
            [[C], [-C]],
        ),
        pytest.param(
            "linear_regression",
            LinearRegression(
                design=[[1.0], [1.0], [1.0]], prior_mean=[0.0], prior_covariance=[[1.0]], shape=1.0, scale=1.0
            ),
            [C, -C],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_million_terms_that_cancel_cost_the_evidence_no_digit(name, exact, y):
    new = np.array([[0.1]]) if name == "multivariate_normal" else np.array([0.1])
    problem = a_million(Problem(exact, np.array(y), new), name)
    assert abs(problem.exact.log_evidence(problem.y)) < 30  # of terms of 1e6
    error, quantity = worst_error(problem, name)
    assert error < EXACT, quantity
