"""Log evidence of independent runs: identities of the log-mean-exp, and an error that is the spread it claims to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import norm

from bayes.evidence.estimates import combine, log_bayes_factor
from tests.tolerances import FALSE_ALARM, IDENTITY

run_lists = st.lists(st.floats(-30, 30), min_size=2, max_size=12)


# ---- identities


@given(run_lists)
def test_it_is_the_textbook_formula_where_that_neither_overflows_nor_cancels(runs):
    evidence = combine(runs)
    R = len(runs)
    left_out = np.array([logsumexp(np.delete(runs, r)) - np.log(R - 1) for r in range(R)])
    assert_allclose(evidence.log_evidence, np.log(np.mean(np.exp(runs))), atol=IDENTITY * 30, rtol=0)
    error = np.sqrt((R - 1) / R * np.sum((left_out - left_out.mean()) ** 2))
    assert_allclose(evidence.standard_error, error, atol=IDENTITY * 30, rtol=0)


@given(run_lists, st.integers(-(10**6), 10**6))
def test_a_constant_factor_of_the_likelihood_shifts_the_log_evidence_and_leaves_its_error(runs, shift):
    before, after = combine(runs), combine(np.array(runs) + shift)
    slack = 4 * np.spacing(abs(shift) + 30.0)  # what adding `shift` itself rounds away
    assert_allclose(after.log_evidence, before.log_evidence + shift, atol=slack + IDENTITY, rtol=0)
    assert_allclose(after.standard_error, before.standard_error, atol=slack * len(runs) + IDENTITY, rtol=0)


@given(run_lists, st.randoms(use_true_random=False))
def test_order_of_the_runs_does_not_matter(runs, random):
    shuffled = combine(random.sample(runs, len(runs)))
    assert_allclose(shuffled.log_evidence, combine(runs).log_evidence, atol=IDENTITY * 30, rtol=0)
    assert_allclose(shuffled.standard_error, combine(runs).standard_error, atol=IDENTITY * 30, rtol=0)


@pytest.mark.parametrize("magnitude", [-1e300, -1e6, 0.0, 1e6, 1e300])
def test_equal_runs_are_their_own_mean_at_any_magnitude(magnitude):
    evidence = combine([magnitude] * 5)
    assert_allclose(evidence.log_evidence, magnitude, rtol=IDENTITY, atol=IDENTITY)
    assert_allclose(evidence.standard_error, 0, atol=IDENTITY)


def test_leaving_out_the_run_that_dominates_does_not_cancel():
    """Without the run at 0 the others are at -800, which exp(0) minus exp(0) would have lost."""
    evidence = combine([0.0, -800.0])
    assert_allclose(evidence.log_evidence, -np.log(2), rtol=IDENTITY)
    assert_allclose(evidence.standard_error, 400, rtol=IDENTITY)  # sqrt(1/2 (400^2 + 400^2))


def test_one_run_has_no_error():
    evidence = combine([-21.5])
    assert (evidence.runs, evidence.log_evidence) == ((-21.5,), -21.5)
    assert np.isnan(evidence.standard_error)


# ---- statistics


def test_the_mean_is_taken_on_the_scale_of_the_evidence():
    """Runs with E[Z_r] = 1 and sd(log Z_r) = 1; negative control: the mean of the logs is off by 1/2."""
    runs = np.random.default_rng(1).normal(-0.5, 1.0, size=10_000)
    evidence = combine(runs)
    bound = norm.isf(FALSE_ALARM / 2)
    assert abs(evidence.log_evidence) < bound * evidence.standard_error
    assert abs(runs.mean()) > bound * evidence.standard_error


def test_the_error_is_the_spread_of_repeated_estimates():
    """From 16 runs at a time; negative control: the spread of one run, not of their mean."""
    rng = np.random.default_rng(2)
    repeats = [combine(rng.normal(-0.02, 0.2, size=16)) for _ in range(2_000)]
    spread = np.std([evidence.log_evidence for evidence in repeats])
    claimed = np.sqrt(np.mean([evidence.standard_error**2 for evidence in repeats]))
    # relative sd of a variance: sqrt(2/2000) from the repeats, sqrt(2/15/2000) from the claims
    bound = norm.isf(FALSE_ALARM / 2) * np.sqrt(2 / 2_000 + 2 / 15 / 2_000)
    assert abs(spread**2 / claimed**2 - 1) < bound
    assert abs(0.2**2 / claimed**2 - 1) > bound


def test_log_bayes_factor_is_a_difference_whose_variances_add():
    a, b = combine([-21.6, -21.5, -21.4]), combine([-32.4, -32.6])
    factor, inverse = log_bayes_factor(a, b), log_bayes_factor(b, a)
    assert_allclose(factor.value, a.log_evidence - b.log_evidence, rtol=0)
    assert_allclose(factor.standard_error**2, a.standard_error**2 + b.standard_error**2, rtol=IDENTITY)
    assert (inverse.value, inverse.standard_error) == (-factor.value, factor.standard_error)
    assert np.isnan(log_bayes_factor(a, combine([0.0])).standard_error)


# ---- validation


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], r"shape \(0,\)"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
        (1.0, r"shape \(\)"),
        (["1"], "one number a run, got text;"),
        ([0.0, np.nan], r"runs\[1\] = nan"),
        ([-np.inf, 0.0], "evidence 0 must not be dropped"),
    ],
)
def test_bad_runs_are_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        combine(runs)
