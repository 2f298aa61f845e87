"""Null distributions against the cases in which they are exact, and against the approximations they replace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binom, binomtest, chi2, kstest, norm, ttest_1samp

from bayes.checking.null_distributions import (
    combined_p_value,
    farthest_p_value,
    location_p_value,
    log_normal_mean_p_value,
    ratio_p_value,
    scale_p_value,
    share_p_value,
    widen,
)
from tests.tolerances import FALSE_ALARM, IDENTITY, QUADRATURE

# ---- location, scale, shares


def test_the_null_of_the_location_is_normal_and_that_of_the_scale_chi_square():
    z = np.random.default_rng(0).normal(size=(4_000, 50))
    location = [location_p_value(row.mean(), 50) for row in z]
    scale = [scale_p_value(np.mean(row**2), 50) for row in z]
    assert kstest(location, "uniform").pvalue > FALSE_ALARM
    assert kstest(scale, "uniform").pvalue > FALSE_ALARM
    assert scale_p_value(1 + 4 * np.sqrt(2 / 50), 50) > 5 * 2 * norm.sf(4)  # negative control: a normal null


@given(st.data())
def test_shares_of_whole_counts_are_the_binomial_test(data):
    n = data.draw(st.integers(10, 2000))
    k = data.draw(st.integers(0, n))
    q = data.draw(st.sampled_from([0.002, 0.05, 0.5, 0.95]))
    sides = [binomtest(k, n, q, alternative=side).pvalue for side in ("less", "greater")]
    assert_allclose(share_p_value(k / n, q, n), min(1, 2 * min(sides)), rtol=1e-7, atol=1e-300)


def test_a_normal_with_an_estimated_error_rejects_ten_times_too_many_small_shares():
    """Negative control: z = (p - q) / sqrt(p (1 - p) / n), the estimated error, under the exact binomial."""
    n, q, alpha = 400, 0.05, 1e-4
    k = np.arange(1, n)
    weight = binom(n, q).pmf(k)
    estimated = 2 * norm.sf(abs(k / n - q) / np.sqrt(k / n * (1 - k / n) / n))
    binomial = share_p_value(k / n, q, n)
    assert weight[binomial <= alpha].sum() <= alpha
    assert weight[estimated <= alpha].sum() > 10 * alpha


# ---- the farthest draw, several p-values as one


@pytest.mark.parametrize("copies", [1, 4])
def test_the_farthest_draw_needs_no_independence(copies):
    """Of draws that come four times over the bound is wider, and never too narrow."""
    z = np.repeat(np.random.default_rng(1).normal(size=(4_000, 100)), copies, axis=1)
    p = np.array([farthest_p_value(row, z.shape[1]) for row in abs(z).max(axis=1)])
    limit = binom(4_000, 0.05).isf(FALSE_ALARM)
    assert np.sum(p <= 0.05) <= limit
    assert np.sum(p * copies**-1 <= 0.05) > 0.03 * 4_000 * (copies == 1)
    assert farthest_p_value(np.inf, 4_000) == 0


@pytest.mark.slow
def test_combined_p_values_keep_their_level_whatever_the_dependence():
    rng = np.random.default_rng(2)
    z = {
        "independent": rng.normal(size=(20_000, 10)),
        "equal": np.repeat(rng.normal(size=(20_000, 1)), 10, axis=1),
        "a walk": np.cumsum(rng.normal(size=(20_000, 10)), axis=1) / np.sqrt(np.arange(1, 11)),
    }
    for name, scores in z.items():
        p = np.array([combined_p_value(2 * norm.sf(abs(row))) for row in scores])
        for alpha in (0.01, 0.001):
            assert np.sum(p <= alpha) <= binom(20_000, 1.1 * alpha).isf(FALSE_ALARM), name
            assert np.sum(p <= alpha) >= binom(20_000, 0.5 * alpha).ppf(FALSE_ALARM), name


@pytest.mark.parametrize(
    ("p", "combined"), [([0.2], 0.2), ([1e-200, 0.9], 2e-200), ([0.0, 1.0], 0.0), ([1.0, 0.6], 0.5), ([0.01] * 3, 0.01)]
)
def test_combined_p_values_at_their_limits(p, combined):
    assert_allclose(combined_p_value(p), combined, rtol=IDENTITY)


@given(st.floats(1e-12, 1))
def test_widening_only_raises_a_p_value_and_vanishes_with_the_ess(p):
    assert widen(p, 400) >= p * (1 - IDENTITY)
    assert widen(p, 400) >= widen(p, 4_000) * (1 - IDENTITY)
    assert_allclose(widen(p, 1e12), p, rtol=1e-6)


def test_the_scale_is_the_chi_square_test_at_an_ess_between_whole_numbers():
    assert_allclose(scale_p_value(1.2, 400.5), 2 * chi2(400.5).sf(1.2 * 400.5), rtol=IDENTITY)


# ---- evidence


@given(st.floats(-3, 3), st.integers(2, 40))
def test_runs_close_together_are_judged_by_student(shift, R):
    """As the spread goes to 0 so does its half square: what is left is Student's t with R - 1 degrees of freedom."""
    runs = 1e-9 * (np.random.default_rng(R).normal(size=R) + shift)
    assert_allclose(log_normal_mean_p_value(runs), ttest_1samp(runs, 0).pvalue, rtol=QUADRATURE, atol=1e-30)


def test_a_ratio_of_mean_one_is_seldom_large_whatever_its_distribution():
    ratios = np.random.default_rng(3).pareto(1.5, size=(5_000, 4)) / 2  # of infinite variance, and mean 1
    p = np.array([ratio_p_value(np.log(row)) for row in ratios])
    assert 0 < np.sum(p <= 0.05) <= binom(5_000, 0.05).isf(FALSE_ALARM)
    assert_allclose(ratio_p_value(np.array([50.0])), np.exp(-50), rtol=IDENTITY)
    assert ratio_p_value(np.array([-50.0, -60.0])) == 1


def test_log_normal_runs_of_mean_one_have_uniform_p_values():
    """Runs far apart, sd 0.8 nats; negative controls: Student's t on the logs, and on the ratios themselves."""
    log_ratios = np.random.default_rng(5).normal(-(0.8**2) / 2, 0.8, size=(2_000, 16))
    p = np.array([log_normal_mean_p_value(row) for row in log_ratios])
    alpha = 0.01
    limit = binom(2_000, alpha).isf(FALSE_ALARM)
    assert np.sum(p <= alpha) <= limit
    assert np.sum(ttest_1samp(log_ratios, 0, axis=1).pvalue <= alpha) > limit
    assert np.sum(ttest_1samp(np.exp(log_ratios), 1, axis=1).pvalue <= alpha) > limit


@pytest.mark.parametrize("power", [-1, 0, 1])
def test_each_law_of_the_evidence_has_its_own_null(power):
    """Runs 0.5 nats apart whose mean of exp(power l) is 1: uniform p-values under their own law and no other."""
    log_ratios = np.random.default_rng(6).normal(-power * 0.5**2 / 2, 0.5, size=(300, 32))
    limit = binom(300, 0.01).isf(FALSE_ALARM)
    for other in (-1, 0, 1):
        alarms = sum(log_normal_mean_p_value(row, other) <= 0.01 for row in log_ratios)
        assert (alarms <= limit) == (other == power)


@given(st.integers(2, 40), st.integers(0, 99))
def test_the_laws_are_reflections_of_one_another_about_student(R, seed):
    runs = np.random.default_rng(seed).normal(0.1, 0.5, size=R)
    assert log_normal_mean_p_value(runs, -1) == log_normal_mean_p_value(-runs, 1)
    assert log_normal_mean_p_value(runs, 0, slack=0.5) >= max(log_normal_mean_p_value(runs, a) for a in (-1, 1)) / 2
    assert_allclose(log_normal_mean_p_value(runs, 0), ttest_1samp(runs, 0).pvalue, rtol=QUADRATURE, atol=1e-30)
