"""Regression with independent priors: closed forms in its limits, quadrature against mpmath, and what is refused."""

import math
from dataclasses import replace
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayes.exact.independent_regression import IndependentRegression
from bayes.exact.numerics.noise_sds import root_inverse_gamma
from bayes.exact.scale_priors import PARAMETERS, ScalePrior
from bayes.programs import independent_regression
from bayes.registry import get_model
from tests.tolerances import BY_SCIPY, EXACT, FALSE_ALARM, IDENTITY, PROGRAM, QUADRATURE

LEVELS = np.array([0.001, 0.05, 0.3, 0.5, 0.8, 0.95, 0.999])
FLAT = ScalePrior("flat")
PRIORS = {
    "half_normal": ScalePrior("half_normal", 1.3),
    "half_cauchy": ScalePrior("half_cauchy", 0.8),
    "half_t": ScalePrior("half_t", 3.0, 1.1),
    "gamma": ScalePrior("gamma", 2.5, 1.7),
    "inverse_gamma": ScalePrior("inverse_gamma", 2.5, 1.2),
    "uniform": ScalePrior("uniform", 2.1),
    "flat": FLAT,
}
X = np.column_stack([np.ones(9), [0.3, 1.2, -0.7, 2.2, 0.1, 1.5, -1.1, 0.9, 1.7]])
Y = np.array([1.4, 2.9, -0.2, 4.6, 0.9, 3.8, -1.9, 2.6])


def model(noise_prior=FLAT, prior_sds=(math.inf, math.inf), prior_mean=(0.0, 0.0), design=X):
    return IndependentRegression(design=design, prior_mean=prior_mean, prior_sds=prior_sds, noise_prior=noise_prior)


def log_integral(exact, y, power=0):
    """Return log of the integral over sigma of sigma^power times prior times likelihood, by scipy's quadrature."""
    m, X = exact.prior_mean, exact.design[: len(y)]
    D2, flat = np.diag(exact.prior_sds**-2.0), np.isinf(exact.prior_sds)

    def log_integrand(v):
        sigma = math.exp(v)
        P = D2 + X.T @ X / sigma**2
        b = np.linalg.solve(P, D2 @ m + X.T @ y / sigma**2)
        # log p(y | sigma) = log p(y | b, sigma) + log p(b) - log p(b | y, sigma)
        log_likelihood = stats.norm.logpdf(y, X @ b, sigma).sum() - (b - m) @ D2 @ (b - m) / 2
        log_likelihood -= np.linalg.slogdet(P)[1] / 2 + np.log(exact.prior_sds[~flat]).sum()
        log_likelihood += flat.sum() * math.log(2 * math.pi) / 2
        return log_likelihood + float(exact.noise_prior.logpdf(sigma)) + (1 + power) * v

    peak = exact.log_evidence(y)  # only so that the exponentials are near 1
    edges = [-14, -8, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 2, 4, 8, 16]
    top = math.log(exact.noise_prior.upper)
    edges = [*(edge for edge in edges if edge < top), min(top, 25)]

    def piece(low, high):
        return integrate.quad(lambda v: math.exp(log_integrand(v) - peak), low, high, epsabs=1e-14, epsrel=1e-11)[0]

    return peak + math.log(math.fsum(piece(low, high) for low, high in pairwise(edges)))


# ---- closed forms in the limits


def test_flat_priors_give_the_t_of_least_squares():
    exact, n = model(), len(Y)
    fit, rss, *_ = np.linalg.lstsq(X[:n], Y)
    df = n - 2 - 1
    V = rss[0] / df * np.linalg.inv(X[:n].T @ X[:n])
    marginals = exact.marginals(Y)
    for k in range(2):
        expected = stats.t(df, fit[k], V[k, k] ** 0.5)
        assert_allclose(marginals[f"beta[{k}]"].ppf(LEVELS), expected.ppf(LEVELS), rtol=IDENTITY)
        assert marginals[f"beta[{k}]"].ppf(0.5) == marginals[f"beta[{k}]"].mean()
    variance = stats.invgamma(df / 2, scale=rss[0] / 2)
    assert_allclose(marginals["noise_sd"].ppf(LEVELS) ** 2, variance.ppf(LEVELS), rtol=IDENTITY)
    assert_allclose(marginals["noise_sd"].var() + marginals["noise_sd"].mean() ** 2, variance.mean(), rtol=IDENTITY)
    x = X[n]
    predictive = stats.t(df, x @ fit, (rss[0] / df + x @ V @ x) ** 0.5)
    assert_allclose(exact.predictive(Y).ppf(LEVELS), predictive.ppf(LEVELS), rtol=IDENTITY)
    # p(y_new | y) = p(y, y_new) / p(y), improper as the prior is
    longer = exact.log_evidence([*Y, 2.0]) - exact.log_evidence(Y)
    assert_allclose(exact.predictive(Y).logpdf(2.0), longer, rtol=IDENTITY)


@pytest.mark.parametrize("n", [5, 8])
def test_a_wide_uniform_prior_by_quadrature_is_flat(n):
    closed, wide = model(), model(ScalePrior("uniform", 1e9))
    assert_allclose(wide.log_evidence(Y[:n]) + math.log(1e9), closed.log_evidence(Y[:n]), atol=IDENTITY)
    if n < 8:  # p(beta) has few moments
        return
    for name, marginal in closed.marginals(Y[:n]).items():
        other = wide.marginals(Y[:n])[name]
        assert_allclose(other.ppf(LEVELS), marginal.ppf(LEVELS), atol=IDENTITY * marginal.std())
        assert_allclose([other.mean(), other.std()], [marginal.mean(), marginal.std()], rtol=1e3 * IDENTITY)


def test_the_median_of_a_symmetric_mixture_is_its_mean():
    for marginal in model(ScalePrior("half_cauchy", 2.5)).marginals(Y).values():
        if abs(marginal.ppf(0.95) + marginal.ppf(0.05) - 2 * marginal.mean()) < QUADRATURE:
            assert_allclose(marginal.ppf(0.5), marginal.mean(), atol=EXACT * marginal.std())
    exact = model(PRIORS["half_t"], prior_sds=[2.0, 1.0], prior_mean=[3.0, 1e6])
    for k, marginal in enumerate(list(exact.marginals([]).values())[:2]):
        assert_allclose(
            marginal.ppf(LEVELS), stats.norm(exact.prior_mean[k], exact.prior_sds[k]).ppf(LEVELS), rtol=EXACT
        )


def test_narrow_priors_leave_the_noise_alone():
    exact = model(PRIORS["gamma"], prior_sds=[1e-9, 1e-9], prior_mean=[0.5, 1.5])
    assert_allclose(exact.log_evidence(Y), log_integral(exact, Y), rtol=BY_SCIPY)


# ---- quadrature against scipy's


@pytest.mark.parametrize("family", PARAMETERS)
def test_every_noise_prior_is_integrated(family):
    for sds in ([math.inf, 0.7], [1.5, 0.7]):
        exact = model(PRIORS[family], prior_sds=sds, prior_mean=[0.4, 1.1])
        total = log_integral(exact, Y)
        assert_allclose(exact.log_evidence(Y), total, rtol=BY_SCIPY)
        sigma = exact.marginals(Y)["noise_sd"]
        assert_allclose(math.log(sigma.mean()), log_integral(exact, Y, power=1) - total, atol=BY_SCIPY)
        second = sigma.var() + sigma.mean() ** 2
        assert_allclose(math.log(second), log_integral(exact, Y, power=2) - total, atol=BY_SCIPY)
        assert_allclose(sigma.cdf(sigma.ppf(LEVELS)), LEVELS, atol=IDENTITY)


@pytest.mark.parametrize("family", PARAMETERS)
def test_bayes_rule_and_the_program(family):
    """log p(y, theta) of the PyMC program less log p(theta | y) is log p(y), flat priors included."""
    exact = model(PRIORS[family], prior_sds=[math.inf, 0.7], prior_mean=[0.4, 1.1])
    program = independent_regression.program(exact, Y)
    log_joint = program.compile_fn(program.logp(jacobian=False), inputs=program.value_vars, mode="FAST_COMPILE")
    joint = exact.posterior(Y)
    for params in ({"beta": np.array([0.2, 1.7]), "noise_sd": 0.6}, {"beta": np.array([2.0, -1.0]), "noise_sd": 1.9}):
        point = {}
        for variable in program.free_RVs:
            value, transform = program.rvs_to_values[variable], program.rvs_to_transforms[variable]
            parameter = np.asarray(params[variable.name])
            if transform:
                parameter = transform.forward(parameter, *variable.owner.inputs).eval(mode="FAST_COMPILE")
            point[value.name] = parameter
        assert_allclose(float(log_joint(point)) - joint.logpdf(params), exact.log_evidence(Y), rtol=PROGRAM)


@pytest.mark.parametrize("family", ["half_cauchy", "uniform", "flat"])
def test_draws_are_those_of_the_marginals(family):
    exact = model(PRIORS[family], prior_sds=[math.inf, 0.7], prior_mean=[0.4, 1.1])
    draws, marginals = exact.posterior(Y).rvs(4000, np.random.default_rng(3)), exact.marginals(Y)
    for name, values in [("beta[0]", draws["beta"][:, 0]), ("beta[1]", draws["beta"][:, 1])]:
        assert stats.kstest(values, marginals[name].cdf).pvalue > FALSE_ALARM
    assert stats.kstest(draws["noise_sd"], marginals["noise_sd"].cdf).pvalue > FALSE_ALARM


def test_a_wide_or_badly_conditioned_design_costs_no_digit():
    rng = np.random.default_rng(5)
    year = np.arange(1952.0, 2014.0)
    y = 9.0 + 0.02 * (year - 1980) + rng.normal(size=62)
    raw = model(PRIORS["half_normal"], design=np.column_stack([np.ones(62), year]))
    centred = model(PRIORS["half_normal"], design=np.column_stack([np.ones(62), year - 1980]))
    assert_allclose(raw.log_evidence(y), centred.log_evidence(y), rtol=IDENTITY)
    slopes = [exact.marginals(y)["beta[1]"] for exact in (raw, centred)]
    assert_allclose(slopes[0].ppf(LEVELS), slopes[1].ppf(LEVELS), atol=1e3 * IDENTITY * slopes[1].std())
    # more coefficients than observations
    design, few = rng.normal(size=(4, 7)), np.array([1.0, -2.0, 0.5])
    exact = model(PRIORS["gamma"], design=design, prior_mean=np.zeros(7), prior_sds=np.full(7, 0.9))
    assert_allclose(exact.log_evidence(few), log_integral(exact, few), rtol=BY_SCIPY)
    steps = sum(exact.predictive(few[:i]).logpdf(few[i]) for i in range(3))
    assert_allclose(exact.log_evidence(few), steps, rtol=IDENTITY)


@pytest.mark.parametrize("a", [0.3, 0.8, 1.5, 40.0, 1e6])
def test_the_root_of_an_inverse_gamma(a):
    x, b = root_inverse_gamma(a, scale=3.0), stats.invgamma(a, scale=9.0)
    assert_allclose(x.ppf(LEVELS) ** 2, b.ppf(LEVELS), rtol=IDENTITY)
    place = x.ppf(0.3)
    assert_allclose(x.pdf(place), 2 * place * b.pdf(place**2), rtol=1e-8)
    with mpmath.workdps(40):
        A = mpmath.mpf(a)
        mean = 3 * mpmath.gamma(A - 0.5) / mpmath.gamma(A) if a > 0.5 else mpmath.inf
        assert_allclose(x.mean(), float(mean), rtol=EXACT)
        if a > 1:
            assert_allclose(x.var(), float(9 / (A - 1) - mean**2), rtol=1e-8)
    assert np.isfinite(x.rvs(3, random_state=np.random.default_rng(0))).all()


# ---- what has no answer


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prior_sds": [1.0]}, "`prior_sds` must have 2 numbers, one a column"),
        ({"prior_sds": [1.0, 0.0]}, "`prior_sds` must hold positive numbers"),
        ({"prior_sds": [1.0, -math.inf]}, "`prior_sds` must"),
        ({"prior_sds": [1.0, math.nan]}, "`prior_sds` must"),
        ({"prior_sds": "ab"}, "`prior_sds` must have 2 numbers"),
        ({"noise_prior": 2.0}, "`noise_prior` must be a ScalePrior such as"),
        ({"design": [[1.0]]}, "`design` must be a matrix of numbers .* 2 column"),
    ],
)
def test_bad_hyperparameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(model(PRIORS["gamma"], prior_sds=[1.0, 1.0]), **change)


@pytest.mark.parametrize(
    ("noise_prior", "sds", "least"),
    [
        (FLAT, [math.inf, math.inf], 4),
        (FLAT, [math.inf, 1.0], 3),
        (FLAT, [1.0, 1.0], 2),
        (PRIORS["half_cauchy"], [math.inf, math.inf], 2),
        (PRIORS["half_normal"], [math.inf, 1.0], 1),
    ],
)
def test_an_improper_posterior_is_refused(noise_prior, sds, least):
    exact = model(noise_prior, prior_sds=sds)
    with pytest.raises(ValueError, match=f"`y` must have at least {least} numbers for a proper posterior"):
        exact.log_evidence(Y[: least - 1])
    assert math.isfinite(exact.log_evidence(Y[:least]))
    assert math.isfinite(exact.predictive(Y[:least]).ppf(0.3))


def test_what_flat_priors_cannot_do_is_refused():
    with pytest.raises(ValueError, match="a flat prior has no draws: `simulate` needs finite"):
        model().simulate(np.random.default_rng(0), 3)
    twins = np.column_stack([np.ones(8), np.ones(8)])
    with pytest.raises(ValueError, match="`prior_sds` must not be inf for columns of `design` that depend"):
        model(design=twins).log_evidence(Y)
    assert math.isfinite(model(PRIORS["gamma"], prior_sds=[math.inf, 1.0], design=twins).log_evidence(Y))
    with pytest.raises(ValueError, match="`y` must not be fitted exactly"):
        model().log_evidence(X[:8] @ [1.0, 2.0])
    exact = model(PRIORS["inverse_gamma"])
    assert math.isfinite(exact.log_evidence(X[:8] @ [1.0, 2.0]))


def test_hubbles_slope_is_that_of_least_squares_with_flat_priors():
    hubble = get_model("independent_regression")
    flat = replace(hubble.exact, prior_sds=[math.inf, math.inf], noise_prior=FLAT)
    assert_allclose(flat.marginals(hubble.y)["beta[1]"].mean(), 454.16, atol=0.005)
