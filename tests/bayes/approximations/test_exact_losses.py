"""What is lost: known divergences and scores, exact draws that lose nothing, and wrong ones that do."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from bayes.approximations.exact_losses import losses
from bayes.approximations.laplace_method import laplace
from bayes.approximations.marginal_losses import LEVELS
from bayes.approximations.point_estimates import plug_in_loss, point_estimate
from bayes.approximations.predictive_losses import predictive_loss
from bayes.exact.distribution import joint_draws
from bayes.exact.normal_normal import log_score_loss
from bayes.registry import get_model
from tests.bayes.approximations.made import approximation
from tests.nightly import nightly_but
from tests.tolerances import BY_QUADRATURE, MONTE_CARLO

MODEL = get_model("normal_normal")
POSTERIOR = MODEL.exact.posterior(MODEL.y)


def moved(shift, scale):
    """The normal posterior, moved by ``shift`` sds and ``scale`` times as wide."""
    mean, sd = POSTERIOR.mean() + shift * POSTERIOR.std(), scale * POSTERIOR.std()
    return losses(approximation(MODEL.program(), [mean], [[sd**2]], draws=10_000), MODEL)


@pytest.mark.parametrize("name", nightly_but(["normal_normal"], ["normal_normal", "multivariate_normal"]))
def test_laplace_loses_nothing_on_a_normal_posterior(name):
    model = get_model(name)
    result = losses(laplace(model.program(), seed=2), model)
    assert result.verdict == "pass"
    assert abs(result.kl) < BY_QUADRATURE
    assert max(abs(marginal.kl) for marginal in result.marginals) < BY_QUADRATURE
    assert abs(result.predictive.nats) < MONTE_CARLO * result.predictive.standard_error
    for level in LEVELS:
        assert abs(result.coverage(level) - level) < MONTE_CARLO * (level * (1 - level) / 10_000) ** 0.5


@pytest.mark.parametrize(
    ("shift", "scale"), nightly_but([(0.5, 0.7)], [(0.5, 0.7), (0.5, 1.0), (0.0, 0.7), (-0.3, 1.4)])
)
def test_a_wrong_normal_loses_what_the_formulas_say(shift, scale):
    result = moved(shift, scale)
    (mu,) = result.marginals
    assert result.verdict == "fail"
    # KL(N(shift, scale^2) || N(0, 1)) and its reverse
    kl = 0.5 * (scale**2 + shift**2 - 1) - np.log(scale)
    reverse = 0.5 * ((1 + shift**2) / scale**2 - 1) + np.log(scale)
    assert abs(result.kl - kl) < MONTE_CARLO * result.kl_se
    assert abs(mu.kl - reverse) < BY_QUADRATURE
    assert abs(mu.location_error - shift) < MONTE_CARLO * scale / 100
    assert abs(mu.log_sd_ratio - np.log(scale)) < MONTE_CARLO / (2 * 10_000) ** 0.5
    half = scale * norm.ppf(0.95)
    covered = norm.cdf(shift + half) - norm.cdf(shift - half)
    assert abs(result.coverage(0.9) - covered) < MONTE_CARLO * 0.01
    predictive = MODEL.exact.predictive(MODEL.y)
    sd = np.hypot(scale * POSTERIOR.std(), MODEL.exact.noise_sd)
    lost = log_score_loss(predictive, norm(POSTERIOR.mean() + shift * POSTERIOR.std(), sd))
    assert abs(result.predictive.nats - lost) < MONTE_CARLO * result.predictive.standard_error


def test_the_table_has_the_verdict_and_every_parameter():
    text = str(moved(0.5, 1.0))
    assert text.startswith("made of normal_normal: fail")
    assert "mu " in text
    assert "Pareto k" in text


def test_the_divergence_of_a_transformed_marginal_is_that_of_the_logit():
    """KL(Beta(a, b) || logit-normal) = -H[Beta] + E[1/2 log(2 pi s^2) + (z - m)^2 / (2 s^2) + log theta(1 - theta)]."""
    model = get_model("beta_binomial")
    posterior = model.exact.posterior(model.y)
    result = laplace(model.program(), seed=1, draws=1000)
    (m,), s = result.mean, result.covariance[0, 0] ** 0.5
    theta = posterior.ppf((np.arange(200_000) + 0.5) / 200_000)
    z = np.log(theta) - np.log1p(-theta)
    by_midpoints = np.mean(posterior.logpdf(theta) - norm.logpdf(z, m, s) + np.log(theta) + np.log1p(-theta))
    (marginal,) = losses(result, model).marginals
    assert abs(marginal.kl - by_midpoints) < BY_QUADRATURE


PLUG_INS = {"MLE": "mle_predictive", "MAP": "map_predictive"}


@pytest.mark.parametrize("estimate", PLUG_INS)
def test_plug_ins_lose_what_the_first_page_says(estimate):
    plug_in = getattr(MODEL.exact, PLUG_INS[estimate])(MODEL.y)
    exact = log_score_loss(MODEL.exact.predictive(MODEL.y), plug_in)
    result = plug_in_loss(MODEL, estimate)
    assert abs(result.nats - exact) < BY_QUADRATURE
    assert exact > 100 * BY_QUADRATURE
    assert result.standard_error == 0


def test_an_estimate_that_is_no_point_is_refused():
    with pytest.raises(ValueError, match="`estimate` = MLE of hierarchical_normal is no single point"):
        point_estimate(get_model("hierarchical_normal"), "MLE")


PUSH = ["gamma_poisson", "linear_regression", "hierarchical_normal"]
EVERY = [
    *("normal_normal", "normal_variance", "normal_inverse_gamma", "beta_binomial", "gamma_exponential"),
    *("multivariate_normal", "independent_regression", "logistic_regression", "dirichlet_multinomial"),
    *("capture_recapture", "gaussian_process"),
    *PUSH,
]


@pytest.mark.parametrize("name", nightly_but(PUSH, EVERY))
def test_exact_draws_lose_nothing_in_prediction(name):
    model = get_model(name)
    draws = joint_draws(model.exact.posterior(model.y), model.variables, 1000, np.random.default_rng(5))
    result = predictive_loss(model, draws)
    assert abs(result.nats) < MONTE_CARLO * result.standard_error
    # Negative control: every draw is the same, so that the predictive is a plug-in.
    stuck = predictive_loss(model, {variable: values[:1] for variable, values in draws.items()})
    assert stuck.nats > MONTE_CARLO * result.standard_error


def test_draws_of_another_model_are_refused():
    wrong = approximation(get_model("gamma_poisson").program(), [0.0], [[1.0]], draws=100)
    with pytest.raises(ValueError, match="no draws of mu"):
        losses(wrong, MODEL)


def test_an_elbo_above_the_log_evidence_is_that_of_another_model():
    model = get_model("normal_normal")
    fitted = laplace(model.program(), seed=0)
    with pytest.raises(ValueError, match="it approximates another model, or other data"):
        losses(replace(fitted, elbo=fitted.elbo + 0.5), model)


def test_what_losses_are_not_of_is_refused():
    fitted = approximation(MODEL.program(), [POSTERIOR.mean()], [[POSTERIOR.var()]], draws=400)
    with pytest.raises(ValueError, match="in this order, got Model and Approximation"):
        losses(MODEL, fitted)
    other = MODEL.with_data(MODEL.y[::-1] - 0.01)  # its log evidence is higher, so that the ELBO shows nothing
    assert other.exact.log_evidence(other.y) > fitted.elbo
    with pytest.raises(ValueError, match=r"fitted to other data than those of normal_normal \(own\)"):
        losses(fitted, other)
    with pytest.raises(ValueError, match=r"`level` must be one of 0.5, 0.9, 0.95, got 0.8"):
        losses(fitted, MODEL).coverage(0.8)


def test_the_name_of_an_estimate_is_one_of_two():
    with pytest.raises(ValueError, match="`estimate` must be 'MLE' or 'MAP', got 'mle'"):
        point_estimate(get_model("normal_normal"), "mle")
