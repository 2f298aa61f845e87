"""Covariances that are nearly singular, and those that are not positive definite, against mpmath."""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

from bayes.exact.linear_regression import LinearRegression
from bayes.exact.multivariate_normal import MultivariateNormal
from benchmarks.fifty_digits import Problem, worst_error
from tests.tolerances import EXACT


def regression(covariance, design=((1.0, 2.0), (0.5, 3.0))):
    return LinearRegression(design=design, prior_mean=[0, 0], prior_covariance=covariance, shape=2.0, scale=1.0)


def normals(covariance, noise=((1.0, 0.0), (0.0, 1.0))):
    return MultivariateNormal(prior_mean=[0, 0], prior_covariance=covariance, noise_covariance=noise)


NARROW = [[1e-30, 1e-15], [1e-15, 1.000000000001]]
"""Correlation 1 - 5e-13 between elements whose sds are 1e-15 and 1."""


@pytest.mark.parametrize("new", [[1.0, 2.0], [1.0, -5.0], [0.0, 0.0], [1 + 1e-15, 2 + 1e-6]])
def test_a_narrow_predictive_keeps_its_digits(new):
    exact = normals(np.eye(2), NARROW)
    error, quantity = worst_error(Problem(exact, np.array([[1.0, 2.0]]), np.array([new])), "multivariate_normal")
    assert error < EXACT, quantity


@pytest.mark.parametrize("seed", range(12))
def test_so_do_random_ones(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, 3)) * 10.0 ** -np.linspace(0, rng.uniform(0, 7.5), 3)
    sds = 10.0 ** rng.uniform(-10, 10, size=3)
    noise = root @ root.T * np.outer(sds, sds)
    exact = MultivariateNormal(prior_mean=[0, 0, 0], prior_covariance=np.eye(3), noise_covariance=noise)
    y = rng.normal(size=(2, 3)) * 10.0 ** rng.uniform(-3, 8, size=3)
    error, quantity = worst_error(
        Problem(exact, y, np.concatenate([y, rng.normal(size=(2, 3))])), "multivariate_normal"
    )
    assert error < EXACT, quantity


def test_the_posterior_of_nearly_parallel_columns_keeps_its_digits():
    design = [[1.0, 1.0], [1.0, 1.0 + 1e-9], [1.0, 1.0 - 1e-9]]
    exact = regression(np.eye(2) * 1e12, design)
    posterior = exact.posterior([1.0, 3.0, -1.0])
    with mp.workdps(200):
        X, y = mpmath.matrix(design), mpmath.matrix([1, 3, -1])
        precision = X.T * X + mpmath.eye(2) / mpf(10) ** 12
        m = mpmath.inverse(precision) * X.T * y
        a, b = mpf(2) + mpf(3) / 2, 1 + ((y - X * m).T * (y - X * m))[0] / 2 + (m.T * m)[0] / mpf(10) ** 12 / 2
        for beta, sigma2 in [((0.0, 0.0), 1.0), ((3.0, -2.0), 2.5), (tuple(posterior.m), 1e-3)]:
            off, s = mpmath.matrix([mpf(v) for v in beta]) - m, mpf(sigma2)
            expected = a * mpmath.log(b) - mpmath.loggamma(a) - (a + 1) * mpmath.log(s) - b / s
            expected += mpmath.log(mpmath.det(precision)) / 2 - mpmath.log(2 * mp.pi * s)
            expected -= (off.T * precision * off)[0] / s / 2
            computed = posterior.logpdf({"beta": np.array(beta), "sigma2": sigma2})
            assert abs(computed - expected) < EXACT * max(1, abs(expected))


def test_a_density_is_nan_where_a_place_is_and_nothing_infinitely_far():
    predictive = normals(np.eye(2)).predictive([])
    assert_array_equal(predictive.logpdf([[np.nan, 0], [np.inf, 0], [-np.inf, np.nan]]), [np.nan, -np.inf, np.nan])
    assert_array_equal(predictive.pdf([[np.nan, 0], [np.inf, 0]]), [np.nan, 0])
    assert np.isnan(normals(np.eye(2), NARROW).predictive([]).logpdf([np.nan, 0]))


# ---- what is a covariance


@pytest.mark.parametrize("make", [regression, normals, lambda C: normals(np.eye(2), C)])
@pytest.mark.parametrize(
    "covariance",
    [[[0.49, 0.98], [0.98, 1.96]], [[1, 1], [1, 1]], [[1, 2], [2, 1]], [[0, 0], [0, 1]], [[-1, 0], [0, 1]]],
)
def test_what_is_not_positive_definite_is_refused(make, covariance):
    with pytest.raises(ValueError, match=r"_covariance` must be positive definite, got \[\[.*; drop an element"):
        make(covariance)


@pytest.mark.parametrize("make", [regression, normals, lambda C: normals(np.eye(2), C)])
def test_the_narrowest_of_two_columns_of_float64_is_right(make):
    """1 - 2^-53 beside 1: the smallest determinant but 0, and what rounds to a singular matrix is not one."""
    exact = make([[1.0, 1 - 2.0**-53], [1 - 2.0**-53, 1.0]])
    regression = isinstance(exact, LinearRegression)
    problem = Problem(
        exact, np.array([1.0] if regression else [[1.0, 2.0]]), np.array([3.0] if regression else [[3.0, 4.0]])
    )
    error, quantity = worst_error(problem, "linear_regression" if regression else "multivariate_normal")
    assert error < EXACT, quantity
    make([[0.1, 0.3], [0.3, 0.9]])


@pytest.mark.parametrize("make", [regression, normals, lambda C: normals(np.eye(2), C)])
def test_variances_are_right_up_to_their_bounds_and_refused_beyond(make):
    for bound, beyond in [(1e-75, 0.99e-75), (1e75, 1.01e75)]:
        exact = make(np.array([[1.0, 0.5], [0.5, 1.0]]) * bound)
        regression = isinstance(exact, LinearRegression)
        problem = Problem(
            exact, np.array([1.0] if regression else [[1.0, 2.0]]), np.array([3.0] if regression else [[3.0, 4.0]])
        )
        with mp.workdps(400):
            error, quantity = worst_error(problem, "linear_regression" if regression else "multivariate_normal")
        assert error < EXACT, quantity
        with pytest.raises(ValueError, match=r"1e-75|1e\+75"):
            make(np.eye(2) * beyond)
    with pytest.raises(ValueError, match=r"between 1e-75 and 1e\+75"):
        make(np.eye(2) * 1e-300)


def test_only_one_triangle_counts_where_the_two_differ_by_rounding():
    covariance = np.array([[1.0, 0.3], [0.3 + 1e-14, 1.0]])
    assert_allclose(normals(covariance).prior_covariance, [[1.0, 0.3 + 1e-14], [0.3 + 1e-14, 1.0]], rtol=0)
