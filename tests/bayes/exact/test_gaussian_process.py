"""The Gaussian process: identities, limits with a formula, ill-conditioned kernels, flat priors and bad input."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.stats import kstest, multivariate_normal, norm

from bayes.exact.gaussian_process import EXAMPLE, GaussianProcess
from bayes.exact.scale_priors import ScalePrior
from tests.tolerances import FALSE_ALARM, IDENTITY

INVERSE_GAMMA = ScalePrior("inverse_gamma", 4, 6)
PRIORS = {
    "rho_prior": INVERSE_GAMMA,
    "alpha_prior": ScalePrior("half_normal", 1.5),
    "noise_variance_prior": ScalePrior("inverse_gamma", 3, 1),
}
MODEL = GaussianProcess(inputs=[0.4, 1.7, 2.3, 3.9, 5.2], **PRIORS)
Y = np.array([0.9, 0.4, -0.2, -1.1])
FLAT = ScalePrior("flat")


def covariance(x, rho, alpha, s):
    return alpha**2 * np.exp(-((x[:, None] - x) ** 2) / (2 * rho**2)) + s * np.eye(len(x))


@pytest.mark.parametrize(("rho", "alpha", "s"), [(2.0, 1.0, 0.3), (0.5, 3.0, 0.01), (9.0, 0.2, 2.0)])
def test_bayes_rule_holds_at_any_parameters(rho, alpha, s):
    joint = sum(prior.logpdf(x) for prior, x in zip(PRIORS.values(), (rho, alpha, s), strict=True))
    joint += multivariate_normal(np.zeros(4), covariance(MODEL.inputs[:4], rho, alpha, s)).logpdf(Y)
    posterior = MODEL.posterior(Y).logpdf({"rho": rho, "alpha": alpha, "noise_variance": s})
    assert_allclose(joint - posterior, MODEL.log_evidence(Y), rtol=IDENTITY)


def test_one_observation_leaves_the_length_scale_and_integrates_to_a_double_integral():
    exact, y = MODEL, [1.3]
    u, v = np.meshgrid(np.arange(-30, 4, 0.1), np.arange(-6, 12, 0.1), indexing="ij")  # the trapezoid rule in logs
    alpha, s = np.exp(u), np.exp(v)
    log_prior = exact.alpha_prior.logpdf(alpha) + u + exact.noise_variance_prior.logpdf(s) + v
    expected = 0.01 * np.sum(norm.pdf(y[0], 0, np.sqrt(alpha**2 + s)) * np.exp(log_prior))
    assert_allclose(exact.log_evidence(y), math.log(expected), rtol=IDENTITY)
    q = np.array([0.05, 0.5, 0.95])
    assert_allclose(exact.marginals(y)["rho"].ppf(q), INVERSE_GAMMA.distribution.ppf(q), rtol=1e-9)


def test_far_inputs_and_a_pinned_scale_leave_a_scale_with_a_formula():
    """With inputs too far apart to be correlated and a tiny alpha, y ~ Normal(0, s), s inverse gamma."""
    exact = GaussianProcess(
        inputs=[0.0, 1e6, 2e6, 3e6],
        rho_prior=INVERSE_GAMMA,
        alpha_prior=ScalePrior("half_normal", 1e-9),
        noise_variance_prior=ScalePrior("inverse_gamma", 3, 1),
    )
    a, b = 3 + 4 / 2, 1 + np.sum(Y**2) / 2
    evidence = math.lgamma(a) - math.lgamma(3) - a * math.log(b) - 2 * math.log(2 * math.pi)
    assert_allclose(exact.log_evidence(Y), evidence, rtol=1e-10)
    marginal = exact.marginals(Y)["noise_variance"]
    expected = ScalePrior("inverse_gamma", a, b).distribution
    q = np.array([0.001, 0.05, 0.5, 0.95, 0.999])
    assert_allclose(marginal.ppf(q), expected.ppf(q), rtol=1e-8)
    assert_allclose([marginal.mean(), marginal.std()], [expected.mean(), expected.std()], rtol=1e-8)
    assert_allclose(marginal.logpdf([0.3, 5.0]), expected.logpdf([0.3, 5.0]), rtol=1e-9)


@pytest.mark.parametrize(("rho", "s"), [(3.0, 0.1), (20.0, 1e-3), (20.0, 1e-6)])
def test_an_ill_conditioned_kernel_costs_no_more_than_its_rounding(rho, s):
    """Against 40 digits; an eigenvalue is rounded by eps, which is an error of eps / s."""
    x, y = np.linspace(0, 9, 10), np.sin(np.arange(10.0))
    exact = GaussianProcess(inputs=x, **PRIORS)
    with mp.workdps(40):
        K = mpmath.matrix(10, 10)
        for i in range(10):
            for j in range(10):
                K[i, j] = mpmath.exp(-((mpf(x[i]) - mpf(x[j])) ** 2) / (2 * mpf(rho) ** 2)) + (mpf(s) if i == j else 0)
        data = mpmath.matrix(y.tolist())
        expected = (
            -(10 * mpmath.log(2 * mp.pi) + mpmath.log(mpmath.det(K)) + (data.T * mpmath.lu_solve(K, data))[0]) / 2
        )
        value = float(exact._log_likelihood(y, np.array(rho), np.array(1.0), np.array(s)))
        assert abs(value - expected) < 100 * np.finfo(float).eps / s * max(1, abs(expected))


def test_the_predictive_is_a_mixture_and_far_out_a_ratio_of_evidences():
    predictive = MODEL.predictive(Y)
    places = np.linspace(-3, 3, 13)
    few = np.array([predictive.logpdf(x) for x in places[::6]])
    assert_allclose(predictive.logpdf(places)[::6], few, atol=1e-7)
    x = np.linspace(-9, 8, 1500)
    f = np.exp(np.array(predictive.logpdf(x[abs(x) < 4])))
    assert_allclose(
        integrate.simpson(f, x=x[abs(x) < 4]), np.diff(predictive.cdf(x[abs(x) < 4][[0, -1]]))[0], rtol=1e-6
    )
    rng = np.random.default_rng(0)
    assert kstest(predictive.rvs(500, rng), predictive.cdf).pvalue > FALSE_ALARM


def test_draws_have_the_marginals():
    draws = MODEL.posterior(Y).rvs(2000, np.random.default_rng(1))
    for name, marginal in MODEL.marginals(Y).items():
        assert kstest(draws[name], marginal.cdf).pvalue > FALSE_ALARM


def test_a_bound_of_a_uniform_prior_is_the_end():
    exact = GaussianProcess(inputs=MODEL.inputs, **PRIORS | {"alpha_prior": ScalePrior("uniform", 0.8)})
    alpha = exact.marginals(Y)["alpha"]
    assert_allclose(alpha.cdf([0.8, 5.0]), 1, rtol=1e-12)
    assert alpha.logpdf(0.81) == -np.inf
    assert alpha.ppf(0.999) < 0.8


def test_flat_priors_are_limits_of_wide_ones_and_need_data():
    flat = GaussianProcess(inputs=MODEL.inputs, **PRIORS | {"alpha_prior": FLAT})
    wide = GaussianProcess(inputs=MODEL.inputs, **PRIORS | {"alpha_prior": ScalePrior("uniform", 1e6)})
    assert_allclose(flat.log_evidence(Y), wide.log_evidence(Y) + math.log(1e6), atol=1e-6)
    with pytest.raises(ValueError, match="`y` must have at least 2 numbers with a flat alpha_prior, got 1"):
        flat.log_evidence(Y[:1])
    with pytest.raises(ValueError, match="a flat prior has no draws"):
        flat.simulate(np.random.default_rng(0), 3)


@pytest.mark.parametrize(
    ("change", "y", "message"),
    [
        ({"rho_prior": FLAT}, Y, "`rho_prior` must be proper, got flat"),
        ({"alpha_prior": 2.0}, Y, "`alpha_prior` must be a ScalePrior .*, got 2.0"),
        ({"inputs": [0.0, math.nan]}, Y, "`inputs` must be a vector"),
        ({}, np.ones(6), "`y` must have at most 5 numbers, one an input, got 6"),
        ({"noise_variance_prior": ScalePrior("half_normal", 1)}, np.zeros(4), "diverges at 0"),
    ],
)
def test_what_cannot_be_is_refused(change, y, message):
    with pytest.raises(ValueError, match=message):
        GaussianProcess(**{"inputs": MODEL.inputs} | PRIORS | change).log_evidence(y)


def test_there_must_be_an_input_to_predict_for():
    with pytest.raises(ValueError, match="there is none left to predict"):
        MODEL.predictive(np.ones(5))
    with pytest.raises(ValueError, match="`n` must be at most 8, the number of inputs, got 9"):
        EXAMPLE.model.simulate(np.random.default_rng(0), 9)
