"""Null distributions against the cases in which they are exact, and against the approximations they replace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binom, binomtest, cauchy, chi2, expon, gamma, invgamma, kstest, norm, ttest_1samp, uniform
from scipy.stats import t as student_t

from bayes.nulls import (
    kolmogorov_p_value,
    log_normal_mean_p_value,
    mean_p_value,
    proportion_p_value,
    shapes,
    widen,
)
from tests.tolerances import FALSE_ALARM, IDENTITY, MOMENT, QUADRATURE

# ---- shapes


@pytest.mark.parametrize(
    ("distribution", "mu"),
    [
        (norm(2, 0.5), {3: 0, 4: 3, 6: 15, 8: 105}),
        (expon(scale=3), {3: 2, 4: 9, 6: 265, 8: 14833}),  # subfactorials
        (uniform(-1, 2), {3: 0, 4: 9 / 5, 6: 27 / 7, 8: 9}),  # 3^(k/2) / (k + 1)
    ],
)
def test_shapes_have_the_moments_of_the_textbook(distribution, mu):
    location, spread = shapes(distribution)
    var = mu[4] - 1
    assert_allclose([location.mean, location.sd, spread.mean], [0, 1, 1])
    assert_allclose([location.skewness, location.kurtosis + 3], [mu[3], mu[4]], rtol=MOMENT, atol=MOMENT)
    assert_allclose(spread.sd, var**0.5, rtol=MOMENT)
    assert_allclose(spread.skewness, (mu[6] - 3 * mu[4] + 2) / var**1.5, rtol=MOMENT, atol=MOMENT)
    fourth = (mu[8] - 4 * mu[6] + 6 * mu[4] - 3) / var**2
    assert_allclose(spread.kurtosis + 3, fourth, rtol=MOMENT, atol=MOMENT)


def test_heavier_tails_need_more_draws_and_infinite_moments_more_than_anybody_has():
    assert max(shape.ess_needed() for shape in shapes(norm())) < 400
    assert shapes(student_t(20))[1].ess_needed() < shapes(student_t(8))[1].ess_needed()
    assert shapes(student_t(6))[1].ess_needed() > 1e6  # the eighth moment is infinite
    assert shapes(invgamma(5))[1].ess_needed() > 1e6


# ---- means, proportions


@given(st.floats(0.7, 1.4), st.integers(100, 4000))
def test_the_sd_of_a_normal_is_the_chi_square_test_of_a_variance(mean_square, n):
    exact = 2 * min(chi2(n).cdf(n * mean_square), chi2(n).sf(n * mean_square))
    assert_allclose(mean_p_value(mean_square, shapes(norm(3, 2))[1], n), min(exact, 1), rtol=1e-3, atol=1e-300)


def test_the_mean_of_exponentials_is_the_gamma_test_that_the_normal_misses_by_factors():
    n, z = 400, 4.0
    exact = 2 * gamma(n).sf(n + z * np.sqrt(n))
    assert_allclose(mean_p_value(z / np.sqrt(n), shapes(expon())[0], n), exact, rtol=1e-4)
    assert 2 * norm.sf(z) < exact / 1.5  # negative control


@given(st.data())
def test_proportions_of_whole_counts_are_the_binomial_test(data):
    n = data.draw(st.integers(10, 2000))
    k = data.draw(st.integers(0, n))
    q = data.draw(st.sampled_from([0.05, 0.5, 0.95]))
    sides = [binomtest(k, n, q, alternative=side).pvalue for side in ("less", "greater")]
    assert_allclose(proportion_p_value(k / n, q, n), min(1, 2 * min(sides)), rtol=1e-7, atol=1e-300)


def test_a_normal_with_an_estimated_error_finds_ten_times_too_many_small_proportions():
    """Negative control: z = (p - q) / sqrt(p (1 - p) / n), the estimated error, under the exact binomial."""
    n, q, alpha = 400, 0.05, 1e-4
    k = np.arange(1, n)
    weight = binom(n, q).pmf(k)
    estimated = 2 * norm.sf(abs(k / n - q) / np.sqrt(k / n * (1 - k / n) / n))
    ours = np.array([proportion_p_value(x / n, q, n) for x in k])
    assert weight[ours <= alpha].sum() <= alpha
    assert weight[estimated <= alpha].sum() > 10 * alpha


def test_kolmogorov_is_the_exact_test_of_scipy():
    u = np.random.default_rng(4).uniform(size=500)
    expected = kstest(u, "uniform", method="exact")
    assert_allclose(kolmogorov_p_value(expected.statistic, 500.7), expected.pvalue, rtol=IDENTITY)


@given(st.floats(1e-12, 1))
def test_widening_only_raises_a_p_value_and_vanishes_with_the_ess(p):
    assert widen(p, 400) >= p * (1 - IDENTITY)
    assert widen(p, 400) >= widen(p, 4_000) * (1 - IDENTITY)
    assert_allclose(widen(p, 1e12), p, rtol=1e-6)


# ---- evidence


@given(st.floats(-3, 3), st.integers(2, 40))
def test_runs_close_together_are_judged_by_student(shift, R):
    """As the spread goes to 0 so does its half square: what is left is Student's t with R - 1 degrees of freedom."""
    runs = 1e-9 * (np.random.default_rng(R).normal(size=R) + shift)
    assert_allclose(log_normal_mean_p_value(runs), ttest_1samp(runs, 0).pvalue, rtol=QUADRATURE, atol=1e-30)


def test_log_normal_runs_of_mean_one_have_uniform_p_values():
    """Runs far apart, sd 0.8 nats; negative controls: Student's t on the logs, and on the ratios themselves."""
    log_ratios = np.random.default_rng(5).normal(-(0.8**2) / 2, 0.8, size=(2_000, 16))
    p = np.array([log_normal_mean_p_value(row) for row in log_ratios])
    alpha = 0.01
    most = binom(2_000, alpha).isf(FALSE_ALARM)
    assert np.sum(p <= alpha) <= most
    assert np.sum(ttest_1samp(log_ratios, 0, axis=1).pvalue <= alpha) > most
    assert np.sum(ttest_1samp(np.exp(log_ratios), 1, axis=1).pvalue <= alpha) > most


@pytest.mark.parametrize("power", [-1, 0, 1])
def test_each_law_of_the_evidence_has_its_own_null(power):
    """Runs 0.5 nats apart whose mean of exp(power l) is 1: uniform p-values under their own law and no other."""
    log_ratios = np.random.default_rng(6).normal(-power * 0.5**2 / 2, 0.5, size=(1_000, 32))
    most = binom(1_000, 0.01).isf(FALSE_ALARM)
    for other in (-1, 0, 1):
        alarms = sum(log_normal_mean_p_value(row, other) <= 0.01 for row in log_ratios)
        assert (alarms <= most) == (other == power)


@given(st.integers(2, 40), st.integers(0, 99))
def test_the_laws_are_reflections_of_one_another_about_student(R, seed):
    runs = np.random.default_rng(seed).normal(0.1, 0.5, size=R)
    assert log_normal_mean_p_value(runs, -1) == log_normal_mean_p_value(-runs, 1)
    assert log_normal_mean_p_value(runs, 0, slack=0.5) >= max(log_normal_mean_p_value(runs, a) for a in (-1, 1)) / 2
    assert_allclose(log_normal_mean_p_value(runs, 0), ttest_1samp(runs, 0).pvalue, rtol=QUADRATURE, atol=1e-30)


def test_a_distribution_without_moments_has_no_shapes_to_speak_of():
    assert np.isnan(shapes(cauchy())[0].skewness)
