"""The closed forms against another implementation, conjugate-models from PyPI.

Its gamma-exponential is left out: in 0.14.0 the sum of the times is added to the shape and their number to the
rate, and the predictive has the two the wrong way round again.
"""

import pytest
from conjugate import distributions, models
from numpy.testing import assert_allclose

from bayes.registry import get_model

LEVELS = [0.05, 0.5, 0.95]


def beta_binomial(m, y):
    prior = distributions.Beta(alpha=m.successes, beta=m.failures)
    posterior = models.binomial_beta(n=m.trials * len(y), x=y.sum(), prior=prior)
    return {"theta": posterior}, models.binomial_beta_predictive(n=m.trials, distribution=posterior)


def gamma_poisson(m, y):
    prior = distributions.Gamma(alpha=m.shape, beta=m.inverse_scale)
    posterior = models.poisson_gamma(x_total=y.sum(), n=len(y), prior=prior)
    return {"rate": posterior}, models.poisson_gamma_predictive(distribution=posterior)


def normal_variance(m, y):
    prior = distributions.InverseGamma(alpha=m.shape, beta=m.scale)
    posterior = models.normal_known_mean(x_total=y.sum(), x2_total=(y**2).sum(), n=len(y), mu=m.mean, prior=prior)
    return {"sigma2": posterior}, models.normal_known_mean_predictive(mu=m.mean, distribution=posterior)


CASES = {f.__name__: f for f in (beta_binomial, gamma_poisson, normal_variance)}


@pytest.mark.parametrize("name", CASES)
def test_posterior_and_predictive_agree_with_conjugate_models(name):
    model = get_model(name)
    posteriors, predictive = CASES[name](model.exact, model.y)
    for parameter, distribution in posteriors.items():
        marginal = model.exact.marginals(model.y)[parameter]
        assert_allclose(marginal.ppf(LEVELS), distribution.dist.ppf(LEVELS), rtol=1e-10)
    assert_allclose(model.exact.predictive(model.y).ppf(LEVELS), predictive.dist.ppf(LEVELS), rtol=1e-10)


def test_the_parameters_of_vectors_agree_with_conjugate_models():
    model = get_model("dirichlet_multinomial")
    prior = distributions.Dirichlet(alpha=model.exact.concentration)
    posterior = models.multinomial_dirichlet(x=model.y.sum(axis=0), prior=prior)
    assert_allclose(model.exact.posterior(model.y).concentration, posterior.alpha)

    model = get_model("multivariate_normal")
    prior = distributions.MultivariateNormal(mu=model.exact.prior_mean, cov=model.exact.prior_covariance)
    posterior = models.multivariate_normal_known_covariance(
        n=len(model.y), x_bar=model.y.mean(axis=0), cov=model.exact.noise_covariance, prior=prior
    )
    joint = model.exact.posterior(model.y)
    assert_allclose(joint.mean, posterior.mu, rtol=1e-10)
    assert_allclose(joint.covariance, posterior.cov, rtol=1e-10)

    model = get_model("linear_regression")
    m = model.exact
    prior = distributions.NormalInverseGamma(
        mu=m.prior_mean, alpha=m.shape, beta=m.scale, delta_inverse=m.prior_covariance
    )
    posterior = models.linear_regression(X=m.design[: len(model.y)], y=model.y, prior=prior)
    joint = m.posterior(model.y)
    assert_allclose(joint.m, posterior.mu, rtol=1e-8)
    assert_allclose([joint.a, joint.b], [posterior.alpha, posterior.beta], rtol=1e-8)
