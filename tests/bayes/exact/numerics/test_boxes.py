"""Integrals over two and three parameters against those with a formula."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import gamma, invgamma, multivariate_normal, norm, t, truncnorm

from bayes.exact.numerics.boxes import Box, mixture_marginal

Q = np.array([1e-4, 0.05, 0.5, 0.95, 0.9999])
INF = (-math.inf, math.inf)


def compare(marginal, expected, tolerance=1e-9):
    """Mean, sd, quantiles, probabilities and densities, in units of the sd."""
    sd = expected.std()
    assert_allclose(marginal.mean(), expected.mean(), atol=tolerance * sd, rtol=0)
    assert_allclose(marginal.std(), sd, rtol=tolerance)
    assert_allclose(marginal.ppf(Q), expected.ppf(Q), atol=100 * tolerance * sd, rtol=0)
    assert_allclose(marginal.cdf(expected.ppf(Q)), Q, atol=tolerance)
    assert_allclose(marginal.sf(expected.ppf(Q)), 1 - Q, atol=tolerance)
    assert_allclose(marginal.logpdf(expected.ppf(Q)), expected.logpdf(expected.ppf(Q)), atol=1e3 * tolerance)


@pytest.mark.parametrize("correlation", [0.0, 0.7, -0.99])
def test_a_normal_with_correlation(correlation):
    mean, sds = np.array([3.0, -200.0]), np.array([0.5, 7.0])
    covariance = np.outer(sds, sds) * np.array([[1, correlation], [correlation, 1]])
    density = multivariate_normal(mean, covariance)
    box = Box(lambda a, b: density.logpdf(np.stack([a, b], axis=-1)), [INF, INF], mean + 0.3 * sds, sds)
    assert_allclose(box.log_integral, 0, atol=1e-11)
    for axis in range(2):
        compare(box.marginal(axis), norm(mean[axis], sds[axis]))
    places, weights = box.nodes
    assert_allclose(weights.sum(), 1, rtol=1e-12)
    assert_allclose((places - mean[:, None]) * weights @ (places - mean[:, None]).T, covariance, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_a_normal_of_three():
    """x = (z1, 0.8 z1 + 0.6 z2, -0.5 z1 + 0.4 z2 + 2 z3), z standard normal."""

    def log_density(a, b, c):
        z2 = (b - 0.8 * a) / 0.6
        z3 = (c + 0.5 * a - 0.4 * z2) / 2
        return -(a**2 + z2**2 + z3**2) / 2

    box = Box(log_density, [INF] * 3, [0.1, -0.1, 0.2], [1.0, 1.0, 2.1])
    assert_allclose(box.log_integral, 1.5 * math.log(2 * math.pi) + math.log(0.6 * 2), atol=1e-11)
    compare(box.marginal(0), norm())


def test_a_normal_inverse_gamma_has_a_students_t():
    """x | v ~ Normal(2, v), v ~ InverseGamma(6, 5), in x and log v."""

    def log_density(x, u):
        v = np.exp(u)
        return norm.logpdf(x, 2, np.sqrt(v)) + invgamma.logpdf(v, 6, scale=5) + u

    box = Box(log_density, [INF, INF], [2.0, 0.0], [1.0, 0.4])
    assert_allclose(box.log_integral, 0, atol=1e-10)
    compare(box.marginal(0), t(12, 2, math.sqrt(5 / 6)))


def test_bounds_cut_a_gamma_at_0_and_a_normal_on_one_side():
    """Both have a positive density at their bound."""

    def log_density(x, y):
        return gamma.logpdf(x, 1, scale=2) + norm.logpdf(y, 1, 2)

    box = Box(log_density, [(0, math.inf), (-0.5, math.inf)], [0.5, 1.0], [2.0, 2.0])
    assert_allclose(box.log_integral, norm.logsf(-0.5, 1, 2), atol=1e-10)
    compare(box.marginal(0), gamma(1, scale=2), 1e-8)
    compare(box.marginal(1), truncnorm(-0.75, np.inf, loc=1, scale=2), 1e-8)
    assert box.marginal(0).logpdf(-0.1) == -np.inf


def test_a_mixture_of_normals_is_summed_once():
    weights, means, sds = np.array([0.3, 0.5, 0.2]), np.array([1e6, 1e6 + 2, 1e6 - 5]), np.array([1.0, 0.05, 3.0])
    marginal = mixture_marginal(weights, means, sds)
    assert_allclose(marginal.mean(), weights @ means, rtol=1e-14)
    x = np.array([1e6 - 9, 1e6, 1e6 + 1.97, 1e6 + 6])
    assert_allclose(marginal.cdf(x), norm.cdf(x[:, None], means, sds) @ weights, atol=1e-11)
    assert_allclose(marginal.pdf(x), norm.pdf(x[:, None], means, sds) @ weights, rtol=1e-10)
    assert_allclose(marginal.cdf(marginal.ppf(Q)), Q, atol=1e-10)
