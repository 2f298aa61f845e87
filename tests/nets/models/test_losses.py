"""The loss of a classifier, also as a function of its parameters."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nets.models.losses import cross_entropy, functional_loss
from nets.models.mlp import MLP
from tests import tolerances


def test_cross_entropy_is_the_mean_of_minus_log_p_of_the_label():
    logits, labels = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), np.array([1, 2])
    with jax.enable_x64(True):
        loss = cross_entropy(jnp.asarray(logits), jnp.asarray(labels))
    np.testing.assert_allclose(loss, -np.mean(np.log([0.25, 0.8])), rtol=tolerances.EXACT)


def test_the_functional_loss_is_that_of_the_module():
    model = MLP((4,), 3, hidden=(5,), rngs=nnx.Rngs(0))
    images, labels = np.random.default_rng(0).standard_normal((6, 4)).astype("float32"), np.arange(6) % 3
    loss, params = functional_loss(model)
    with jax.numpy_rank_promotion("allow"):
        assert loss(params, images, labels) == cross_entropy(model(jnp.asarray(images)), jnp.asarray(labels))
        assert set(jax.grad(loss)(params, images, labels)) == {"hidden", "logits"}
