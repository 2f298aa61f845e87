"""Data near 1e16, where float64 has no place for a mean: marginals, predictives and sequences keep what it lacks."""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose
from scipy.stats import norm, t

from bayes.exact.distribution import elements
from bayes.exact.linear_regression import LinearRegression
from bayes.exact.multivariate_normal import MultivariateNormal
from bayes.exact.normal_inverse_gamma import NormalInverseGamma
from bayes.exact.normal_normal import NormalNormal
from tests.tolerances import EXACT

FAR = np.array([1e16, 1e16, 1e16 + 2])
"""Whose mean is 1e16 + 2/3, no float64."""
FLAT = 1e30
"""A prior sd beside which the data decide: m_n is the mean of the data to 1e-44."""
MU, NEW = norm.cdf(-2 / 3 * np.sqrt(3)), norm.cdf(-2 / 3 / np.sqrt(4 / 3))
"""P(mu <= 1e16) and P(y_new <= 1e16), noise 1."""


def test_marginals_of_one_mean():
    exact = NormalNormal(prior_sd=FLAT, noise_sd=1.0)
    assert_allclose(exact.marginals(FAR)["mu"].cdf(1e16), MU, rtol=EXACT)
    assert_allclose(exact.predictive(FAR).cdf(1e16), NEW, rtol=EXACT)


def test_marginals_of_a_mean_vector():
    exact = MultivariateNormal(prior_mean=[0, 0], prior_covariance=np.eye(2) * FLAT**2, noise_covariance=np.eye(2))
    y = np.column_stack([FAR, FAR / 1e16])
    mu = exact.marginals(y)["mu"]
    assert_allclose(mu.cdf([1e16, 1.0]), [MU, 0.5], rtol=EXACT)
    assert_allclose(elements("mu", mu)["mu[0]"].cdf(1e16), MU, rtol=EXACT)
    assert_allclose(exact.predictive_marginals(y).cdf([1e16, 1.0]), [NEW, 0.5], rtol=EXACT)
    (_, total), (_, difference) = exact.projections(y).values()
    assert_allclose([total.std(), difference.std()], np.sqrt(2), rtol=EXACT)


@pytest.mark.parametrize("K", [1, 2])
def test_the_cdf_of_a_new_vector(K):
    exact = MultivariateNormal(prior_mean=np.zeros(K), prior_covariance=np.eye(K) * FLAT**2, noise_covariance=np.eye(K))
    predictive = exact.predictive(np.column_stack([FAR] * K))
    assert_allclose(predictive.cdf(np.full(K, 1e16)), NEW**K, rtol=1e-6)  # by scipy's integration
    within = predictive.cdf(np.full(K, 1e16), lower_limit=np.full(K, 1e16 - 2))
    assert_allclose(within, (NEW - norm.cdf(-8 / 3 / np.sqrt(4 / 3))) ** K, rtol=1e-6)


def test_marginals_of_coefficients():
    exact = LinearRegression(
        design=np.ones((3, 1)), prior_mean=[0.0], prior_covariance=[[FLAT**2]], shape=2.0, scale=1.0
    )
    beta = exact.marginals(FAR)["beta"]
    a, b = 2 + 3 / 2, 1 + 4 / 3
    assert_allclose(beta.cdf([1e16]), t.cdf(-2 / 3 / np.sqrt(b / a / 3), 2 * a), rtol=EXACT)
    assert_allclose(elements("beta", beta)["beta[0]"].ppf(0.5), 1e16)
    model = NormalInverseGamma(prior_mean=0.0, prior_count=FLAT**-2, shape=2.0, scale=1.0)
    assert_allclose(beta.cdf([1e16]), model.marginals(FAR)["mu"].cdf(1e16), rtol=EXACT)


def test_a_sequence_keeps_what_sums_cancel():
    exact = NormalNormal(prior_sd=1.0, noise_sd=1.0)
    y = [1e16, 1.0, -1e16]
    assert_allclose(exact.sequence(y).posterior.mean()[3], 0.25, rtol=EXACT)
    assert_allclose(exact.sequence(y).mle_predictive.mean()[3], 1 / 3, rtol=EXACT)
    sequence = NormalNormal(prior_sd=FLAT, noise_sd=1.0).sequence(FAR)
    assert_allclose(sequence.posterior.cdf(1e16)[3], MU, rtol=EXACT)
    assert_allclose(sequence.predictive.cdf(1e16)[3], NEW, rtol=EXACT)
    assert_allclose(sequence.map_predictive.cdf(1e16)[3], norm.cdf(-2 / 3), rtol=EXACT)
    assert_allclose(sequence.mle_predictive.cdf(1e16)[3], norm.cdf(-2 / 3), rtol=EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_so_does_any_sequence(seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=30) * 10.0 ** rng.uniform(-10, 20, size=30)
    m0, tau, sigma = rng.normal() * 1e6, *10.0 ** rng.uniform(-8, 8, size=2)
    sequence = NormalNormal(prior_mean=m0, prior_sd=tau, noise_sd=sigma).sequence(y)
    with mp.workdps(100):
        for n in (0, 1, 7, 30):
            s2 = 1 / (1 / mpf(tau) ** 2 + n / mpf(sigma) ** 2)
            mean = s2 * (mpf(m0) / mpf(tau) ** 2 + mpmath.fsum(mpf(v) for v in y[:n]) / mpf(sigma) ** 2)
            assert abs(sequence.posterior.mean()[n] - mean) < EXACT * abs(mean)
            assert abs(sequence.posterior.std()[n] - mpmath.sqrt(s2)) < EXACT * mpmath.sqrt(s2)


def test_a_quantile_is_the_float_nearest_to_it():
    exact = NormalNormal(prior_sd=FLAT, noise_sd=1.0)
    predictive = exact.predictive([2e16, 2e16 + 4, 2e16 + 4])  # 2e16 + 8/3 is its mean
    q = norm.cdf(-0.9 / np.sqrt(4 / 3))  # 2e16 + 1.77, and floats are 4 apart
    assert predictive.ppf(q) == predictive.isf(1 - q) == 2e16
    assert predictive.ppf(0.5) == 2e16 + 4
