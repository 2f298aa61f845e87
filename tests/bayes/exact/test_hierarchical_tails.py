"""Groups whose noises are far apart, and densities far out, against the trapezoid rule in 60 digits."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.scale_priors import ScalePrior
from bayes.registry import get_model
from benchmarks.fifty_digits import ORACLES
from tests.tolerances import EXACT

TWO = HierarchicalNormal(noise_sds=[1.0, 1.0], prior_mean=0.0, prior_sd=1.0, tau_prior=ScalePrior("half_cauchy", 1.0))
SCHOOLS = get_model("hierarchical_normal")
FIRST = SCHOOLS.y[:2]


def log_evidence(exact, y):
    return ORACLES["hierarchical_normal"](replace(exact, noise_sds=[*exact.noise_sds, 1.0]), np.array(y), [])[
        "log evidence"
    ]


@pytest.mark.parametrize(
    ("exact", "y"),
    [
        (
            HierarchicalNormal(
                noise_sds=[1e-10, 1e10], prior_mean=0.0, prior_sd=1e10, tau_prior=ScalePrior("half_cauchy", 1e-10)
            ),
            [0.1, 1.234e5],
        ),
        (
            HierarchicalNormal(
                noise_sds=[1e10, 1e-10], prior_mean=0.0, prior_sd=1e10, tau_prior=ScalePrior("half_cauchy", 1e-10)
            ),
            [1.234e5, 0.1],
        ),
        (
            HierarchicalNormal(
                noise_sds=[1e-9, 1.0, 1e-9], prior_mean=0.3, prior_sd=1e3, tau_prior=ScalePrior("half_cauchy", 1e-12)
            ),
            [7.1, 1e3, 7.1],
        ),
        (
            HierarchicalNormal(
                noise_sds=[1e-8, 1e2], prior_mean=1e8, prior_sd=1e-8, tau_prior=ScalePrior("half_cauchy", 1e-8)
            ),
            [1e8, 1e8 + 1e3],
        ),
    ],
)
def test_an_exact_group_beside_a_noisy_one_costs_the_evidence_no_digit(exact, y):
    expected = log_evidence(exact, y)
    assert abs(exact.log_evidence(y) - expected) < EXACT * max(1, abs(expected))


@pytest.mark.parametrize("x", [0.0, 1e3, 1e12, 1e14, -1e16, 1e18, 1e20, 1e40, 1e75])
def test_the_prior_predictive_is_right_far_out(x):
    expected = log_evidence(TWO, [x])
    assert abs(TWO.predictive([]).logpdf(x) - expected) < EXACT * abs(expected)


@pytest.mark.parametrize("x", [100.0, -1e3, 1e5, 1e30, 1e75])
def test_so_is_one_after_data(x):
    expected = log_evidence(SCHOOLS.exact, [*FIRST, x]) - log_evidence(SCHOOLS.exact, FIRST)
    assert abs(SCHOOLS.exact.predictive(FIRST).logpdf(x) - expected) < EXACT * abs(expected)


def test_places_come_in_arrays_of_any_shape():
    predictive = TWO.predictive([])
    assert_array_equal(predictive.logpdf([np.nan, np.inf, -np.inf]), [np.nan, -np.inf, -np.inf])
    x = np.array([[0.0, 1e20], [-1e18, 3.0]])
    assert_array_equal(predictive.logpdf(x), [[predictive.logpdf(v) for v in row] for row in x])


def test_places_beyond_1e75_are_refused():
    with pytest.raises(ValueError, match=r"`x` must be a real number of magnitude at most 1e\+75, got 1.01e\+75"):
        TWO.predictive([]).logpdf(1.01e75)


@pytest.mark.parametrize("mu", [8.0, 60.0, -200.0, 1e5, 1e10])
def test_the_marginal_of_mu_is_right_far_out(mu):
    """log p(mu | y) = log p(mu) + log p(y | mu) - log p(y), and p(y | mu) by quadrature over tau."""
    exact = SCHOOLS.exact
    with mp.workdps(50):

        def log_integrand(v):
            tau = mpmath.exp(v)
            terms = [
                mpmath.log(2 * mp.pi * (mpf(s) ** 2 + tau**2)) + (y - mpf(mu)) ** 2 / (mpf(s) ** 2 + tau**2)
                for y, s in zip(SCHOOLS.y, exact.noise_sds.tolist(), strict=False)
            ]
            return (
                -mpmath.fsum(terms) / 2
                + mpmath.log(2 / (mp.pi * exact.tau_prior.numbers[0] * (1 + (tau / exact.tau_prior.numbers[0]) ** 2)))
                + v
            )

        step = mpf(1) / 8
        logs = [log_integrand(i * step) for i in range(-45 * 8, 80 * 8)]
        peak = max(logs)
        expected = peak + mpmath.log(mpmath.fsum(mpmath.exp(value - peak) for value in logs) * step)
        expected -= mpmath.log(2 * mp.pi * exact.prior_sd**2) / 2 + (mu - exact.prior_mean) ** 2 / exact.prior_sd**2 / 2
        expected -= log_evidence(exact, SCHOOLS.y)
        computed = exact.marginals(SCHOOLS.y)["mu"].logpdf(mu)
        assert abs(computed - expected) < EXACT * abs(expected)


def test_a_marginal_agrees_with_bayes_rule_far_out():
    theta = SCHOOLS.exact.marginals(SCHOOLS.y)["theta[0]"]
    assert_allclose(np.exp(theta.logpdf([0.0, 30.0])), theta.pdf([0.0, 30.0]), rtol=EXACT)
    assert np.all(np.isfinite(theta.logpdf([1e4, -1e6])))
