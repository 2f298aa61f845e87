"""The growth curve: Bayes' rule, the evidence as predictives and by force, its draws, and what is refused."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayes.exact.growth_curve import GrowthCurve
from tests.tolerances import FALSE_ALARM, IDENTITY, QUADRATURE

FIELDS = {
    "x": [1.0, 3.0, 6.0, 9.0, 15.0, 20.0],
    "prior_mean": [2.0, 1.0],
    "prior_sds": [2.0, 1.0],
    "lambda_bounds": (0.5, 1.0),
    "shape": 2.0,
    "rate": 0.02,
}
MODEL = GrowthCurve(**FIELDS)
Y = [1.8, 2.0, 2.3, 2.3, 2.5]


def test_bayes_rule_holds_at_any_parameters():
    posterior = MODEL.posterior(Y)
    values = []
    for alpha, beta, lam, tau in [(2.5, 0.9, 0.8, 60.0), (2.0, 0.2, 0.99, 5.0)]:
        params = {"alpha": alpha, "beta": beta, "lambda": lam, "tau": tau}
        log_prior = stats.norm.logpdf([alpha, beta], [2, 1], [2, 1]).sum() + np.log(2)
        log_prior += stats.gamma.logpdf(tau, 2, scale=50)
        log_p = stats.norm.logpdf(Y, alpha - beta * lam ** MODEL.x[:5], tau**-0.5).sum()
        values.append(log_prior + log_p - posterior.logpdf(params))
    assert_allclose(values, MODEL.log_evidence(Y), rtol=IDENTITY)


def test_the_evidence_is_the_integral_of_a_multivariate_normal():
    def density(v, lam):
        H = np.column_stack([np.ones(5), -(lam ** MODEL.x[:5])])
        covariance = H @ np.diag([4.0, 1.0]) @ H.T + np.exp(-v) * np.eye(5)
        return np.exp(
            stats.multivariate_normal.logpdf(Y, H @ [2.0, 1.0], covariance)
            + stats.gamma.logpdf(np.exp(v), 2, scale=50)
            + v
            + np.log(2)
        )

    nodes, weights = np.polynomial.legendre.leggauss(60)
    v, w = 3.5 + 6.5 * nodes, 6.5 * weights
    total = 0.0
    for low, high in pairwise([0.5, 0.75, 0.9, 1.0]):
        lam, u = (low + high) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * weights
        total += sum(
            u_i * w_j * density(v_j, lam_i)
            for lam_i, u_i in zip(lam, u, strict=True)
            for v_j, w_j in zip(v, w, strict=True)
        )
    assert_allclose(MODEL.log_evidence(Y), np.log(total), atol=QUADRATURE)


def test_the_evidence_is_the_product_of_predictives():
    steps = [MODEL.predictive(Y[:n]).logpdf(Y[n]) for n in range(1, 5)]
    assert_allclose(MODEL.log_evidence(Y[:1]) + sum(steps), MODEL.log_evidence(Y), atol=1e-9)


def test_draws_are_of_the_marginals_and_the_joint():
    draws = MODEL.posterior(Y).rvs(3000, np.random.default_rng(0))
    for name, marginal in (MODEL.marginals(Y) | MODEL.further_marginals(Y)).items():
        assert stats.kstest(draws[name], marginal.cdf).pvalue > FALSE_ALARM, name
        assert_allclose(marginal.cdf(marginal.ppf([0.05, 0.5, 0.95])), [0.05, 0.5, 0.95], rtol=1e-10)
    for name, (function, standard) in MODEL.projections(Y).items():
        assert stats.kstest(function(draws), standard.cdf).pvalue > FALSE_ALARM, name


@pytest.mark.parametrize("name", ["lambda", "tau", "sigma", "U3"])
def test_densities_of_transformed_marginals_are_those_of_their_cdfs(name):
    marginal = (MODEL.marginals(Y) | MODEL.further_marginals(Y))[name]
    low, high = marginal.ppf([0.2, 0.7])
    assert_allclose(integrate.quad(marginal.pdf, low, high, epsabs=1e-10)[0], 0.5, rtol=QUADRATURE)
    assert marginal.logpdf(-1e9) == -np.inf


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": [-1.0, 2.0]}, "`x` must be 0 or more"),
        ({"lambda_bounds": (0.9, 0.5)}, "`lambda_bounds` must be 0 < low < high <= 1"),
        ({"prior_sds": [1.0]}, "`prior_sds` must be two numbers"),
        ({"shape": 0.0}, "`shape` must be a positive number"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        GrowthCurve(**FIELDS | changes)


def test_data_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="`y` must have 1 to 6 numbers"):
        MODEL.marginals([])
    with pytest.raises(ValueError, match="there is none left to predict"):
        MODEL.predictive([*Y, 2.6])
