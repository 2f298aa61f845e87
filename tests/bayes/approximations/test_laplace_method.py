"""Laplace's method: exact where the posterior is normal, by hand where it is not, and refused without a mode."""

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit

from bayes.approximations.laplace_method import laplace
from bayes.registry import get_model
from tests.tolerances import IDENTITY


def test_it_is_exact_on_a_normal_posterior():
    model = get_model("normal_normal")
    posterior = model.exact.posterior(model.y)
    result = laplace(model.program(), seed=1, draws=200)
    assert_allclose(result.mean, [posterior.mean()], rtol=IDENTITY)
    assert_allclose(result.covariance, [[posterior.var()]], rtol=IDENTITY)
    # log p~ - log q is log p(y) at every draw
    assert_allclose(result.log_p - result.log_q, model.exact.log_evidence(model.y), rtol=IDENTITY)
    assert result.pareto_k == -np.inf
    assert result.draws.posterior["mu"].shape == (1, 200)


def test_on_the_logit_of_a_probability_it_has_a_closed_form():
    model = get_model("beta_binomial")
    a, b = model.exact.posterior(model.y).args
    result = laplace(model.program(), seed=1, draws=1000)
    # d/dz [a log theta + b log(1 - theta)] = a - (a + b) theta,    and its derivative -(a + b) theta (1 - theta)
    assert_allclose(result.mode, [logit(a / (a + b))], rtol=IDENTITY)
    assert_allclose(result.covariance, [[1 / a + 1 / b]], rtol=IDENTITY)
    # Negative control: the mode of the density of theta itself is another point.
    assert abs(result.mode[0] - logit((a - 1) / (a + b - 2))) > 1e-6 * abs(result.mode[0])


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    program = get_model("normal_normal").program()
    first, again, other = (laplace(program, seed=seed, draws=100) for seed in (1, 1, 2))
    assert_array_equal(first.draws.posterior["mu"], again.draws.posterior["mu"])
    assert (first.draws.posterior["mu"].values != other.draws.posterior["mu"].values).all()


def test_a_posterior_without_curvature_is_refused():
    with pm.Model() as flat:
        x = pm.Normal("x", shape=2)
        pm.Potential("undo", 0.5 * x[1] ** 2)  # flat in x[1]
    with pytest.raises(ValueError, match="negative definite Hessian"):
        laplace(flat, seed=1)


@pytest.mark.parametrize(("numbers", "message"), [({"seed": -1}, "`seed`"), ({"draws": 99}, "`draws`.*100 or more")])
def test_wrong_numbers_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        laplace(pm.Model(), **({"seed": 0, "draws": 1000} | numbers))
