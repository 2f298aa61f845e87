"""Abilities from graded items, against scipy's integration."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayes.exact.graded_response import GradedResponse
from tests.tolerances import EXACT, FALSE_ALARM, IDENTITY, QUADRATURE

MODEL = GradedResponse(
    discriminations=[0.8, 3.1, 1.7, 0.4], thresholds=[[0.3], [-1.2, 0.4, 2.2], [1.0, 1.4], [-2.0]], prior_sd=3.0
)
GRADES = np.array([[1, 2, 1, 2], [2, 4, -1, 1], [2, -1, 3, -1], [-1, -1, -1, -1]])


def probability(theta, grades):
    """The probability of a person's grades, by differences of logistic functions."""
    product = 1.0
    for d, g, grade in zip(MODEL.discriminations, MODEL.thresholds, grades, strict=True):
        above = [1.0, *(stats.logistic.cdf(d * (theta - threshold)) for threshold in g), 0.0]
        product *= 1.0 if grade == -1 else above[grade - 1] - above[grade]
    return product


def test_evidence_moments_and_quantiles_are_integrals():
    theta = np.linspace(-40, 40, 4001)  # the trapezoid rule is exact to rounding for an analytic density this smooth
    total = 0.0
    for grades, marginal in zip(GRADES, MODEL.marginals(GRADES).values(), strict=True):
        weights = stats.norm.pdf(theta, 0, 3.0) * probability(theta, grades) * 0.02
        evidence = weights.sum()
        total += np.log(evidence)
        mean = weights @ theta / evidence
        var = weights @ (theta - mean) ** 2 / evidence
        assert_allclose([marginal.mean(), marginal.var()], [mean, var], rtol=IDENTITY, atol=IDENTITY)
        assert_allclose(marginal.pdf(0.7), stats.norm.pdf(0.7, 0, 3.0) * probability(0.7, grades) / evidence)
        x = float(marginal.ppf(0.3))
        below = integrate.quad(lambda t, m=marginal: m.pdf(t), -40, x, points=[-2, 0])[0]
        assert_allclose(below, 0.3, atol=QUADRATURE)
    assert_allclose(MODEL.log_evidence(GRADES), total, rtol=IDENTITY)


def test_missing_grades_leave_the_prior():
    prior = MODEL.marginals(GRADES)["theta[3]"]
    assert_allclose(prior.ppf([0.05, 0.5, 0.95]), stats.norm.ppf([0.05, 0.5, 0.95], 0, 3.0), atol=EXACT)
    assert_allclose(MODEL.log_evidence(GRADES[3:]), 0, atol=EXACT)


def test_bayes_rule_holds_at_random_abilities():
    posterior, rng = MODEL.posterior(GRADES), np.random.default_rng(0)
    for _ in range(5):
        theta = rng.normal(0, 3.0, size=4)
        log_joint = stats.norm.logpdf(theta, 0, 3.0).sum()
        log_likelihood = sum(np.log(probability(t, grades)) for t, grades in zip(theta, GRADES, strict=True))
        log_joint += log_likelihood
        assert_allclose(MODEL.log_likelihood({"theta": theta}, GRADES), log_likelihood, rtol=IDENTITY)
        log_evidence = log_joint - posterior.logpdf({"theta": theta})
        assert_allclose(log_evidence, MODEL.log_evidence(GRADES), rtol=IDENTITY)


def test_far_grades_keep_their_digits():
    theta = np.array([-400.0, 400.0])
    log_p = MODEL.of_person(theta, np.array([-1, 4, -1, -1]))
    assert_allclose(log_p[0], 3.1 * (-400 - 2.2), rtol=EXACT)
    assert log_p[1] == 0


def test_parameters_from_the_prior_are_uniform_in_their_posteriors():
    rng = np.random.default_rng(1)
    params, y = MODEL.simulate(rng, 150)
    cdfs = [float(m.cdf(t)) for m, t in zip(MODEL.marginals(y).values(), params["theta"], strict=True)]
    assert stats.kstest(cdfs, "uniform").pvalue > FALSE_ALARM
    draws = MODEL.posterior(y[:2]).rvs(2000, rng)["theta"]
    assert stats.kstest(draws[:, 1], MODEL.marginals(y[:2])["theta[1]"].cdf).pvalue > FALSE_ALARM


def test_wide_priors_cost_no_digit():
    narrow, wide = (
        GradedResponse(discriminations=[2.0, 2.0], thresholds=[[0.0], [1.0]], prior_sd=sd) for sd in (1e3, 1e6)
    )
    for model in (narrow, wide):  # the grades hold theta between the thresholds
        marginal = model.marginals([[2, 1]])["theta[0]"]
        assert_allclose(marginal.mean(), 0.5, rtol=1e-5)
        assert_allclose(marginal.cdf(marginal.ppf(0.3)), 0.3, rtol=IDENTITY)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: GradedResponse(discriminations=[1, 1], thresholds=[[0]], prior_sd=1),
            "a sequence for each of 2 items",
        ),
        (lambda: GradedResponse(discriminations=[1], thresholds=[[2, 1]], prior_sd=1), "`thresholds.0.` must increase"),
        (
            lambda: GradedResponse(discriminations=[-1], thresholds=[[2]], prior_sd=1),
            "`discriminations` must hold posi",
        ),
        (lambda: GradedResponse(discriminations=[1], thresholds=[[2]], prior_sd=0), "`prior_sd` must be a positive"),
        (lambda: MODEL.log_evidence([[1, 2, 4, 1]]), r"got y\[0, 2\] = 4 of 3 grades"),
        (lambda: MODEL.log_evidence([[0, 2, 1, 1]]), r"got y\[0, 0\] = 0 of 2 grades"),
        (lambda: MODEL.log_evidence([[1, 2, 1]]), r"the shape \(n, 4\)"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
