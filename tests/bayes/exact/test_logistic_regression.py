"""Logistic regression: units of a predictor, flat priors, separable classes, large data and correlated coefficients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.special import expit

from bayes.exact.logistic_regression import LogisticRegression
from tests.tolerances import IDENTITY, QUADRATURE

X = np.array([(1.0, v) for v in (-1.5, -0.4, 0.1, 0.6, 1.2, 2.0, -0.9)])
Y = [0, 1, 0, 1, 1, 1]
FLAT = [np.inf, np.inf]


def flat(design):
    return LogisticRegression(design=design, prior_mean=[0, 0], prior_sds=FLAT)


def test_bayes_rule_holds_at_any_coefficients():
    model = LogisticRegression(design=X, prior_mean=[0.3, -0.2], prior_sds=[1.4, 0.8])
    for beta in ([0.0, 0.0], [1.0, -2.0], [-4.0, 5.0]):
        eta = (2 * np.array(Y) - 1) * (X[: len(Y)] @ beta)
        log_joint = np.sum(np.log(expit(eta))) + model.log_prior(*beta)
        log_posterior = model.posterior(Y).logpdf({"beta": np.array(beta)})
        assert_allclose(log_joint - log_posterior, model.log_evidence(Y), rtol=IDENTITY)


def test_a_flat_prior_is_the_limit_of_wide_ones():
    sd = 1e4
    wide = LogisticRegression(design=X, prior_mean=[0, 0], prior_sds=[sd, sd])
    shift = 2 * np.log(sd * np.sqrt(2 * np.pi))
    assert_allclose(wide.log_evidence(Y) + shift, flat(X).log_evidence(Y), rtol=QUADRATURE)


def test_a_flat_evidence_is_the_integral_of_the_likelihood():
    model = LogisticRegression(design=X, prior_mean=[0, 0], prior_sds=[np.inf, 0.5])
    signed = (2 * np.array(Y) - 1)[:, None] * X[: len(Y)]

    def density(beta1, beta0):
        return np.prod(expit(signed @ [beta0, beta1])) * np.exp(-2 * beta1**2) / np.sqrt(np.pi / 2)

    expected = np.log(integrate.dblquad(density, -25, 25, -5, 5, epsabs=1e-9, epsrel=1e-7)[0])
    assert_allclose(model.log_evidence(Y), expected, rtol=QUADRATURE)


def test_the_unit_and_the_origin_of_a_predictor_do_not_matter():
    """beta1 scales with the unit; an origin far away correlates the coefficients to 1 - 1e-9, at no cost."""
    centred = flat(X)
    other = flat(np.column_stack([X[:, 0], 1e4 + 0.1 * X[:, 1]]))
    assert_allclose(other.log_evidence(Y) - centred.log_evidence(Y), np.log(10), rtol=1e-9)
    a, b = centred.marginals(Y)["beta[1]"], other.marginals(Y)["beta[1]"]
    assert_allclose(b.mean() / 10, a.mean(), rtol=1e-9)
    assert_allclose(b.ppf([0.05, 0.5, 0.95]) / 10, a.ppf([0.05, 0.5, 0.95]), rtol=1e-9)


def test_many_rows_are_interpolated_as_exactly_as_equal_rows_are_grouped():
    rng = np.random.default_rng(5)
    x = rng.choice(np.linspace(-1, 1, 40), size=2000)
    y = rng.binomial(1, expit(0.4 - x))
    design = np.column_stack([np.ones(2000), x])
    nearly = design + np.column_stack([np.zeros(2000), 1e-15 * np.arange(2000)])  # hundreds of different rows
    assert len(np.unique(nearly, axis=0)) > 1000
    few, many = flat(design), flat(nearly)
    assert_allclose(many.log_evidence(y), few.log_evidence(y), rtol=IDENTITY)
    for name, marginal in few.marginals(y).items():
        assert_allclose(many.marginals(y)[name].ppf(0.05), marginal.ppf(0.05), rtol=1e-10)


@pytest.mark.parametrize(
    ("design", "sds", "y"),
    [
        (X, FLAT, []),
        (X, FLAT, [1, 1, 1]),
        (X, FLAT, [0, 0, 1, 1, 1, 1]),  # separable
        ([(1.0, 0.1), (1.0, 0.1), (1.0, 0.2)], FLAT, [0, 1, 1]),  # not quite: both classes at the boundary
        (X, [np.inf, 1.0], [1, 1, 1]),
        (X * [1.0, 0.0], FLAT, Y),  # a column of zeros
    ],
)
def test_separable_classes_are_an_improper_posterior(design, sds, y):
    model = LogisticRegression(design=design, prior_mean=[0, 0], prior_sds=sds)
    with pytest.raises(ValueError, match="can separate the zeros of `y` from its ones"):
        model.posterior(y)


def test_a_proper_prior_of_the_slope_is_enough_for_separable_classes_with_both_values():
    model = LogisticRegression(design=X, prior_mean=[0, 0], prior_sds=[np.inf, 1.0])
    assert np.isfinite(model.log_evidence([0, 0, 1, 1]))


def test_rare_outcomes_keep_their_digits():
    model = LogisticRegression(design=[(1.0, 0.0), (1.0, 0.0)], prior_mean=[-40.0, 0.0], prior_sds=[0.01, 1.0])
    assert_allclose(model.predictive([]).logpmf(1), -40 + 0.01**2 / 2, rtol=IDENTITY)


@pytest.mark.parametrize("beta", [[0.0, 0.0], [0.3, -1.0], [40.0, 0.1], [700.0, 2.0], [-700.0, 2.0]])
def test_the_log_likelihood_keeps_its_digits_for_any_number_of_rows(beta):
    x = np.random.default_rng(3).normal(size=2500)
    design = np.column_stack([np.ones(2800), [*x, *x[:300]]])  # some rows twice
    y = np.arange(2800) % 5 < 4
    model = LogisticRegression(design=design, prior_mean=[0, 0], prior_sds=[1, 1])
    expected = model.pointwise_log_likelihood({"beta": beta}, y.astype(int)).sum()
    assert_allclose(model.log_likelihood({"beta": beta}, y.astype(int)), expected, rtol=IDENTITY)
    ones = np.ones(2800, dtype=int)  # the log likelihood may be as small as exp(-700)
    expected = model.pointwise_log_likelihood({"beta": beta}, ones).sum()
    assert_allclose(model.log_likelihood({"beta": beta}, ones), expected, rtol=IDENTITY)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flat(X).simulate(np.random.default_rng(0), 3), "a flat prior has no draws"),
        (lambda: flat(X).log_evidence([0, 2]), "`y` must hold whole numbers between 0 and 1"),
        (lambda: flat(X).log_evidence([0] * 8), "`y` must have at most 7 numbers"),
        (lambda: flat(X[:6]).predictive(Y), "`x_new` must be given"),
        (lambda: flat(X).predictive(Y, [1.0]), "`x_new` must have 2 numbers"),
        (lambda: flat(X[:, :1]), "`design` must be a matrix"),
        (lambda: LogisticRegression(design=X, prior_mean=[0], prior_sds=FLAT), "`prior_mean` must have 2 numbers"),
        (lambda: LogisticRegression(design=X, prior_mean=[0, 0], prior_sds=[1, 0]), "`prior_sds` must hold positive"),
        (lambda: LogisticRegression(design=X, prior_mean=[0, 0], prior_sds=[-np.inf, 1]), "`prior_sds` must be"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
