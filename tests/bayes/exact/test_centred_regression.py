"""Centred regression with a Student's t prior of the intercept: its limit, an integral by force, and its draws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayes.exact.centred_regression import CentredRegression
from bayes.exact.independent_regression import IndependentRegression
from bayes.exact.scale_priors import ScalePrior
from tests.tolerances import BY_SCIPY, FALSE_ALARM, IDENTITY

LEVELS = np.array([0.001, 0.05, 0.5, 0.95, 0.999])
X = np.array([[0.4, 2.1], [1.7, 0.2], [2.2, 1.4], [3.9, -0.6], [4.3, 0.8], [5.1, 1.9], [6.4, -1.2]])
Y = np.array([1.2, 2.9, 3.0, 4.6, 4.1, 5.9, 7.4])
MODEL = CentredRegression(
    design=X,
    prior_mean=[0.3, -0.2],
    prior_sds=[1.4, 0.8],
    centre_df=3.0,
    centre_location=8.0,
    centre_scale=1.5,
    noise_prior=ScalePrior("half_t", 3.0, 1.2),
)


def test_a_t_of_many_degrees_of_freedom_is_a_normal_prior():
    exact = replace(MODEL, centre_df=1e9)
    normal = IndependentRegression(
        design=np.column_stack([np.ones(7), X - X.mean(axis=0)]),
        prior_mean=[8.0, 0.3, -0.2],
        prior_sds=[1.5, 1.4, 0.8],
        noise_prior=MODEL.noise_prior,
    )
    assert_allclose(exact.log_evidence(Y), normal.log_evidence(Y), atol=1e-7)  # of the order of 1 / df
    mine, theirs = exact.marginals(Y), normal.marginals(Y)
    for name, other in [
        ("centre", "beta[0]"),
        ("beta[0]", "beta[1]"),
        ("beta[1]", "beta[2]"),
        ("noise_sd", "noise_sd"),
    ]:
        assert_allclose(mine[name].ppf(LEVELS), theirs[other].ppf(LEVELS), rtol=1e-7)
    x = [2.0, 1.0]
    expected = normal.predictive(Y, [1.0, *(x - X.mean(axis=0))])
    assert_allclose(exact.predictive(Y, x).ppf(LEVELS), expected.ppf(LEVELS), rtol=1e-7)


def test_the_evidence_and_the_centre_are_those_of_an_integral_by_force():
    centred = X - X.mean(axis=0)
    values, U = np.linalg.eigh(centred @ np.diag(MODEL.prior_sds**2) @ centred.T)
    x, w = np.polynomial.legendre.leggauss(12)

    def nodes(edges):
        half = np.diff(edges, axis=-1)[..., None] / 2
        places, rule = edges[..., :-1, None] + half * (1 + x), half * w
        return places.reshape(*edges.shape[:-1], -1), rule.reshape(*edges.shape[:-1], -1)

    sigma, sigma_rule = nodes(np.geomspace(0.02, 400, 40))
    # the centre in panels as wide as its scale, up to where a t density and the likelihood are small
    t = np.concatenate([-np.geomspace(9, 0.6, 9), np.linspace(-0.5, 0.5, 3), np.geomspace(0.6, 9, 9)])
    centre, centre_rule = nodes(Y.mean() + sigma[:, None] * t)
    variance = values + sigma[:, None, None] ** 2
    residuals = (Y - centred @ MODEL.prior_mean - centre[..., None]) @ U
    log_f = -np.sum(np.log(2 * math.pi * variance) + residuals**2 / variance, axis=-1) / 2
    log_f += stats.t.logpdf(centre, 3.0, 8.0, 1.5) + MODEL.noise_prior.logpdf(sigma)[:, None]
    weights = np.exp(log_f) * centre_rule * sigma_rule[:, None]
    assert_allclose(MODEL.log_evidence(Y), math.log(weights.sum()), atol=BY_SCIPY)
    centre_marginal = MODEL.marginals(Y)["centre"]
    assert_allclose(centre_marginal.mean(), np.sum(weights * centre) / weights.sum(), atol=BY_SCIPY)
    second = np.sum(weights * (centre - centre_marginal.mean()) ** 2) / weights.sum()
    assert_allclose(centre_marginal.var(), second, rtol=BY_SCIPY)


def test_bayes_rule_holds_at_any_parameters():
    joint = MODEL.posterior(Y)
    for params in joint_points(joint):
        mean = params["centre"] + (X - X.mean(axis=0)) @ params["beta"]
        log_joint = stats.norm.logpdf(Y, mean, params["noise_sd"]).sum()
        log_joint += stats.norm.logpdf(params["beta"], MODEL.prior_mean, MODEL.prior_sds).sum()
        log_joint += stats.t.logpdf(params["centre"], 3.0, 8.0, 1.5) + float(
            MODEL.noise_prior.logpdf(params["noise_sd"])
        )
        assert_allclose(log_joint - joint.logpdf(params), MODEL.log_evidence(Y), rtol=IDENTITY)


def joint_points(joint):
    draws = joint.rvs(3, np.random.default_rng(1))
    return [{name: values[i] for name, values in draws.items()} for i in range(3)]


def test_draws_are_those_of_the_marginals_and_projections():
    draws = MODEL.posterior(Y).rvs(4000, np.random.default_rng(2))
    marginals = MODEL.marginals(Y) | MODEL.further_marginals(Y)
    samples = {f"beta[{k}]": draws["beta"][:, k] for k in range(2)}
    samples |= {name: draws[name] for name in ("centre", "noise_sd", "intercept")}
    assert samples.keys() == marginals.keys()
    for name, values in samples.items():
        assert stats.kstest(values, marginals[name].cdf).pvalue > FALSE_ALARM, name
    chains = {name: values[None] for name, values in draws.items()}
    for function, distribution in MODEL.projections(Y).values():
        assert stats.kstest(function(chains).ravel(), distribution.cdf).pvalue > FALSE_ALARM
    intercept = draws["centre"] - draws["beta"] @ X.mean(axis=0)
    assert_allclose(draws["intercept"], intercept, rtol=IDENTITY)


def test_a_prior_far_from_the_data_costs_no_digit():
    far = replace(MODEL, centre_location=1e4, centre_scale=0.5)
    # so far out that the t prior is the power of its tail, the evidence is that of a flat prior times its density
    flat = IndependentRegression(
        design=np.column_stack([np.ones(7), X - X.mean(axis=0)]),
        prior_mean=[0.0, 0.3, -0.2],
        prior_sds=[math.inf, 1.4, 0.8],
        noise_prior=MODEL.noise_prior,
    )
    height = stats.t.logpdf(Y.mean(), 3.0, 1e4, 0.5)
    assert_allclose(far.log_evidence(Y), flat.log_evidence(Y) + height, atol=1e-6)
    assert far.log_evidence(Y) == pytest.approx(far.posterior(Y).log_evidence, rel=BY_SCIPY)


def test_simulated_data_have_the_shape_of_the_design():
    params, y = MODEL.simulate(np.random.default_rng(0), 7)
    assert y.shape == (7,)
    assert params["beta"].shape == (2,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MODEL.log_evidence(Y[:5]), "`y` must have 7 numbers, one a row of the design"),
        (lambda: replace(MODEL, design=X[:5]).log_evidence(Y[:5]), "`y` must have at least K \\+ 4 = 6 numbers"),
        (lambda: MODEL.log_evidence(2 + X @ [1.0, 2.0]), "`y` must not be fitted exactly"),
        (lambda: MODEL.simulate(np.random.default_rng(0), 3), "`n` must be 7"),
        (lambda: replace(MODEL, centre_df=0.0), "`centre_df` must be a positive number"),
        (lambda: replace(MODEL, noise_prior="flat"), "`noise_prior` must be a ScalePrior"),
        (lambda: MODEL.predictive(Y, [1.0]), "`x_new` must have 2 numbers"),
        (
            lambda: replace(MODEL, prior_sds=[math.inf, 1.0]).simulate(np.random.default_rng(0), 7),
            "a flat prior has no draws",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
