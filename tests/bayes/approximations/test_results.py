"""Weights and densities of an approximation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from bayes.approximations.results import log_weights, normal_draws
from tests.tolerances import IDENTITY

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])


def test_draws_have_the_density_of_their_normal():
    z, log_q = normal_draws(np.array([1.0, -2.0]), COVARIANCE, np.random.default_rng(1), 50)
    assert_allclose(log_q, multivariate_normal([1.0, -2.0], COVARIANCE).logpdf(z), rtol=IDENTITY)


@pytest.mark.parametrize("k", [0.3, 0.9])
def test_the_pareto_k_is_that_of_the_ratios(k):
    """Ratios with the tail r^(-1/k) have this k. ArviZ takes log ratios with the other sign, whose tail is light."""
    log_ratios = k * np.random.default_rng(1).exponential(size=20_000)
    assert abs(log_weights(log_ratios)[1] - k) < 0.15
    assert log_weights(-log_ratios)[1] < 0.1  # negative control


def test_equal_ratios_have_equal_weights_and_no_tail():
    weights, k = log_weights(np.full(200, 3.0) + 1e-12 * np.random.default_rng(1).normal(size=200))
    assert k == -np.inf
    assert_allclose(np.exp(weights), 1 / 200, rtol=IDENTITY)
