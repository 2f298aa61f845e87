"""Any model of two parameters: against a closed form, bounds that cut, independent draws, and improper posteriors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayes.exact.normal_inverse_gamma import NormalInverseGamma
from bayes.exact.two_parameters import TwoParameters
from tests.tolerances import FALSE_ALARM, IDENTITY

Y = np.array([1.2, 0.3, 2.2, 1.9, 0.8, 1.1])


def binormal(rho, priors):
    """A normal density of two numbers with correlation rho and sds 1, whatever y is."""

    def log_likelihood(a, b, _):
        return -(a**2 - 2 * rho * a * b + b**2) / (2 * (1 - rho**2)) - np.log(2 * np.pi * np.sqrt(1 - rho**2))

    return TwoParameters(
        names=("a", "b"), log_likelihood=log_likelihood, priors=priors, start=(0.5, 0.5), scales=(1.0, 1.0)
    )


EVERYWHERE = ((-np.inf, np.inf), (-np.inf, np.inf))


def normal_with_unknown_variance():
    exact = NormalInverseGamma(prior_mean=0.5, prior_count=2.0, shape=3.0, scale=1.5)

    def log_likelihood(mu, v, y):
        """With the prior of mu given sigma2 = exp(v), and that of v less the prior's ``norm``."""
        s2 = np.exp(v)
        log_p = sum(stats.norm.logpdf(value, mu, np.sqrt(s2)) for value in y)
        return log_p + stats.norm.logpdf(mu, 0.5, np.sqrt(s2 / 2)) + stats.invgamma.logpdf(s2, 3, scale=1.5) + v

    model = TwoParameters(
        names=("mu", "v"), log_likelihood=log_likelihood, priors=EVERYWHERE, start=(1.0, 0.0), scales=(0.3, 0.5)
    )
    return exact, model


def test_a_normal_with_unknown_variance_is_that_of_the_closed_form():
    exact, model = normal_with_unknown_variance()
    assert_allclose(model.log_evidence(Y), exact.log_evidence(Y), rtol=IDENTITY)
    ours, closed = model.marginals(Y), exact.marginals(Y)
    q = [0.05, 0.5, 0.95]
    assert_allclose(ours["mu"].ppf(q), closed["mu"].ppf(q), rtol=1e-10)
    assert_allclose(np.exp(ours["v"].ppf(q)), closed["sigma2"].ppf(q), rtol=1e-10)
    tail = [1e-9, 1e-6, 1e-3]
    assert_allclose(ours["v"].cdf(np.log(closed["sigma2"].ppf(tail))), tail, atol=1e-12)
    assert_allclose([ours["mu"].mean(), ours["mu"].std()], [closed["mu"].mean(), closed["mu"].std()], rtol=1e-10)


def test_draws_are_independent_and_of_the_joint():
    exact, model = normal_with_unknown_variance()
    draws = model.posterior(Y).rvs(4000, np.random.default_rng(0))
    closed = exact.marginals(Y)
    assert stats.kstest(draws["mu"], closed["mu"].cdf).pvalue > FALSE_ALARM
    assert stats.kstest(np.exp(draws["v"]), closed["sigma2"].cdf).pvalue > FALSE_ALARM
    ((score, standard),) = model.projections(Y).values()
    assert stats.kstest(score(draws), standard.cdf).pvalue > FALSE_ALARM
    # sigma2 given mu is an inverse gamma with this shape and scale
    half = 1.5 + (np.sum((Y[:, None] - draws["mu"]) ** 2, axis=0) + 2 * (draws["mu"] - 0.5) ** 2) / 2
    assert stats.kstest(np.exp(draws["v"]) / half, stats.invgamma(3 + 7 / 2).cdf).pvalue > FALSE_ALARM


def test_a_joint_with_right_marginals_and_no_correlation_fails():
    """Negative control."""
    model = binormal(0.8, EVERYWHERE)
    draws = model.posterior(Y).rvs(2000, np.random.default_rng(0))
    assert_allclose(np.corrcoef(draws["a"], draws["b"])[0, 1], 0.8, atol=5 * (1 - 0.8**2) / 2000**0.5)
    ((score, standard),) = model.projections(Y).values()
    assert stats.kstest(score(draws), standard.cdf).pvalue > FALSE_ALARM
    shuffled = draws | {"b": np.random.default_rng(1).permutation(draws["b"])}
    assert stats.kstest(score(shuffled), standard.cdf).pvalue < FALSE_ALARM


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.9])
def test_a_bound_that_cuts_a_correlated_parameter(rho):
    """P(a > 0, b > 0) = 1/4 + arcsin(rho) / (2 pi), in whichever order the integral is taken (Sheppard 1899)."""
    model = binormal(rho, ((0.0, np.inf), (0.0, np.inf)))
    box = model.posterior(Y).box
    expected = np.log(0.25 + np.arcsin(rho) / (2 * np.pi))
    assert_allclose(box.log_integral, expected, atol=1e-10)
    first, second = (marginal.ppf([0.01, 0.5, 0.99]) for marginal in model.marginals(Y).values())
    assert_allclose(first, second, rtol=1e-10)
    half = binormal(rho, ((-np.inf, np.inf), (0.0, np.inf))).marginals(Y)["a"]
    # a given b > 0 is skew-normal (Azzalini 1985)
    assert_allclose(half.mean(), rho * np.sqrt(2 / np.pi), atol=1e-10)


def test_bayes_rule_and_bounds():
    model = binormal(0.5, (stats.norm(0, 2), stats.uniform(-1, 3)))
    params = {"a": 0.3, "b": 0.9}
    log_joint = float(model.log_likelihood(0.3, 0.9, Y) + model.log_prior(0.3, 0.9))
    assert_allclose(log_joint - model.posterior(Y).logpdf(params), model.log_evidence(Y), rtol=IDENTITY)
    assert model.posterior(Y).logpdf({"a": 0.3, "b": 2.5}) == -np.inf


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("a", "a")}, "`names` must be two different names"),
        ({"scales": (1.0, 0.0)}, "`scales.1.` must be a positive number"),
        ({"start": (1.0,)}, "`start` must be two numbers"),
        ({"priors": (stats.norm(), (1.0, 2.0))}, "`start.1.` must be between 1 and 2"),
        ({"priors": (stats.norm(), 3.0)}, "`priors.1.` must be a frozen continuous"),
        ({"priors": ((2.0, 1.0), stats.norm())}, "`priors.0.` must be a pair"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    fields = {"names": ("a", "b"), "priors": (stats.norm(), stats.norm()), "start": (0.0, 0.0), "scales": (1.0, 1.0)}
    with pytest.raises(ValueError, match=message):
        TwoParameters(log_likelihood=lambda a, b, _: a + b, **fields | changes)


def test_an_improper_posterior_is_refused():
    model = TwoParameters(
        names=("a", "b"), log_likelihood=lambda a, b, _: -(a**2) + 0 * b, priors=EVERYWHERE, start=(0, 0), scales=(1, 1)
    )
    with pytest.raises(ValueError, match=r"does not fall off in the direction .* it is improper"):
        model.log_evidence(Y)
