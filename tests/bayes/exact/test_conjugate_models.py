"""The closed forms against another implementation of theirs, conjugate-models from PyPI.

Its gamma-exponential is not among them: in 0.14.0 the sum of the times is added to the shape and their number to the
rate, and the predictive has the two the wrong way round again.
"""

import pytest
from conjugate import distributions, models
from numpy.testing import assert_allclose

from bayes.registry import model

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
def test_posterior_and_predictive_are_theirs(name):
    one = model(name)
    theirs, predictive = CASES[name](one.exact, one.y)
    for parameter, distribution in theirs.items():
        ours = one.exact.marginals(one.y)[parameter]
        assert_allclose(ours.ppf(LEVELS), distribution.dist.ppf(LEVELS), rtol=1e-10)
    assert_allclose(one.exact.predictive(one.y).ppf(LEVELS), predictive.dist.ppf(LEVELS), rtol=1e-10)


def test_the_parameters_of_vectors_are_theirs():
    one = model("dirichlet_multinomial")
    prior = distributions.Dirichlet(alpha=one.exact.concentration)
    posterior = models.multinomial_dirichlet(x=one.y.sum(axis=0), prior=prior)
    assert_allclose(one.exact.posterior(one.y).concentration, posterior.alpha)

    one = model("multivariate_normal")
    prior = distributions.MultivariateNormal(mu=one.exact.prior_mean, cov=one.exact.prior_covariance)
    posterior = models.multivariate_normal_known_covariance(
        n=len(one.y), x_bar=one.y.mean(axis=0), cov=one.exact.noise_covariance, prior=prior
    )
    joint = one.exact.posterior(one.y)
    assert_allclose(joint.mean, posterior.mu, rtol=1e-10)
    assert_allclose(joint.covariance, posterior.cov, rtol=1e-10)

    one = model("linear_regression")
    m = one.exact
    prior = distributions.NormalInverseGamma(
        mu=m.prior_mean, alpha=m.shape, beta=m.scale, delta_inverse=m.prior_covariance
    )
    posterior = models.linear_regression(X=m.design[: len(one.y)], y=one.y, prior=prior)
    joint = m.posterior(one.y)
    assert_allclose(joint.m, posterior.mu, rtol=1e-8)
    assert_allclose([joint.a, joint.b], [posterior.alpha, posterior.beta], rtol=1e-8)
