"""Pathfinder: exact on a normal in one dimension, one path or several, and honest about what it cannot do."""

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose

from bayes.approximations.exact_losses import losses
from bayes.approximations.pathfinders import path_normals, pathfinder
from bayes.approximations.results import log_weights
from bayes.approximations.unconstrained import unconstrained_posterior
from bayes.registry import get_model
from tests.tolerances import IDENTITY, MONTE_CARLO


@pytest.fixture(scope="module")
def model():
    return get_model("normal_normal")


@pytest.mark.slow
def test_one_path_is_exact_on_a_normal_of_one_dimension(model):
    result = pathfinder(model.program(), seed=1, draws=1000)
    posterior = model.exact.posterior(model.y)
    # L-BFGS stops at a relative change of 1e-5, within sqrt(2e-5 |log p~|) sds of the mode.
    assert abs(result.mean[0] - posterior.mean()) < 0.03 * posterior.std()
    assert_allclose(result.covariance, [[posterior.var()]], rtol=1e-6)
    assert abs(model.exact.log_evidence(model.y) - result.elbo) < 1e-3


def test_several_paths_are_resampled_to_the_posterior():
    skewed = get_model("gamma_exponential")
    result = pathfinder(skewed.program(), seed=1, paths=3, draws=2000)
    assert result.name == "multipathfinder"
    assert result.mean is None
    assert result.log_q.shape == result.log_p.shape == (6000,)
    rate, posterior = result.draws.posterior["rate"].values[0], skewed.exact.posterior(skewed.y)
    assert abs(rate.mean() - posterior.mean()) < MONTE_CARLO * posterior.std() / 2000**0.5
    assert len(np.unique(rate)) < len(rate)
    lost = losses(result, skewed)
    assert lost.verdict == "not judged"
    # Negative control: each path, before its draws are resampled, is far from the posterior.
    assert lost.kl > MONTE_CARLO * lost.kl_se
    weights = np.exp(log_weights(result.log_p - result.log_q)[0])
    assert abs(weights.sum() - 1) < IDENTITY * 1000


@pytest.mark.slow
def test_a_log_density_that_is_nowhere_finite_is_refused():
    with pm.Model() as impossible:
        x = pm.Normal("x")
        pm.Potential("never", -np.inf + 0 * x)
    with pytest.raises(ValueError, match="log density -inf or nan at each of 100"):
        path_normals(unconstrained_posterior(impossible), 0, 1)
    with pytest.raises(ValueError, match="`paths`"):
        pathfinder(impossible, seed=1, paths=0)
