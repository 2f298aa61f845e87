"""The hierarchical normal model under every prior of tau, against the trapezoid rule in log tau."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.scale_priors import ScalePrior
from tests.tolerances import IDENTITY

Y = np.array([4.0, -1.0, 9.0, 2.5])
SDS = np.array([2.0, 5.0, 3.0, 1.5])


def model(text):
    return HierarchicalNormal(noise_sds=SDS, prior_mean=1.0, prior_sd=4.0, tau_prior=ScalePrior.parsed(text))


PRIORS = ["half_normal(2)", "half_cauchy(2)", "half_t(3, 2)", "gamma(2.5, 0.7)", "gamma(400, 100)", "flat"]


@pytest.mark.parametrize("text", [*PRIORS, "inverse_gamma(3, 4)", "inverse_gamma(0.5, 1)", "gamma(0.2, 1)"])
def test_the_evidence_and_tau_are_those_of_the_trapezoid_rule(text):
    exact, step = model(text), 0.005
    tau = np.exp(np.arange(-150, 70, step))
    variance = SDS**2 + tau[:, None] ** 2
    w = 1 / variance
    V = 1 / (1 / 16 + w.sum(axis=1))
    mean = V * (1 / 16 + w @ Y)
    log_f = -0.5 * (np.log(2 * np.pi * variance).sum(axis=1) + ((Y - mean[:, None]) ** 2 * w).sum(axis=1))
    log_f += 0.5 * np.log(V / 16) - (mean - 1) ** 2 / 32 + exact.tau_prior.logpdf(tau) + np.log(tau)
    f = np.exp(log_f) * step
    assert_allclose(exact.log_evidence(Y), np.log(f.sum()), rtol=IDENTITY)
    assert_allclose(exact.marginals(Y)["tau"].mean(), f @ tau / f.sum(), rtol=1e-9)


def test_a_uniform_prior_ends_at_its_bound():
    tau = model("uniform(3)").marginals(Y)["tau"]
    assert_allclose(tau.cdf(3.0), 1, rtol=1e-12)
    assert tau.ppf(0.9999) < 3
    wide = model("uniform(1e9)").log_evidence(Y) + np.log(1e9)
    assert_allclose(wide, model("flat").log_evidence(Y), atol=1e-9)


def test_a_flat_prior_needs_two_groups_and_has_no_draws():
    with pytest.raises(ValueError, match="`y` must have at least 2 numbers with a flat tau_prior, got 1"):
        model("flat").log_evidence(Y[:1])
    with pytest.raises(ValueError, match="a flat prior is no distribution"):
        model("flat").simulate(np.random.default_rng(0), 2)
    with pytest.raises(ValueError, match="`tau_prior` must be a ScalePrior"):
        HierarchicalNormal(noise_sds=SDS, prior_mean=1.0, prior_sd=4.0, tau_prior=5.0)
