"""Several rates, and counts of an unknown number of trials, against scipy and brute force."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.numerics.beta_differences import BetaDifference
from bayes.exact.rates import Rates
from bayes.exact.unknown_trials import UnknownTrials
from bayes.registry import one_step_log_predictives
from tests.tolerances import EXACT, FALSE_ALARM, IDENTITY, QUADRATURE

RATES = Rates(trials=[9, 4, 12, 7], rate=[0, 1, 0, 1], rates=2, successes=1.3, failures=2.6)
COUNTS = [3, 4, 8]


def test_rates_obey_bayes_rule_and_the_chain_rule():
    posterior, rng = RATES.posterior(COUNTS), np.random.default_rng(0)
    for _ in range(5):
        theta = RATES.simulate(rng, 0)[0]["theta"]
        log_joint = stats.beta.logpdf(theta, 1.3, 2.6).sum()
        log_joint += stats.binom.logpmf(COUNTS, [9, 4, 12], theta[[0, 1, 0]]).sum()
        assert_allclose(log_joint - posterior.logpdf({"theta": theta}), RATES.log_evidence(COUNTS), rtol=IDENTITY)
    assert_allclose(one_step_log_predictives(RATES, np.array(COUNTS)).sum(), RATES.log_evidence(COUNTS), rtol=IDENTITY)
    assert RATES.log_evidence([]) == 0


def test_one_rate_with_equal_trials_is_the_beta_binomial():
    same = BetaBinomial(trials=10, successes=1.3, failures=2.6)
    rates = Rates(trials=[10, 10], rate=[0, 0], rates=1, successes=1.3, failures=2.6)
    assert_allclose(rates.log_evidence([5, 7]), same.log_evidence([5, 7]), rtol=EXACT)
    assert_allclose(rates.marginals([5, 7])["theta[0]"].std(), same.posterior([5, 7]).std(), rtol=EXACT)
    assert rates.further_marginals([5, 7]) == {}


def test_a_rate_without_counts_keeps_its_prior():
    prior = Rates(trials=[15], rate=[0], rates=2).marginals([1])["theta[1]"]
    assert_allclose(prior.ppf([0.05, 0.5, 0.95]), [0.05, 0.5, 0.95], rtol=EXACT)


def test_draws_have_the_difference():
    draws = RATES.posterior(COUNTS).rvs(1000, np.random.default_rng(1))
    delta = RATES.further_marginals(COUNTS)["delta"]
    assert_allclose(draws["delta"], draws["theta"][:, 0] - draws["theta"][:, 1])
    assert stats.kstest(draws["delta"], delta.cdf).pvalue > FALSE_ALARM
    assert stats.kstest(delta.rvs(1000, np.random.default_rng(2)), delta.cdf).pvalue > FALSE_ALARM


def test_a_difference_of_uniforms_is_a_triangle():
    triangle, d = stats.triang(0.5, loc=-1, scale=2), np.array([-1.5, -0.7, -0.1, 0.0, 0.4, 0.99, 1.5])
    difference = BetaDifference((1, 1), (1, 1))
    assert_allclose(difference.pdf(d), triangle.pdf(d), atol=EXACT)
    assert_allclose(difference.cdf(d), triangle.cdf(d), atol=EXACT)
    assert_allclose(difference.sf(d), triangle.sf(d), atol=EXACT)
    q = [0, 1e-9, 0.05, 0.5, 0.95, 1]
    assert_allclose(difference.ppf(q), triangle.ppf(q), atol=EXACT)


@pytest.mark.parametrize(("first", "second"), [((6, 6), (8, 4)), ((1.6, 2.3), (1.4, 2.9)), ((400, 90), (3000, 700))])
def test_a_difference_of_betas_is_its_integral(first, second):
    difference, x, y = BetaDifference(first, second), stats.beta(*first), stats.beta(*second)
    for q in (0.05, 0.5, 0.95):
        d = float(difference.ppf(q))
        low, high = max(0.0, -d), min(1.0, 1 - d)
        inside = np.clip(y.ppf([1e-14, 1e-6, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-6, 1 - 1e-14]), low, high)
        cdf = y.sf(1 - d) + sum(
            integrate.quad(lambda v, d=d: x.cdf(v + d) * y.pdf(v), a, b, epsabs=1e-14)[0]
            for a, b in itertools.pairwise(np.unique([low, *inside, high]))
        )
        assert_allclose(cdf, q, atol=EXACT)
    assert_allclose([difference.mean(), difference.var()], [x.mean() - y.mean(), x.var() + y.var()], rtol=EXACT)
    places = np.linspace(*difference.ppf([1e-12, 1 - 1e-12]), 1001)
    assert_allclose(integrate.simpson(difference.pdf(places), places), 1, rtol=QUADRATURE)


# ---- an unknown number of trials

SURVEY = UnknownTrials(most=40, successes=1.6, failures=2.7)
RETURNS = np.array([4, 7, 5])


def test_an_unknown_number_of_trials_is_a_sum_of_integrals():
    total = 0.0
    for m in range(7, 41):
        total += integrate.quad(
            lambda t, m=m: stats.beta.pdf(t, 1.6, 2.7) * stats.binom.pmf(RETURNS, m, t).prod() / 40, 0, 1, epsabs=1e-14
        )[0]
    assert_allclose(SURVEY.log_evidence(RETURNS), np.log(total), rtol=QUADRATURE)


def test_an_unknown_number_of_trials_obeys_bayes_rule_and_the_chain_rule():
    posterior = SURVEY.posterior(RETURNS)
    for theta in (0.02, 0.3, 0.9):
        likelihood = np.mean([stats.binom.pmf(RETURNS, m, theta).prod() for m in range(1, 41)])
        log_joint = np.log(likelihood) + stats.beta.logpdf(theta, 1.6, 2.7)
        assert_allclose(log_joint - posterior.logpdf(theta), SURVEY.log_evidence(RETURNS), rtol=IDENTITY)
    assert_allclose(one_step_log_predictives(SURVEY, RETURNS).sum(), SURVEY.log_evidence(RETURNS), rtol=IDENTITY)
    assert_allclose(SURVEY.log_evidence([]), 0, atol=EXACT)


def test_the_number_of_trials():
    trials = SURVEY.trials(RETURNS)
    m = np.arange(1, 41)
    pmf = trials.pmf(m)
    assert pmf[:6].sum() == 0
    assert_allclose(pmf.sum(), 1, rtol=EXACT)
    assert_allclose(trials.mean(), pmf @ m, rtol=EXACT)
    rng, kept = np.random.default_rng(3), []
    for _ in range(10_000):
        m, theta = rng.integers(1, 41), rng.beta(1.6, 2.7)
        if np.array_equal(np.sort(rng.binomial(m, theta, size=3)), np.sort(RETURNS)):
            kept.append(m)
    assert abs(np.mean(kept) - trials.mean()) < 5 * trials.std() / len(kept) ** 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rates(trials=[1.5], rate=[0], rates=1), "`trials` must hold whole numbers"),
        (lambda: Rates(trials=[5, 5], rate=[0], rates=1), "`rate` must have a whole number from 0 to 0"),
        (lambda: Rates(trials=[5], rate=[1], rates=1), "`rate` must have a whole number from 0 to 0"),
        (lambda: Rates(trials=[5], rate=[0], rates=1, failures=0), "`failures` must be a positive number"),
        (lambda: RATES.log_evidence([3, 5]), "at most their trials, got y.1. = 5 of 4"),
        (lambda: RATES.log_evidence([1, 1, 1, 1, 1]), "`y` must have at most 4 counts"),
        (lambda: RATES.predictive([1, 1, 1, 1]), "there is none left to predict"),
        (lambda: RATES.simulate(np.random.default_rng(0), 5), "`n` must be at most 4"),
        (lambda: UnknownTrials(most=0), "`most` must be a whole number between 1"),
        (lambda: SURVEY.posterior([41]), "between 0 and 40, got y.0. = 41"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
