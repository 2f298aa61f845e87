"""Bridge sampling of densities with a known integral: the estimate, its claimed error, and what the diagnostics see."""

from math import lgamma, sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom

from bayes.evidence.bridge_sampling import bridge
from bayes.evidence.targets import Target
from tests.bayes.evidence.made_targets import Normal, skewed, skewed_draws
from tests.tolerances import FALSE_ALARM, MONTE_CARLO

REPLICATES = 40


@pytest.mark.parametrize("proposal", ["warp3", "normal"])
def test_the_claimed_interval_covers_as_often_as_it_says(proposal):
    target, exact = skewed(), lgamma(2.0)
    estimates = [bridge(target, skewed_draws(seed), seed=seed, proposal=proposal) for seed in range(REPLICATES)]
    z = np.array([(e.log_evidence - exact) / e.standard_error for e in estimates])
    covered = int(np.sum(np.abs(z) < 1.96))
    assert abs(z.mean()) < MONTE_CARLO / sqrt(REPLICATES)
    assert binom.cdf(covered, REPLICATES, 0.95) > FALSE_ALARM
    assert abs(z).mean() > 0.3  # the error is not claimed to be much larger than it is: 0.8 for a normal


def test_a_density_that_lacks_a_constant_is_off_by_that_constant():
    normal = Normal()
    estimate = bridge(normal.target, normal.draws(0), seed=1)
    without = Target(dimension=2, log_density=lambda x: normal.log_density(x) - np.log(2))
    other = bridge(without, normal.draws(0), seed=1)
    assert abs(estimate.log_evidence - normal.shift) < MONTE_CARLO * estimate.standard_error
    assert_allclose(estimate.log_evidence - other.log_evidence, np.log(2), rtol=1e-9)
    assert abs(other.log_evidence - normal.shift) > 100 * other.standard_error  # negative control


def test_an_affine_map_of_the_parameters_changes_nothing():
    normal, standard = Normal(), Normal(mean=(0.0, 0.0), factor=((1.0, 0.0), (0.0, 1.0)))
    a, b = (bridge(which.target, which.draws(2), seed=3) for which in (normal, standard))
    assert_allclose([a.log_evidence, a.standard_error], [b.log_evidence, b.standard_error], rtol=1e-6)


def test_warping_removes_skewness():
    warped, unwarped = (bridge(skewed(), skewed_draws(0), seed=0, proposal=name) for name in ("warp3", "normal"))
    assert warped.standard_error < unwarped.standard_error / 1.5


def test_autocorrelated_draws_claim_a_larger_error():
    normal, rng = Normal(), np.random.default_rng(0)
    z = rng.normal(size=(4, 600, 2))
    for i in range(1, 600):
        z[:, i] = 0.95 * z[:, i - 1] + sqrt(1 - 0.95**2) * z[:, i]
    slow = np.array(normal.mean) + z @ np.array(normal.factor).T
    heavy = Target(
        dimension=2, log_density=lambda x: -1.5 * np.log1p(np.sum(x**2, axis=1))
    )  # any function of the draws
    assert not bridge(heavy, slow, seed=0).reliable
    estimate, free = bridge(normal.target, slow, seed=0), bridge(normal.target, normal.draws(0), seed=0)
    assert any("ESS" in warning for warning in estimate.warnings)
    assert free.reliable, free


def test_chains_in_different_places_are_not_reliable():
    normal = Normal()
    draws = normal.draws(0)
    draws[0] += 3.0
    estimate = bridge(normal.target, draws, seed=0)
    assert not estimate.reliable
    assert "R-hat" in str(estimate)


@pytest.mark.parametrize(("scale", "shift"), [(0.8, 0.0), (1.0, 0.3)])
def test_draws_of_another_density_are_seen_by_a_second_bridge_function(scale, shift):
    """As those of a variational approximation are; negative control: draws of the density itself."""
    standard = Normal(mean=(0.0,) * 4, factor=tuple(map(tuple, np.eye(4))))
    right = standard.draws(0)
    wrong = bridge(standard.target, scale * right + shift, seed=0)
    assert abs(wrong.log_evidence - standard.shift) > 5 * wrong.standard_error
    assert any("two bridge functions" in warning for warning in wrong.warnings)
    assert bridge(standard.target, right, seed=0).reliable


def test_the_error_that_halves_of_a_normal_posterior_share_is_claimed():
    """Here all of the error comes from fitting the proposal. Negative control: a claim of half the error."""
    standard = Normal(mean=(0.0,) * 6, factor=tuple(map(tuple, np.eye(6))))
    estimates = [bridge(standard.target, standard.draws(100 + r, n=250), seed=r) for r in range(REPLICATES)]
    mean_square = np.mean([((e.log_evidence - standard.shift) / e.standard_error) ** 2 for e in estimates])
    bound = 1 + MONTE_CARLO * sqrt(2 / REPLICATES)
    assert mean_square < bound < 4 * mean_square


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draws": np.zeros((4, 600, 2))}, "singular covariance"),
        ({"draws": np.random.default_rng(0).normal(size=(1, 18, 2))}, "draw more"),
        ({"proposal": "warp2"}, "`proposal` must be 'warp3' or 'normal'"),
    ],
)
def test_what_cannot_be_estimated_is_refused(change, message):
    arguments = {"draws": Normal().draws(0), "proposal": "warp3"} | change
    with pytest.raises(ValueError, match=message):
        bridge(Normal().target, arguments.pop("draws"), seed=0, **arguments)


def test_draws_of_density_zero_are_refused():
    target = Target(dimension=1, log_density=lambda x: np.where(x[:, 0] > 0, -x[:, 0], -np.inf))
    with pytest.raises(ValueError, match="not draws of this model"):
        bridge(target, np.random.default_rng(0).normal(size=(4, 600, 1)), seed=0)
