"""What the laws say far out, where parameters are huge or tiny, against mpmath."""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from scipy import special

from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.dirichlet_multinomial import DirichletMultinomial
from bayes.exact.gamma_exponential import GammaExponential
from bayes.exact.gamma_poisson import GammaPoisson
from bayes.exact.normal_variance import NormalVariance
from bayes.exact.numerics import distributions
from tests.tolerances import EXACT, PROBABILITY


@pytest.mark.parametrize("shape", [0.3, 1e4, 1e9])
@pytest.mark.parametrize("inverse_scale", [1e-9, 1.0, 1e9])
def test_quantiles_of_counts_are_found_where_floats_are_further_apart_than_counts(shape, inverse_scale):
    predictive = GammaPoisson(shape=shape, inverse_scale=inverse_scale).predictive([])
    q = np.array([0.01, 0.5, 0.99])
    k = predictive.ppf(q)
    assert np.all(predictive.cdf(k) >= q)
    # the float below, or the count below, has less
    assert_array_less(predictive.cdf(np.minimum(np.nextafter(k, -1), k - 1)), q)


@pytest.mark.parametrize("shape", [1e16, 1e18, 1e30, 1e75])
@pytest.mark.parametrize("inverse_scale", [1e-9, 1.0, 1e9])
def test_quantiles_end_where_the_cdf_has_few_digits(shape, inverse_scale):
    predictive = GammaPoisson(shape=shape, inverse_scale=inverse_scale).predictive([])
    assert_allclose(predictive.ppf([0.1, 0.5]), shape / inverse_scale, rtol=1e-3)


# ---- few degrees of freedom, whose quantiles are beyond 1e150


def t_tail(x, df):
    """P(T > x), x > 0."""
    df, square = mpf(df), mpf(float(x)) ** 2
    return mpmath.betainc(df / 2, mpf(1) / 2, 0, df / (df + square), regularized=True) / 2


@pytest.mark.parametrize("df", [2e-8, 1e-4, 0.002, 0.01, 0.1, 1.0, 30.0])
def test_the_tails_of_students_t(df):
    x = np.array([1e-3, 1.0, 1e50, 0.99e100, 1.01e100, 1e152, 1e155, 1e160, 1e300])
    with mp.workdps(50):
        expected = [float(t_tail(v, df)) for v in x]
        assert_allclose(distributions.student_t(df).sf(x), expected, atol=PROBABILITY, rtol=0)
        assert_allclose(distributions.student_t(df).cdf(-x), expected, atol=PROBABILITY, rtol=0)
        for tail in (0.499, 0.45, 0.4, 0.3, 0.1, 0.01, 1e-3, 1e-20):
            x = distributions.student_t(df).isf(tail)
            assert distributions.student_t(df).ppf(tail) == -x
            largest = float(t_tail(np.finfo(float).max, df))
            assert abs(t_tail(x, df) - tail) < PROBABILITY if tail > largest else np.isinf(x)


def test_scipys_quantiles_of_students_t_end_before_1e153():
    """Negative control."""
    x = special.stdtrit(0.002, 0.9)
    assert x < 1e153
    assert t_tail(x, 0.002) > 0.2
    assert np.isinf(NormalVariance(mean=0.0, shape=0.001, scale=0.001).predictive([]).ppf(0.9))
    assert special.stdtr(0.002, -1e160) == 0 < 0.2 < t_tail(1e160, 0.002)


def test_quantiles_of_students_t_at_the_ends():
    assert_array_equal(distributions.student_t(0.002).ppf([0, 0.5, 1, np.nan]), [-np.inf, 0, np.inf, np.nan])
    assert_array_equal(distributions.student_t(3.0).cdf([-np.inf, 0, np.inf, np.nan]), [0, 0.5, 1, np.nan])
    assert_array_equal(distributions.student_t(3.0).sf([-np.inf, 0, np.inf, np.nan]), [1, 0.5, 0, np.nan])


def test_quantiles_of_a_wide_inverse_gamma_may_be_beyond_float64():
    law = distributions.inverse_gamma(0.001)
    assert_array_equal(law.ppf([0.9, 0.99]), [np.inf, np.inf])
    assert_array_equal(law.isf([0.1, 0.01]), [np.inf, np.inf])
    assert_allclose(law.cdf(law.ppf([1e-3, 0.1, 0.4])), [1e-3, 0.1, 0.4], atol=PROBABILITY, rtol=0)


# ---- densities next to 0


@pytest.mark.parametrize("x", [5e-324, 1e-320, 1e-310, 1e-300, 1e-200, 1e-10])
@pytest.mark.parametrize("a", [0.001, 1.0, 2.0, 1e10])
def test_densities_next_to_0_are_numbers(a, x):
    with mp.workdps(400):
        A, X = mpf(a), mpf(x)
        expected = {
            distributions.gamma: (A - 1) * mpmath.log(X) - X - mpmath.loggamma(A),
            distributions.inverse_gamma: -(A + 1) * mpmath.log(X) - 1 / X - mpmath.loggamma(A),
        }
        for law, value in expected.items():
            computed = law(a).logpdf(x)
            assert computed == -np.inf if value < -1e308 else abs(computed - value) <= EXACT * max(1, abs(value))
        log_beta = mpmath.loggamma(A + 3) - mpmath.loggamma(A) - mpmath.loggamma(3)
        value = (A - 1) * mpmath.log(X) + 2 * mpmath.log(1 - X) + log_beta
        tolerance = EXACT if x > 1e-308 else 1e-4  # 3 x has few digits there
        assert abs(distributions.beta(a, 3.0).logpdf(x) - value) <= tolerance * max(1, abs(value))


def test_the_posterior_of_a_variance_next_to_0():
    posterior = NormalVariance(mean=0.0, shape=0.001, scale=0.001).posterior([])
    assert_array_equal(posterior.logpdf([1e-320, 0.0]), [-np.inf, -np.inf])
    assert_allclose(posterior.logpdf(1e-305), -1e302, rtol=EXACT)


# ---- moments

SIZES = [1e-75, 1e-9, 0.3, 1.5, 2.5, 1e3, 1e9, 1e16, 1e30, 1e75]


def one_size(a):
    """Law -> mean and variance in mpmath, infinite or undefined where they are."""
    inf, nan = mpf("inf"), mpf("nan")
    return {
        "gamma": (a, a),
        "inverse_gamma": (1 / (a - 1), 1 / (a - 1) ** 2 / (a - 2) if a > 2 else inf) if a > 1 else (inf, inf),
        "lomax": (1 / (a - 1), a / (a - 1) ** 2 / (a - 2) if a > 2 else inf) if a > 1 else (inf, nan),
        "student_t": (mpf(0), a / (a - 2) if a > 2 else inf) if a > 1 else (inf, nan),
    }


def two_sizes(a, b, n):
    p, q = a / (a + b), b / (a + b)
    return {
        "beta": (p, p * q / (a + b + 1)),
        "gamma_poisson": (a / b, a / b * (1 + 1 / b)),
        "beta_binomial": (n * p, n * p * q * (a + b + n) / (a + b + 1)),
    }


def assert_moments(law, mean, var):
    assert_allclose([law.mean(), law.var(), law.std()], [float(v) for v in (mean, var, mpmath.sqrt(var))], rtol=EXACT)


@pytest.mark.parametrize("a", SIZES)
@pytest.mark.parametrize("name", one_size(mpf(3)))
def test_moments_of_laws_of_one_size(name, a):
    with mp.workdps(200):
        assert_moments(getattr(distributions, name)(a), *one_size(mpf(a))[name])


@pytest.mark.parametrize("a", SIZES)
@pytest.mark.parametrize("b", SIZES)
def test_moments_of_laws_of_two_sizes(a, b):
    with mp.workdps(200):
        for n in (1, 10, 2**53):
            expected = two_sizes(mpf(a), mpf(b), n)
            assert_moments(distributions.beta_binomial(n, a, b), *expected["beta_binomial"])
        assert_moments(distributions.beta(a, b), *expected["beta"])
        assert_moments(distributions.gamma_poisson(a, b), *expected["gamma_poisson"])


def test_moments_of_predictives_that_were_lost():
    for a in (1e9, 1e16):
        assert_allclose(GammaExponential(shape=a, inverse_scale=a).predictive([]).mean(), a / (a - 1), rtol=EXACT)
    assert_allclose(BetaBinomial(trials=10, successes=1e16, failures=1).predictive([]).var(), 1e-15, rtol=EXACT)
    counts = DirichletMultinomial(concentration=[1e16, 1.0, 3.0], trials=10).predictive([])
    assert_allclose(counts.var(), [4e-15, 1e-15, 3e-15], rtol=EXACT)
    assert_allclose(
        counts.cov(), [[4e-15, -1e-15, -3e-15], [-1e-15, 1e-15, -3e-31], [-3e-15, -3e-31, 3e-15]], rtol=EXACT
    )
