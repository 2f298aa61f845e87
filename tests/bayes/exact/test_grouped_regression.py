"""Regression with groups against dense normal vectors, integrals by scipy, and limits with a closed form."""

import importlib
from dataclasses import replace
from math import inf, log, pi

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.special import logsumexp
from scipy.stats import gamma, kstest, multivariate_normal, norm

from bayes.exact.grouped_regression import EXAMPLE, GroupedRegression
from bayes.exact.numerics import grouped_normal
from bayes.exact.scale_priors import ScalePrior
from bayes.registry import one_step_log_predictives
from tests.tolerances import EXACT, FALSE_ALARM, IDENTITY, PROGRAM, QUADRATURE, SAME_INTEGRAL

HALF = ScalePrior("half_normal", 1.3)
MODEL = GroupedRegression(
    design=[(1.0, -1.2, 0.3), (1.0, 0.4, 0.3), (1.0, 0.9, -0.8), (1.0, 2.1, -0.8), (1.0, -0.3, 1.4), (1.0, 0.2, 0.1)],
    groups=[0, 0, 2, 2, 1, 2],
    varying=0,
    prior_mean=[0.4, -0.3, 0.2],
    prior_sd=[1.5, 0.8, 2.0],
    group_prior=HALF,
    noise_prior=ScalePrior("half_t", 4.0, 0.9),
)
Y = np.array([1.3, -0.4, 2.2, 0.1, 1.9, -0.7])
SLOPES = replace(MODEL, varying=1)


def dense(model, y, group_sd, noise_sd):
    """Mean and covariance of (beta, u, y) given both sds."""
    n, K, J = len(y), model.design.shape[1], model.group_count
    F, z = model.design[:n], model.design[:n, model.varying]
    Z = z[:, None] * (model.groups[:n, None] == np.arange(J))
    A = np.hstack([F, Z])
    prior = np.diag([*model.prior_sd**2, *[group_sd**2] * J])
    covariance = np.block([[prior, prior @ A.T], [A @ prior, A @ prior @ A.T + noise_sd**2 * np.eye(n)]])
    mean = np.concatenate([model.prior_mean, np.zeros(J)])
    return np.concatenate([mean, A @ mean]), covariance, K + J


def given_sds(model, y, group_sd, noise_sd):
    """Log p(y | sds), and mean and covariance of (beta, u) given y and both sds, by the formula for normal vectors."""
    mean, covariance, p = dense(model, y, group_sd, noise_sd)
    gain = np.linalg.solve(covariance[p:, p:], covariance[p:, :p]).T
    root = np.linalg.cholesky(covariance[p:, p:])
    z = np.linalg.solve(root, y - mean[p:])
    log_likelihood = -np.sum(np.log(np.diag(root))) - len(y) / 2 * log(2 * pi) - z @ z / 2
    return log_likelihood, mean[:p] + gain @ (y - mean[p:]), covariance[:p, :p] - gain @ covariance[p:, :p]


def sufficient(model, y):
    n = len(y)
    return grouped_normal.sufficient(
        model.design[:n], model.groups[:n], model.varying, y, model.prior_mean, model.prior_sd, model.group_count
    )


def by_force(model, y):
    """The evidence by the trapezoid rule in log sds, with the dense covariance at every place."""
    v, w = (grid.ravel() for grid in np.meshgrid(np.linspace(-15, 6, 240), np.linspace(-6, 6, 180), indexing="ij"))
    mean, without, p = dense(model, y, 1e-300, 1e-300)
    groups, noise = dense(model, y, 1.0, 1e-300)[1] - without, np.eye(len(y))
    covariance = without[p:, p:] + np.exp(2 * v)[:, None, None] * groups[p:, p:] + np.exp(2 * w)[:, None, None] * noise
    z = np.linalg.solve(covariance, np.broadcast_to((y - mean[p:])[:, None], (len(v), len(y), 1)))[..., 0]
    log_likelihood = -(np.linalg.slogdet(covariance)[1] + z @ (y - mean[p:]) + len(y) * log(2 * pi)) / 2
    log_density = log_likelihood + model.group_prior.logpdf(np.exp(v)) + model.noise_prior.logpdf(np.exp(w)) + v + w
    return logsumexp(log_density) + log(21 / 239 * 12 / 179)


# ---- given both standard deviations


@pytest.mark.parametrize("model", [MODEL, SLOPES])
@pytest.mark.parametrize("n", [0, 1, 2, 6])
@pytest.mark.parametrize(("group_sd", "noise_sd"), [(0.7, 0.4), (1e-7, 2.0), (3.0, 1e-3), (1e3, 1.0)])
def test_everything_given_both_sds_is_that_of_a_normal_vector(model, n, group_sd, noise_sd):
    y, K = Y[:n], 3
    s = sufficient(model, y)
    given = grouped_normal.conditional(s, np.array([group_sd]), np.array([noise_sd]))
    log_likelihood = grouped_normal.log_likelihood(s, np.array([group_sd]), np.array([noise_sd]))[0]
    if n == 0:
        assert abs(log_likelihood) < EXACT
        return
    expected = given_sds(model, y, group_sd, noise_sd)
    size = 1 + abs(expected[0])
    assert_allclose(log_likelihood, expected[0], atol=1e3 * IDENTITY * size)  # the dense covariance loses digits
    for j in range(model.group_count):
        on = np.zeros(K + model.group_count)
        on[[model.varying, K + j]] = 1
        mean, var = given.combination(s.T[model.varying], [j], np.array([[group_sd]]))
        assert_allclose(s.origin[model.varying] + mean, on @ expected[1], atol=1e-8)
        assert_allclose(var, on @ expected[2] @ on, rtol=1e-6, atol=1e-12)


def test_small_sds_cancel_nothing():
    """A group of two, that a slope fits exactly: as noise_sd goes to 0, the likelihood has a limit."""
    s = sufficient(MODEL, Y[:2])
    values = grouped_normal.log_likelihood(s, np.full(4, 0.6), np.array([1e-6, 1e-9, 1e-12, 1e-15]))
    assert_allclose(values, values[0], rtol=1e-9)


# ---- the evidence


@pytest.mark.parametrize(
    "model",
    [
        replace(MODEL, noise_prior=ScalePrior("inverse_gamma", 2.5, 1.5), group_prior=ScalePrior("gamma", 3.0, 2.0)),
        replace(SLOPES, noise_prior=ScalePrior("uniform", 500), group_prior=ScalePrior("half_cauchy", 0.7)),
    ],
)
def test_the_evidence_is_that_of_dense_normal_vectors(model):
    assert_allclose(model.log_evidence(Y), by_force(model, Y), rtol=QUADRATURE)


@pytest.mark.parametrize("model", [MODEL, SLOPES, replace(MODEL, group_prior=ScalePrior("uniform", 2.0))])
def test_the_evidence_is_the_product_of_predictives(model):
    steps = one_step_log_predictives(model, Y)
    assert_allclose(model.log_evidence(Y), steps.sum(), atol=SAME_INTEGRAL)


def test_priors_that_are_almost_known_sds_give_the_evidence_of_a_normal_vector():
    shape = 1e7  # sds of 3e-4 of their mean; a larger shape costs digits of scipy's gamma density
    model = replace(
        MODEL, group_prior=ScalePrior("gamma", shape, shape / 0.8), noise_prior=ScalePrior("gamma", shape, shape / 0.5)
    )
    assert_allclose(model.log_evidence(Y), given_sds(MODEL, Y, 0.8, 0.5)[0], rtol=QUADRATURE)


def test_bayes_rule_holds_at_any_parameters():
    """Log p(y, theta) - log p(theta | y), with the posterior as that of the sds times that of a normal vector."""
    posterior, K, v = MODEL.posterior(Y), 3, MODEL.varying
    marginal = MODEL.marginals(Y)["group_sd"]
    for group_sd, noise_sd, shift in [(0.3, 0.9, 0.1)]:
        log_likelihood, mean, covariance = given_sds(MODEL, Y, group_sd, noise_sd)
        x = mean + shift
        params = {"beta": x[:K], "theta": x[v] + x[K:], "group_sd": group_sd, "noise_sd": noise_sd}
        priors = HALF.logpdf(group_sd) + MODEL.noise_prior.logpdf(noise_sd)
        expected = priors + log_likelihood + multivariate_normal(mean, covariance).logpdf(x) - MODEL.log_evidence(Y)
        assert_allclose(posterior.logpdf(params), expected, rtol=IDENTITY)
        # the marginal of a sd is the integral over the other one
        v = np.linspace(-9, 4, 261)
        given = [given_sds(MODEL, Y, group_sd, noise_sd)[0] for noise_sd in np.exp(v)]
        joint = np.sum(np.exp(given + MODEL.noise_prior.logpdf(np.exp(v)) + v - MODEL.log_evidence(Y))) * (v[1] - v[0])
        assert_allclose(marginal.logpdf(group_sd), log(joint) + HALF.logpdf(group_sd), rtol=QUADRATURE)


# ---- improper priors


def test_a_flat_coefficient_is_the_limit_of_a_wide_prior():
    flat, sd = replace(MODEL, prior_sd=[inf, 0.8, 2.0]), 1e6
    wide = replace(MODEL, prior_sd=[sd, 0.8, 2.0])
    limit = wide.log_evidence(Y) + log(sd) + log(2 * pi) / 2
    assert_allclose(flat.log_evidence(Y), limit, rtol=1e-9)
    assert_allclose(flat.marginals(Y)["beta[0]"].mean(), wide.marginals(Y)["beta[0]"].mean(), rtol=1e-9)


def test_flat_sds_are_the_limit_of_a_uniform_prior():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(12), 3)
    common = {"design": np.ones((36, 1)), "groups": groups, "varying": 0, "prior_mean": [0.0], "prior_sd": [2.0]}
    y = rng.normal(size=12)[groups] + 0.5 * rng.normal(size=36)
    upper = 1e4
    flat = GroupedRegression(**common, group_prior=ScalePrior("flat"), noise_prior=ScalePrior("flat"))
    wide = GroupedRegression(
        **common, group_prior=ScalePrior("uniform", upper), noise_prior=ScalePrior("uniform", upper)
    )
    assert_allclose(flat.log_evidence(y), wide.log_evidence(y) + 2 * log(upper), rtol=IDENTITY)
    for name in ("group_sd", "noise_sd"):
        assert_allclose(flat.marginals(y)[name].ppf(0.3), wide.marginals(y)[name].ppf(0.3), rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "y", "message"),
    [
        ({"prior_sd": [inf, inf, inf]}, Y[:2], "do not determine the 3 coefficient"),
        ({"group_prior": ScalePrior("flat")}, Y[:2], "`group_prior` is flat, and `y` has observations of 1 group"),
        ({"noise_prior": ScalePrior("flat"), "prior_sd": [inf, inf, inf]}, Y[:4], "proper from 5 on"),
        ({"prior_sd": [1.0, 1.0, 1.0]}, np.zeros(6), "fitted exactly"),
    ],
)
def test_an_improper_posterior_is_refused(changes, y, message):
    model = replace(MODEL, **changes)
    with pytest.raises(ValueError, match=message):
        model.log_evidence(y)


def test_there_is_nothing_to_simulate_from_a_flat_prior():
    with pytest.raises(ValueError, match="a flat prior is no distribution to simulate from"):
        replace(MODEL, prior_sd=[inf, 1, 1]).simulate(np.random.default_rng(0), 2)


# ---- marginals


def test_further_marginals_are_those_of_the_draws():
    draws = MODEL.posterior(Y).rvs(3000, np.random.default_rng(5))
    distance = (draws["theta"] - draws["beta"][:, :1]) / draws["group_sd"][:, None]
    assert_allclose(distance, draws["distance"], atol=1e-6)
    for j in range(3):
        assert kstest(distance[:, j], MODEL.further_marginals(Y)[f"distance[{j}]"].cdf).pvalue > FALSE_ALARM


def test_a_group_without_data_has_the_distribution_of_a_new_one():
    model = replace(MODEL, groups=[0, 0, 2, 2, 2, 1])
    marginals, further = model.marginals(Y[:5]), model.further_marginals(Y[:5])
    assert_allclose(further["distance[1]"].ppf([0.01, 0.5, 0.9]), norm.ppf([0.01, 0.5, 0.9]), atol=IDENTITY)
    assert_allclose(marginals["theta[1]"].mean(), marginals["beta[0]"].mean(), rtol=IDENTITY)


def test_quantiles_and_probabilities_are_inverse():
    q = np.array([1e-6, 0.05, 0.5, 0.95, 1 - 1e-6])
    for marginal in [*MODEL.marginals(Y).values(), *MODEL.further_marginals(Y).values(), MODEL.predictive(Y[:5])]:
        assert_allclose(marginal.cdf(marginal.ppf(q)), q, atol=IDENTITY)
        assert_allclose(marginal.sf(marginal.ppf(q)), 1 - q, atol=IDENTITY)
        assert_allclose(integrate.quad(marginal.pdf, *marginal.ppf([0.2, 0.6]))[0], 0.4, rtol=QUADRATURE)


def test_data_far_from_0_cost_no_digits():
    far, wide = 2.0**30, replace(MODEL, prior_sd=[inf, 0.8, 2.0])
    y = np.round(Y * 2**10) / 2**10  # so that y + far is a float64
    assert_allclose(wide.log_evidence(y + far), wide.log_evidence(y), rtol=EXACT)
    near, moved = wide.marginals(y), wide.marginals(y + far)
    assert_allclose(moved["theta[1]"].ppf(0.3) - far, near["theta[1]"].ppf(0.3), atol=1e-6)  # the last bit of 1e9
    assert_allclose(moved["theta[1]"].std(), near["theta[1]"].std(), rtol=IDENTITY)


def test_without_data_scales_have_their_priors():
    marginals = replace(MODEL, group_prior=ScalePrior("gamma", 2.2, 1.4)).marginals([])
    assert_allclose(marginals["group_sd"].ppf([0.1, 0.9]), gamma(2.2, scale=1 / 1.4).ppf([0.1, 0.9]), rtol=IDENTITY)


def test_moments_that_do_not_exist_are_infinite():
    model = replace(MODEL, group_prior=ScalePrior("half_cauchy", 1.0))
    assert model.marginals([])["group_sd"].mean() == inf
    assert model.marginals(Y[:2])["theta[0]"].std() < inf
    assert model.marginals([])["theta[0]"].var() == inf
    assert model.marginals(Y)["group_sd"].var() < inf


# ---- bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": [0, 0, 1]}, "`groups` must be 6 whole numbers from 0"),
        ({"groups": [0, 0, 1, 1, 2, 0.5]}, "number the groups from 0"),
        ({"varying": 3}, "`varying` must be a whole number from 0 to 2, a column of `design`, got 3"),
        ({"prior_sd": [1.0, -1.0, 1.0]}, "`prior_sd` must hold positive numbers"),
        ({"prior_sd": [1.0]}, "`prior_sd` must be 3 numbers"),
        ({"group_prior": 2.5}, "`group_prior` must be a ScalePrior, such as"),
        ({"prior_mean": [0.0]}, "`design` must be a matrix"),
    ],
)
def test_hyperparameters_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(MODEL, **changes)


def test_observations_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="`y` must have at most 6 numbers"):
        MODEL.posterior(np.ones(7))
    with pytest.raises(ValueError, match="there is none left to predict"):
        MODEL.predictive(Y)
    with pytest.raises(ValueError, match="`n` must be at most 6"):
        MODEL.simulate(np.random.default_rng(0), 7)


def test_the_example_is_not_the_prior():
    """Negative control: another prior of a sd has another evidence."""
    other = replace(EXAMPLE.model, group_prior=ScalePrior("half_normal", 8.0))
    assert abs(other.log_evidence(EXAMPLE.y) - EXAMPLE.model.log_evidence(EXAMPLE.y)) > 0.1


def test_the_program_has_the_density_of_the_formulas():
    program = importlib.import_module("bayes.programs.grouped_regression").program(EXAMPLE.model, EXAMPLE.y)
    exact, y = EXAMPLE.model, np.array(EXAMPLE.y)
    joint = exact.posterior(y)
    draws = {name: values[0] for name, values in joint.rvs(1, np.random.default_rng(2)).items()}
    point = {}
    for variable in program.free_RVs:
        transform = program.rvs_to_transforms[variable]
        value = np.asarray(draws[variable.name])
        if transform:
            value = transform.forward(value, *variable.owner.inputs).eval(mode="FAST_COMPILE")
        point[program.rvs_to_values[variable].name] = value
    log_joint = float(program.compile_logp(jacobian=False, mode="FAST_COMPILE")(point))
    # p(theta | ...) = p(distance) / group_sd^J
    log_joint -= exact.group_count * np.log(draws["group_sd"])
    assert_allclose(log_joint, joint.logpdf(draws) + exact.log_evidence(y), rtol=PROGRAM)
