"""Distributions by quadrature at the ends of their range and on many draws at once."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from bayes.exact.numerics import quadrature
from bayes.registry import get_model

SCHOOLS = get_model("hierarchical_normal")


@pytest.mark.parametrize(("name", "lowest"), [("mu", -np.inf), ("tau", 0.0), ("theta[0]", -np.inf)])
def test_quantiles_at_the_ends_and_beyond_are_those_scipy_gives(name, lowest):
    marginal = SCHOOLS.marginals[name]
    assert_array_equal(marginal.ppf([0, 1, np.nan, -0.1, 1.1]), [lowest, np.inf, np.nan, np.nan, np.nan])
    assert marginal.ppf(0.5).shape == ()
    assert marginal.ppf(np.full((2, 3), 0.3)).shape == (2, 3)
    assert marginal.ppf([]).shape == (0,)
    q = np.concatenate([10.0 ** np.arange(-16, 0), 1 - 10.0 ** np.arange(-15, -1)])
    assert_allclose(marginal.cdf(marginal.ppf(q)), q, rtol=1e-12)


def test_a_scale_that_was_drawn_negative_has_no_probability():
    tau = SCHOOLS.marginals["tau"]
    assert_array_equal(tau.cdf([-1.0, 0.0, np.nan]), [0, 0, np.nan])
    assert_array_equal(tau.logpdf([-1.0, 0.0, np.nan]), [-np.inf, -np.inf, np.nan])


def test_a_mixture_in_blocks_is_the_mixture_at_once(monkeypatch):
    mu, x = SCHOOLS.marginals["mu"], np.linspace(-20, 20, 30).reshape(5, 6)
    at_once = mu.cdf(x), mu.pdf(x)
    monkeypatch.setattr(quadrature, "BLOCK", 1000)
    assert_allclose((mu.cdf(x), mu.pdf(x)), at_once, rtol=1e-14)


@pytest.mark.parametrize("name", ["mu", "tau", "theta[0]"])
def test_the_upper_tail_keeps_its_digits(name):
    """P(X > x) beside 1 - P(X <= x), and far out where that has no digits beside the integral of the density."""
    marginal = SCHOOLS.marginals[name]
    x = marginal.ppf(np.array([0.01, 0.5, 0.99]))
    assert_allclose(marginal.sf(x), 1 - marginal.cdf(x), rtol=1e-12)
    far = marginal.ppf(0.9999) + marginal.std() * np.array([1.0, 3.0, 10.0])
    above = [quad(marginal.pdf, low, np.inf, epsabs=0, epsrel=1e-9, limit=200)[0] for low in far]
    assert_allclose(marginal.sf(far), above, rtol=1e-6)
