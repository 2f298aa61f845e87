"""M0, Mt and Mb against sums and integrals that know nothing of the mixture over N."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import legendre
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayes.exact.capture_effects import OccasionEffects, TrapResponse
from bayes.exact.capture_recapture import EXAMPLE, CaptureRecapture
from bayes.exact.numerics.beta_mixtures import BetaMixture, log_beta_ratio, log_choose
from bayes.registry import one_step_log_predictives, scalars
from tests.tolerances import EXACT, FALSE_ALARM, IDENTITY, MONTE_CARLO, PROBABILITY

PRIOR = {"present": 2.3, "absent": 1.7, "captures": 1.4, "misses": 3.2}
MODELS = [CaptureRecapture(occasions=3, **PRIOR), OccasionEffects(occasions=3, **PRIOR)]
MODELS.append(TrapResponse(occasions=3, **PRIOR))
Y = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1], [0, 0, 0], [1, 0, 1]])
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


def log_likelihood(model, y, params):
    """The histories one by one, as an ecologist writes them down."""
    total = 0.0
    for history in np.asarray(y).tolist():
        captured = 1.0
        for t, now in enumerate(history):
            p = params["p"][t] if np.ndim(params["p"]) else params["p"]
            if isinstance(model, TrapResponse) and t > 0 and history[t - 1]:
                p = params["c"]
            captured *= p if now else 1 - p
        total += math.log(params["omega"] * captured + (0 if any(history) else 1 - params["omega"]))
    return total


def log_prior(model, params):
    p = np.concatenate([np.ravel(value) for name, value in params.items() if name != "omega"])
    of_p = stats.beta.logpdf(p, model.captures, model.misses).sum()
    return stats.beta.logpdf(params["omega"], model.present, model.absent) + of_p


@every_model
def test_bayes_rule_holds_at_random_parameters(model):
    rng = np.random.default_rng(0)
    posterior = model.posterior(Y)
    for _ in range(10):
        params, _ = model.simulate(rng, 0)  # far from the posterior too
        log_joint = log_likelihood(model, Y, params) + log_prior(model, params)
        assert_allclose(log_joint - posterior.logpdf(params), model.log_evidence(Y), rtol=IDENTITY)


@every_model
def test_the_evidence_is_the_sum_over_who_is_there(model):
    """All 2^M subsets of candidates, and a beta function for every one."""
    a, b, c, d = model.present, model.absent, model.captures, model.misses
    total = mpmath.mpf(0)
    for z in itertools.product([0, 1], repeat=len(Y)):
        if any(not there and history.any() for there, history in zip(z, Y, strict=True)):
            continue
        captures, misses = {}, {}
        for there, history in zip(z, Y.tolist(), strict=True):
            for t, now in enumerate(history if there else []):
                k = {CaptureRecapture: 0, OccasionEffects: t}.get(type(model), t > 0 and history[t - 1])
                counts = captures if now else misses
                counts[k] = counts.get(k, 0) + 1
        term = mpmath.beta(a + sum(z), b + len(z) - sum(z)) / mpmath.beta(a, b)
        for k in captures.keys() | misses.keys():
            term *= mpmath.beta(c + captures.get(k, 0), d + misses.get(k, 0)) / mpmath.beta(c, d)
        total += term
    assert_allclose(model.log_evidence(Y), float(mpmath.log(total)), rtol=EXACT)


@every_model
def test_the_evidence_is_the_product_of_predictives(model):
    assert_allclose(one_step_log_predictives(model, Y).sum(), model.log_evidence(Y), rtol=IDENTITY)


@every_model
def test_predictives_sum_to_one_and_have_their_means(model):
    histories = np.array(list(itertools.product([0, 1], repeat=3)))
    predictive = model.predictive(Y)
    pmf = predictive.pmf(histories)
    assert_allclose(pmf.sum(), 1, rtol=EXACT)
    assert_allclose(pmf @ histories, predictive.mean(), rtol=EXACT)
    assert_allclose(model.predictive_marginals(Y).mean(), predictive.mean(), rtol=EXACT)
    draws = predictive.rvs(20_000, np.random.default_rng(1))
    frequency = (draws[:, None] == histories).all(axis=2).mean(axis=0)
    assert np.all(abs(frequency - pmf) < MONTE_CARLO * np.sqrt(pmf * (1 - pmf) / 20_000))


def test_uniform_priors_are_integrated_exactly_by_gauss():
    """The likelihood of M0 is a polynomial, so a Gauss rule with enough nodes has its integral and its moments."""
    model, y = EXAMPLE.model, np.array(EXAMPLE.y)
    nodes = (legendre.leggauss(65), legendre.leggauss(365))  # for degrees 120 and 720, and a square
    omega, p = (nodes[0][0][:, None] + 1) / 2, (nodes[1][0] + 1) / 2
    seen = y[y.any(axis=1)]
    captures, misses = seen.sum(), (1 - seen).sum()
    log_f = len(seen) * np.log(omega) + captures * np.log(p) + misses * np.log1p(-p)
    log_f = log_f + (len(y) - len(seen)) * np.log1p(-omega * (1 - (1 - p) ** 6))
    f = np.exp(log_f - log_f.max()) * nodes[0][1][:, None] / 2 * nodes[1][1] / 2
    assert_allclose(model.log_evidence(y), log_f.max() + np.log(f.sum()), rtol=IDENTITY)
    marginals = model.marginals(y)
    for name, value in [("omega", omega), ("p", p)]:
        mean = np.sum(f * value) / f.sum()
        sd = np.sqrt(np.sum(f * (value - mean) ** 2) / f.sum())
        assert_allclose([marginals[name].mean(), marginals[name].std()], [mean, sd], rtol=IDENTITY)


def test_the_number_of_animals():
    model, y = EXAMPLE.model, np.array(EXAMPLE.y)
    abundance = model.abundance(y)
    N = np.arange(60, 125)
    pmf = abundance.pmf(N)
    assert abundance.pmf(67) == 0
    assert abundance.pmf(121) == 0
    assert_allclose(pmf.sum(), 1, rtol=EXACT)
    assert_allclose(abundance.mean(), pmf @ N, rtol=IDENTITY)
    assert_allclose(abundance.var(), pmf @ (N - pmf @ N) ** 2, rtol=IDENTITY)
    assert 68 <= abundance.ppf(0.05) < abundance.ppf(0.5) == 75 < abundance.ppf(0.95)
    # all candidates captured: all are there
    everyone = CaptureRecapture(occasions=2).abundance([[1, 0], [1, 1], [0, 1]])
    assert (everyone.mean(), everyone.var()) == (3, 0)


def test_with_every_candidate_captured_the_posterior_is_a_product_of_betas():
    marginals = CaptureRecapture(occasions=2, **PRIOR).marginals([[1, 0], [1, 1], [0, 1]])
    for name, expected in [("omega", stats.beta(2.3 + 3, 1.7)), ("p", stats.beta(1.4 + 4, 3.2 + 2))]:
        assert_allclose(marginals[name].mean(), expected.mean(), rtol=EXACT)
        assert_allclose(marginals[name].ppf([0.01, 0.5, 0.99]), expected.ppf([0.01, 0.5, 0.99]), rtol=IDENTITY)


def test_one_occasion_makes_models_the_same():
    y = [[1], [0], [1], [0]]
    one, two, three = (m(occasions=1, **PRIOR) for m in (CaptureRecapture, OccasionEffects, TrapResponse))
    for other in (two, three):
        assert_allclose(other.log_evidence(y), one.log_evidence(y), rtol=EXACT)
    # the data say nothing about c
    assert_allclose(three.marginals(y)["c"].mean(), 1.4 / 4.6, rtol=EXACT)


@every_model
def test_draws_projections_and_marginals_are_those_of_one_joint(model):
    rng = np.random.default_rng(2)
    draws = model.posterior(Y).rvs(4000, rng)
    for name, marginal in scalars(model, Y).items():
        base, _, place = name.partition("[")
        values = draws[base][:, int(place[:-1])] if place else draws[base]
        assert stats.kstest(values, marginal.cdf).pvalue > FALSE_ALARM, name
    ((function, law),) = model.projections(Y).values()
    assert stats.kstest(function(draws), law.cdf).pvalue > FALSE_ALARM
    shuffled = draws | {"omega": rng.permutation(draws["omega"])}  # negative control
    assert abs(function(shuffled).std() - 1) > 0.02


@every_model
def test_parameters_from_the_prior_are_uniform_in_their_posteriors(model):
    rng = np.random.default_rng(3)
    values = {}
    for _ in range(200):
        params, y = model.simulate(rng, 6)
        for name, marginal in scalars(model, y).items():
            base, _, place = name.partition("[")
            parameter = params[base][int(place[:-1])] if place else params[base]
            values.setdefault(name, []).append(float(marginal.cdf(parameter)))
    for name, u in values.items():
        assert stats.kstest(u, "uniform").pvalue > FALSE_ALARM, name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CaptureRecapture(occasions=0), "`occasions` must be a whole number between 1"),
        (lambda: CaptureRecapture(occasions=2, present=0), "`present` must be a positive number"),
        (lambda: OccasionEffects(occasions=2, misses=-1.0), "`misses` must be a positive number"),
        (lambda: TrapResponse(occasions=2).log_evidence([[1, 2]]), "between 0 and 1, got y.0, 1. = 2"),
        (lambda: CaptureRecapture(occasions=2).marginals([[1, 0, 1]]), r"`y` must have the shape \(n, 2\)"),
        (lambda: CaptureRecapture(occasions=2).predictive([]).logpmf([0.5, 0]), "whole numbers between 0 and 1"),
        (lambda: CaptureRecapture(occasions=2).simulate(np.random.default_rng(0), -1), "`n` must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- mixtures of betas


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.6, 400), st.floats(0.6, 400)), min_size=1, max_size=6))
def test_a_mixture_of_betas_is_one(components):
    weights, a, b = np.array(components).T
    weights /= weights.sum()
    mixture = BetaMixture(weights, a, b)
    with mpmath.workdps(40):
        mean = mpmath.fsum(w * mpmath.mpf(i) / (mpmath.mpf(i) + j) for w, i, j in zip(weights, a, b, strict=True))
        square = mpmath.fsum(
            w * mpmath.mpf(i) * (mpmath.mpf(i) + 1) / ((mpmath.mpf(i) + j) * (mpmath.mpf(i) + j + 1))
            for w, i, j in zip(weights, a, b, strict=True)
        )
        assert abs(mixture.mean() - mean) < EXACT
        assert abs(mixture.var() - (square - mean**2)) < EXACT
        for x in (0.03, 0.5, 0.99):
            density = mpmath.fsum(
                w * mpmath.mpf(x) ** (i - 1) * (1 - mpmath.mpf(x)) ** (j - 1) / mpmath.beta(i, j)
                for w, i, j in zip(weights, a, b, strict=True)
            )
            log_density = mpmath.log(density)
            assert abs(mixture.logpdf(x) - log_density) < EXACT * max(1, abs(log_density))
    q = np.concatenate([[1e-12, 1e-6], np.linspace(0.01, 0.99, 21), [1 - 1e-12]])
    x = mixture.ppf(q)
    assert np.all(np.diff(x) >= 0)
    assert_allclose(mixture.cdf(x), q, rtol=0, atol=2 * EXACT)  # the last x may be 1
    assert_allclose(mixture.cdf(x) + mixture.sf(x), 1, atol=PROBABILITY)


def test_the_cdf_of_a_mixture_is_the_integral_of_its_density():
    mixture = BetaMixture(np.array([0.3, 0.7]), np.array([2.5, 40.0]), np.array([7.1, 3.3]))
    for x in (0.1, 0.5, 0.9):
        integral = integrate.quad(mixture.pdf, 0, x, epsabs=1e-13)[0]
        assert_allclose(mixture.cdf(x), integral, atol=IDENTITY)


def test_ends_and_no_numbers():
    mixture = BetaMixture(np.array([0.5, 0.5]), np.array([2.0, 3.0]), np.array([2.0, 1.5]))
    assert mixture.ppf([0, 1]).tolist() == [0, 1]
    assert np.isnan(mixture.ppf([np.nan, -0.1])).all()
    assert mixture.cdf([-1.0, 2.0]).tolist() == [0, 1]
    assert mixture.pdf([-1.0, 2.0]).tolist() == [0, 0]
    assert np.isnan(mixture.cdf(np.nan))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(1e-3, 1e12), st.floats(1e-3, 1e12))
def test_log_beta_ratios_keep_their_digits(k, m, a, b):
    with mpmath.workdps(60):
        a_, b_ = mpmath.mpf(a), mpmath.mpf(b)
        expected = mpmath.loggamma(a_ + k) - mpmath.loggamma(a_) + mpmath.loggamma(b_ + m) - mpmath.loggamma(b_)
        expected -= mpmath.loggamma(a_ + b_ + k + m) - mpmath.loggamma(a_ + b_)
        coefficient = mpmath.loggamma(k + m + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(m + 1)
        assert abs(log_beta_ratio(k, m, a, b) - expected) < EXACT * max(1, abs(expected))
        assert abs(log_choose(k, m) - coefficient) < EXACT * max(1, abs(coefficient))
