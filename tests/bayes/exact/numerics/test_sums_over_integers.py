"""The CDF and quantiles of a beta-binomial of any number of trials: no table of them is needed."""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.dirichlet_multinomial import DirichletMultinomial
from bayes.exact.numerics import distributions
from tests.tolerances import EXACT

PRIORS = [(1, 1), (0.3, 0.4), (1e-3, 2), (5, 1e5), (1e6, 1e6), (1e9, 3e9), (3, 1e9), (50, 0.2), (1e-9, 1e-9)]


@pytest.mark.parametrize(("a", "b"), PRIORS)
@pytest.mark.parametrize("n", [1, 2, 2047, 2048, 5000, 2**18])
def test_sums_are_those_of_a_table(n, a, b):
    law = distributions.beta_binomial(n, a, b)
    with mp.workdps(40):  # neighbours by their ratio: what float64 adds up one by one is 1e-12 off
        p = mpmath.beta(mpf(a), n + mpf(b)) / mpmath.beta(mpf(a), mpf(b)) if n <= 5000 else None
        if p is None:
            table = np.cumsum(law.pmf(np.arange(n + 1)).astype(np.longdouble)).astype(float)
        else:
            table = [p]
            for k in range(n):
                p *= mpf(n - k) * (mpf(a) + k) / ((k + 1) * (n - k - 1 + mpf(b)))
                table.append(table[-1] + p)
            table = np.array(table, dtype=float)
    k = np.unique(np.clip(np.round(law.mean() + law.std() * np.linspace(-6, 6, 25)), 0, n))
    k = np.unique(np.concatenate([k, np.linspace(0, n, 30).round(), [min(n, 1023), min(n, 1024)]])).astype(int)
    assert_allclose(law.cdf(k), table[k], atol=1e-11 if n > 5000 else EXACT, rtol=0)
    q = np.array([1e-3, 0.1, 0.37, 0.5, 0.9, 0.999])
    assert_array_equal(law.ppf(q), np.minimum(np.searchsorted(table, q), n))


@pytest.mark.parametrize("n", [2**30, 2**40, 2**53 - 1, 2**53])
def test_uniform_counts(n):
    law = BetaBinomial(trials=n).predictive([])
    k = np.array([0, 1, 3, 1000, 2000, n // 3, n // 2, n // 2 + 1, n - 2**20, n - 3, n - 1, n])
    assert_allclose(law.cdf(k), (k + 1) / (n + 1), rtol=EXACT)
    q = np.array([0.1, 0.5, 0.9])
    assert_allclose(law.ppf(q), q * n, rtol=EXACT, atol=1)
    assert_array_equal(law.ppf([0, 1]), [-1, n])


@pytest.mark.parametrize(("a", "b"), PRIORS)
@pytest.mark.parametrize("n", [2**30, 2**40, 2**53])
def test_both_halves_make_one(n, a, b):
    law = distributions.beta_binomial(n, a, b)
    summed = distributions.beta_binomial._summed(n, a, b)
    assert_allclose(summed._low.total + summed._high.total, 1, rtol=EXACT)
    q = np.array([0.01, 0.3, 0.45, 0.77, 0.99])
    k = law.ppf(q)
    assert np.all(law.cdf(k) >= q)
    assert np.all((law.cdf(k - 1) < q) | (k == 0))


def test_the_first_counts_of_many_trials():
    exact = BetaBinomial(trials=2**53)
    n, a, b = 2**53, mpf(6), mpf(2) ** 53 - 5 + 1
    with mp.workdps(60):
        probabilities = [mpmath.binomial(n, k) * mpmath.beta(k + a, n - k + b) / mpmath.beta(a, b) for k in range(4)]
    assert_allclose(exact.predictive([5]).cdf([0, 3]), [float(probabilities[0]), float(sum(probabilities))], rtol=EXACT)
    vectors = DirichletMultinomial(concentration=[1.0, 1.0], trials=2**53).predictive_marginals([[5, 2**53 - 5]])
    assert_allclose(vectors.cdf([3, 2**53 - 4]), [float(sum(probabilities)), float(1 - sum(probabilities))], rtol=EXACT)


def test_where_a_pmf_has_fewer_digits_so_have_its_sums():
    """`log_dirichlet_multinomials` costs sqrt(n) 1e-16: with 2^53 trials and as strong a prior the sum is 1e-9 off."""
    summed = distributions.beta_binomial._summed(2**53, 1e16, 1e16)
    assert 1e-12 < abs(summed._low.total + summed._high.total - 1) < 1e-8
