"""Priors of a scale against scipy.stats, their integrals, and their text."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayes.exact.scale_priors import PARAMETERS, ScalePrior
from tests.tolerances import EXACT

PRIORS = {
    "half_normal": (ScalePrior("half_normal", 2.5), stats.halfnorm(scale=2.5)),
    "half_cauchy": (ScalePrior("half_cauchy", 2.5), stats.halfcauchy(scale=2.5)),
    "half_t": (ScalePrior("half_t", 3, 2.5), None),  # scipy has none: its density is twice that of t
    "gamma": (ScalePrior("gamma", 2, 0.4), stats.gamma(2, scale=2.5)),
    "inverse_gamma": (ScalePrior("inverse_gamma", 3, 2), stats.invgamma(3, scale=2)),
    "uniform": (ScalePrior("uniform", 4), stats.uniform(0, 4)),
}
PLACES = np.array([1e-6, 0.3, 1.0, 2.7, 3.9])


def test_every_family_is_tested():
    assert set(PRIORS) | {"flat"} == set(PARAMETERS)


@pytest.mark.parametrize("family", PRIORS)
def test_densities_are_those_of_scipy(family):
    prior, expected = PRIORS[family]
    log_density = np.log(2) + stats.t(3, scale=2.5).logpdf(PLACES) if family == "half_t" else expected.logpdf(PLACES)
    assert_allclose(prior.logpdf(PLACES), log_density, rtol=EXACT)
    assert prior.logpdf(-0.1) == -np.inf


@pytest.mark.parametrize("family", PRIORS)
def test_the_integral_is_1_and_the_quantiles_are_those_of_the_cdf(family):
    prior = PRIORS[family][0]
    high = np.log(prior.upper) if prior.upper < np.inf else 45.0
    total = sum(
        integrate.quad(lambda v: np.exp(prior.logpdf(np.exp(v)) + v), a, b, epsabs=1e-12)[0]
        for a, b in [(-40, -3), (-3, 0), (0, min(high, 1.5)), (min(high, 1.5), high)]
    )
    assert_allclose(total, 1, rtol=1e-9)
    q = np.array([0.01, 0.3, 0.5, 0.99])
    assert_allclose(prior.distribution.cdf(prior.distribution.ppf(q)), q, rtol=1e-10)
    assert_allclose(prior.distribution.cdf(prior.scale), 0.5, rtol=1e-10)
    draws = prior.distribution.rvs(size=500, random_state=np.random.default_rng(0))
    assert stats.kstest(draws, prior.distribution.cdf).pvalue > 1e-6


def test_a_flat_prior_has_a_density_and_nothing_else():
    flat = ScalePrior("flat")
    assert not flat.proper
    assert np.isnan(flat.scale)
    assert flat.upper == np.inf
    assert flat.logpdf([-1.0, 0.0, 1e9]).tolist() == [-np.inf, 0.0, 0.0]
    with pytest.raises(ValueError, match="a flat prior is no distribution"):
        flat.distribution  # noqa: B018


@pytest.mark.parametrize("prior", [prior for prior, _ in PRIORS.values()] + [ScalePrior("flat")])
def test_a_prior_is_its_text(prior):
    assert ScalePrior.parsed(str(prior)) == prior
    assert ScalePrior.parsed(f"  {prior} ".replace(", ", ",")) == prior


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("half_normal", r"half_normal must have 1 numbers \(scale\), got \(\)"),
        ("half_normal(1, 2)", "half_normal must have 1 numbers"),
        ("half_t(3)", r"half_t must have 2 numbers \(df, scale\)"),
        ("half_normal(0)", "`half_normal: scale` must be a positive number"),
        ("gamma(-1, 2)", "`gamma: shape` must be a positive number"),
        ("half_normal(nan)", "`half_normal: scale` must be"),
        ("normal(1)", "the family of a prior must be one of half_normal, .*, got 'normal'"),
        ("half_normal(a)", r"a prior must be written as half_normal\(2.5\) or flat, got 'half_normal\(a\)'"),
        ("half_normal(1", "a prior must be written as"),
        ("", "a prior must be written as"),
    ],
)
def test_other_text_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as error:
        ScalePrior.parsed(text)
    assert "\n" not in str(error.value)
