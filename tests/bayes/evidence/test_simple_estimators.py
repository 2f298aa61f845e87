"""Importance sampling, Laplace's method and the harmonic mean, of densities whose integral is known."""

from math import lgamma, sqrt

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import binom, norm

from bayes.evidence import log_evidence, monte_carlo
from bayes.evidence.harmonic_means import harmonic_mean
from bayes.evidence.importance_sampling import importance
from bayes.evidence.laplace_approximation import laplace
from bayes.evidence.lower_bounds import elbo, mean_log_ratio
from bayes.evidence.targets import Prior, Target
from bayes.registry import get_model
from bayes.sampling import inference
from tests.bayes.evidence.made_targets import Normal, skewed, skewed_draws
from tests.tolerances import FALSE_ALARM, MONTE_CARLO

REPLICATES = 40


def test_importance_sampling_claims_its_error():
    estimates = [importance(skewed(), skewed_draws(seed), seed=seed) for seed in range(REPLICATES)]
    z = np.array([(e.log_evidence - lgamma(2.0)) / e.standard_error for e in estimates])
    assert abs(z.mean()) < MONTE_CARLO / sqrt(REPLICATES)
    assert binom.cdf(int(np.sum(np.abs(z) < 1.96)), REPLICATES, 0.95) > FALSE_ALARM
    assert np.mean([e.reliable for e in estimates]) > 0.7


def test_a_weight_of_almost_zero_costs_no_digits():
    """The log density falls as -exp(x^2): its smallest log weights are astronomic."""

    def steep(x):
        return -np.exp(np.minimum(x[:, 0] ** 2, 300.0))

    plain, shifted = (
        importance(Target(dimension=1, log_density=f), np.random.default_rng(0).normal(0, 0.8, (4, 500, 1)), seed=0)
        for f in (steep, lambda x: steep(x) + 30.0)
    )
    assert_allclose(shifted.log_evidence - plain.log_evidence, 30.0, rtol=1e-9)
    exact = quad(lambda x: np.exp(-np.exp(x**2)), -3, 3)[0]
    assert abs(plain.log_evidence - np.log(exact)) < MONTE_CARLO * plain.standard_error


def test_importance_sampling_sees_tails_that_its_proposal_lacks():
    cauchy = Target(dimension=8, log_density=lambda x: -np.log1p(x**2).sum(axis=1))
    near = np.random.default_rng(0).normal(size=(4, 600, 8))
    estimate = importance(cauchy, near, seed=0)
    assert not estimate.reliable
    assert "Pareto k" in estimate.warnings[0]


def with_derivatives(a):
    """The log of a gamma variable: the mode is log a with precision a."""
    return Target(
        dimension=1,
        log_density=skewed(a).log_density,
        gradient=lambda x: a - np.exp(x),
        hessian=lambda x: -np.exp(x)[:, None],
        start=np.zeros(1),
    )


def test_laplace_is_exact_for_a_normal_and_not_for_a_skewed_density():
    normal = Normal()
    assert_allclose(laplace(normal.target).log_evidence, normal.shift, rtol=1e-9)
    a = 2.0  # Stirling's formula
    stirling = a * np.log(a) - a + 0.5 * np.log(2 * np.pi / a)
    estimate = laplace(with_derivatives(a))
    assert_allclose(estimate.log_evidence, stirling, rtol=1e-6)
    assert not estimate.reliable
    assert np.isnan(estimate.standard_error)


def test_the_elbo_is_a_bound_and_known_for_a_normal_and_for_a_skewed_density():
    normal = Normal()
    assert_allclose(elbo(normal.target, seed=0).log_evidence, normal.shift, rtol=1e-9)
    a = 2.0  # E_q[a x - exp(x)] + entropy of q = Normal(log a, 1/a)
    expected = a * np.log(a) - a * np.exp(0.5 / a) + 0.5 * np.log(2 * np.pi * np.e / a)
    bound = log_evidence(with_derivatives(a), method="elbo")
    assert abs(bound.log_evidence - expected) < MONTE_CARLO * bound.standard_error
    assert bound.log_evidence < lgamma(a) - MONTE_CARLO * bound.standard_error
    assert not bound.reliable
    assert str(bound).startswith("log p(y) >= ")
    with pytest.raises(ValueError, match="no finite log density at 1 of 100 draws"):
        mean_log_ratio(np.append(np.zeros(99), -np.inf), evaluations=100)


def test_a_bound_whose_terms_have_a_heavy_lower_tail_warns():
    heavy = -np.random.default_rng(0).pareto(1.5, size=4000)  # k = 1 / 1.5
    light = np.random.default_rng(0).normal(size=4000)
    assert "Pareto k of the lower tail" in mean_log_ratio(heavy, evaluations=1).warnings[0]
    assert not mean_log_ratio(light, evaluations=1).warnings


def test_laplace_refuses_a_density_without_a_mode():
    flat = Target(
        dimension=1,
        log_density=lambda x: x[:, 0] * 0,
        gradient=np.zeros_like,
        hessian=lambda _: np.zeros((1, 1)),
        start=np.zeros(1),
    )
    with pytest.raises(ValueError, match="negative definite Hessian"):
        laplace(flat)
    with pytest.raises(ValueError, match="needs `gradient`, `hessian` and `start`"):
        laplace(skewed())


def conjugate(prior_sd):
    """One observation 0 with sd 1 of a mean with prior N(0, prior_sd^2): the evidence is N(0; 0, 1 + prior_sd^2)."""

    def log_prior(x):
        return norm.logpdf(x[:, 0], 0, prior_sd)

    def log_likelihood(x):
        return norm.logpdf(x[:, 0])

    def sample(seed, n):
        return np.random.default_rng(seed).normal(0, prior_sd, size=(n, 1))

    prior = Prior(log_prior=log_prior, log_likelihood=log_likelihood, sample=sample)
    return Target(dimension=1, log_density=lambda x: log_prior(x) + log_likelihood(x), prior=prior)


@pytest.mark.parametrize(("prior_sd", "warned"), [(0.5, False), (10.0, True)])
def test_the_harmonic_mean_shows_its_infinite_variance(prior_sd, warned):
    """1 / p(y | mu) over posterior draws is exp(mu^2 / 2), with k = posterior variance = 1 / (1 + 1 / prior_sd^2)."""
    posterior_sd = (1 + prior_sd**-2) ** -0.5
    draws = np.random.default_rng(0).normal(0, posterior_sd, size=(4, 1000, 1))
    estimate = harmonic_mean(conjugate(prior_sd), draws)
    assert any("infinite" in warning and "Pareto k" in warning for warning in estimate.warnings) == warned
    assert not estimate.reliable
    exact = norm.logpdf(0, 0, sqrt(1 + prior_sd**2))
    assert (abs(estimate.log_evidence - exact) > 0.3) == warned


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "bridge sampling"}, "`method` must be one of bridge, .* got 'bridge sampling'"),
        ({"method": "bridge"}, "`draws` are missing"),
        ({"method": "laplace", "draws": np.zeros((1, 10, 2))}, "takes none"),
        ({"draws": np.zeros((1, 10, 3))}, r"shape \(chain, draw, 2\)"),
        ({"draws": np.full((1, 10, 2), np.inf)}, "finite"),
        ({"draws": np.zeros((1, 10, 2)), "method": "harmonic_mean"}, "needs a normalised prior"),
        ({"draws": np.zeros((1, 10, 2)), "stones": 3}, "no option 'stones'"),
        ({"method": "smc"}, "needs a PyMC model"),
        ({"draws": {"x": np.zeros((1, 10))}}, "must be unconstrained points .* got dict"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        log_evidence(Normal().target, **arguments)
    assert "\n" not in str(error.value)


def test_a_log_density_of_another_shape_is_refused():
    column = Target(dimension=1, log_density=lambda x: -(x**2))  # (M, 1)
    with pytest.raises(ValueError, match=r"`log_density` must return one number a point, shape \(40,\), got \(40, 1\)"):
        log_evidence(column, np.random.default_rng(0).normal(size=(2, 20, 1)))


def test_runs_of_smc_that_repeat_each_other_are_no_evidence_of_an_error(monkeypatch):
    tree = xr.DataTree.from_dict({"sample_stats": xr.Dataset({"log_evidence": ("chain", np.full(16, -3.0))})})
    monkeypatch.setattr(inference, "smc", lambda *_, **__: tree)
    estimate = log_evidence(get_model("normal_normal"), method="smc")
    assert not estimate.reliable
    assert "different runs 1 < 16" in estimate.warnings[0]
    assert estimate.evaluations is None


def test_a_tail_of_equal_terms_is_bounded():
    assert monte_carlo.tail_index(np.repeat([0.0, 1.0], [500, 500])) == -np.inf
    assert monte_carlo.tail_index(np.zeros(100)) == -np.inf
    assert monte_carlo.tail_index(np.random.default_rng(0).exponential(size=1000)) > 0.5  # exp of it has k = 1
