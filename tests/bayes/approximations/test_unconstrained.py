"""The posterior on the unconstrained space: density with its Jacobian, derivatives, and the way back."""

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from bayes.approximations.unconstrained import unconstrained_posterior
from bayes.registry import get_model
from bayes.sampling.points import BLOCK
from tests.tolerances import IDENTITY


@pytest.fixture(scope="module")
def binomial():
    return get_model("beta_binomial")


@pytest.fixture(scope="module")
def target(binomial):
    return unconstrained_posterior(binomial.program())


def test_the_density_is_the_posterior_times_the_evidence_and_the_jacobian(binomial, target):
    z = np.linspace(-3, 2, 7)[:, None]
    theta = expit(z[:, 0])
    # log p(y, theta) + log |d theta / dz|,    d theta / dz = theta (1 - theta)
    jacobian = np.log(theta) + np.log1p(-theta)
    exact = binomial.exact.posterior(binomial.y).logpdf(theta) + binomial.exact.log_evidence(binomial.y) + jacobian
    assert_allclose(target.log_density(z), exact, rtol=IDENTITY)
    assert abs(target.log_density(z) - (exact - jacobian)).min() > 0.1  # negative control: without the Jacobian
    assert_allclose(target.constrain(z)["theta"], theta, rtol=IDENTITY)


def test_the_derivatives_are_those_of_the_logit(binomial, target):
    posterior = binomial.exact.posterior(binomial.y)
    a, b = posterior.args
    z = np.array([[-0.7], [0.4]])
    theta = expit(z)
    # log p~ = a log theta + b log(1 - theta) + constant
    assert_allclose(target.gradient(z), a - (a + b) * theta, rtol=IDENTITY)
    assert_allclose(target.hessian(z), -((a + b) * theta * (1 - theta))[:, :, None], rtol=IDENTITY)


def test_many_points_have_the_density_of_each_alone():
    """XLA compiled this density wrongly for 10,000 points at once; more than a block, and no multiple of it."""
    target = unconstrained_posterior(get_model("normal_inverse_gamma").program())
    z = np.tile([6.96, 20.79], (5 * BLOCK + 1, 1)) + np.linspace(-1, 1, 5 * BLOCK + 1)[:, None]
    some = [0, 17, BLOCK, 5 * BLOCK]
    assert_allclose(target.log_density(z)[some], target.log_density(z[some]), rtol=IDENTITY)


def test_several_variables_keep_their_shapes_and_coordinates():
    with pm.Model() as model:
        pm.HalfNormal("scale")
        pm.Normal("x", shape=(2, 2))
    target = unconstrained_posterior(model)
    z = np.arange(10.0).reshape(2, 5) / 7
    values = target.constrain(z)
    assert target.size == 5
    assert_allclose(values["scale"], np.exp(z[:, 0]), rtol=IDENTITY)
    assert_allclose(values["x"], z[:, 1:].reshape(2, 2, 2), rtol=IDENTITY)
    assert target.slices == {"scale_log__": slice(0, 1), "x": slice(1, 5)}


def test_discrete_variables_and_models_without_any_are_refused():
    with pm.Model() as model:
        p = pm.Beta("p", 1, 1)
        pm.Poisson("n", p)
    with pytest.raises(ValueError, match="discrete variable n"):
        unconstrained_posterior(model)
    with pytest.raises(ValueError, match="no free variables"):
        unconstrained_posterior(pm.Model())
    with pytest.raises(ValueError, match=r"`model` must be a PyMC model, .* got str"):
        unconstrained_posterior("normal_normal")


def test_an_improper_prior_needs_data():
    with pm.Model() as model:
        mu, free = pm.Flat("mu"), pm.Flat("free")
        theta = pm.Normal("theta", mu)  # mu meets the data through theta
        pm.Normal("y", theta, observed=1.0)
    with pytest.raises(ValueError, match=r"improper prior on free, pm.Flat, and no data"):
        unconstrained_posterior(model)
    with model:
        pm.Potential("data", pm.logp(pm.Normal.dist(free), 0.0))
    assert unconstrained_posterior(model).size == 3


def test_a_posterior_serves_several_approximations_and_a_model_of_the_registry_is_its_program(binomial, target):
    assert unconstrained_posterior(target) is target
    again = unconstrained_posterior(binomial)
    assert_array_equal(again.observed, np.ravel(binomial.y))
    assert_allclose(again.log_density(np.zeros((1, 1))), target.log_density(np.zeros((1, 1))), rtol=IDENTITY)


def test_data_that_were_exchanged_need_another_posterior():
    with pm.Model() as model:
        x = pm.Data("x", [1.0, 2.0])
        pm.Normal("y", pm.Normal("slope") * x, observed=[1.0, 2.0])
    before = unconstrained_posterior(model)
    pm.set_data({"x": [3.0, 4.0]}, model=model)
    with pytest.raises(ValueError, match=r"data from before `pm.set_data`"):
        unconstrained_posterior(before)


def test_a_minibatch_is_refused():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu"), observed=pm.Minibatch(np.arange(9.0), batch_size=3), total_size=9)
    with pytest.raises(ValueError, match=r"`model` has a pm.Minibatch"):
        unconstrained_posterior(model)


def test_the_process_keeps_its_precision(target):
    import jax

    with jax.enable_x64(False):  # whatever a test before this one has set
        target.log_density(np.zeros((1, 1)))
        assert jax.numpy.ones(1).dtype == jax.numpy.float32
