"""The rules of the layers and their composition, against Flax, optax, the adjoint test and every method."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from nets.backprop import layers
from nets.backprop.networks import conv_net_gradient, mlp_gradient
from nets.gradcheck.checks import adjoint_test, check_gradient, taylor_test
from tests import tolerances
from tests.nets.gradcheck.networks import conv_net, mlp
from tests.nightly import nightly_but


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(("N", "M", "K", "seed"), [(1, 1, 1, 0), (3, 1, 2, 1), (2, 4, 3, 2)])
def test_the_rule_of_a_linear_layer_is_the_adjoint_of_its_tangent(N, M, K, seed):
    x, kernel, bias = normal((N, M), (M, K), (K,), seed=seed)
    checks = adjoint_test(
        lambda inputs: layers.linear(**inputs),
        {"x": x, "kernel": kernel, "bias": bias},
        vjp_fn=lambda inputs, dy: layers.linear_vjp(inputs["x"], inputs["kernel"], dy)._asdict(),
        seed=seed,
    )
    assert checks.verdict == "pass", checks


@pytest.mark.parametrize(
    ("N", "rows", "columns", "C", "D", "seed"), [(1, 3, 3, 1, 1, 0), (2, 3, 5, 1, 3, 1), (3, 6, 4, 4, 2, 2)]
)
def test_the_rule_of_a_convolution_is_the_adjoint_of_its_tangent(N, rows, columns, C, D, seed):
    x, kernel, bias = normal((N, rows, columns, C), (3, 3, C, D), (D,), seed=seed)
    checks = adjoint_test(
        lambda inputs: layers.conv(**inputs),
        {"x": x, "kernel": kernel, "bias": bias},
        vjp_fn=lambda inputs, dy: layers.conv_vjp(inputs["x"], inputs["kernel"], dy)._asdict(),
        seed=seed,
    )
    assert checks.verdict == "pass", checks


def test_the_rule_of_relu_is_the_adjoint_of_its_tangent_and_agrees_with_flax_at_the_kink():
    (x,) = normal((3, 4))
    checks = adjoint_test(layers.relu, x, vjp_fn=layers.relu_vjp)
    assert checks.verdict == "pass", checks
    at = jnp.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(layers.relu_vjp(at, jnp.ones(3)), jax.vmap(jax.grad(nnx.relu))(at))
    np.testing.assert_array_equal(layers.relu(at), nnx.relu(at))


@pytest.mark.parametrize("shape", [(2, 3, 3, 1), (1, 5, 4, 3)])
def test_a_convolution_is_that_of_flax(shape):
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        flax = nnx.Conv(shape[-1], 4, (3, 3), padding="VALID", rngs=nnx.Rngs(0), param_dtype=jnp.float64)
        (x,) = normal(shape)
        ours = layers.conv(x, flax.kernel[...], flax.bias[...])
        np.testing.assert_allclose(ours, flax(jnp.asarray(x)), rtol=tolerances.IDENTITY, atol=tolerances.IDENTITY)


@pytest.mark.parametrize(("N", "K", "seed"), nightly_but([(4, 5, 1)], [(1, 2, 0), (4, 5, 1)]))
def test_every_method_passes_the_gradient_of_softmax_cross_entropy(N, K, seed):
    (logits,) = normal((N, K), seed=seed)
    labels = np.random.default_rng(seed).integers(0, K, N)

    def textbook(logits):  # holomorphic
        p = jnp.exp(logits) / jnp.sum(jnp.exp(logits), axis=1, keepdims=True)
        return -jnp.mean(jnp.log(p[jnp.arange(N), labels]))

    checks = check_gradient(
        lambda logits: layers.softmax_cross_entropy(logits, labels),
        logits,
        grad_fn=lambda logits: layers.softmax_cross_entropy_gradient(logits, labels),
        complex_f=textbook,
    )
    assert checks.verdict == "pass", checks


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_softmax_cross_entropy_is_that_of_optax_and_stays_finite(size):
    (logits,) = normal((6, 5))
    labels = np.array([0, 1, 2, 3, 4, 0])
    with jax.enable_x64(True):
        optax_loss = optax.softmax_cross_entropy_with_integer_labels(size * logits, labels).mean()
        np.testing.assert_allclose(
            layers.softmax_cross_entropy(size * logits, labels), optax_loss, rtol=tolerances.IDENTITY
        )
        assert np.isfinite(layers.softmax_cross_entropy_gradient(size * logits, labels)).all()


NETWORKS = {
    "M-H-H-K": mlp,
    "one hidden": partial(mlp, (5,), hidden=(4,), classes=2, points=1),
    "three hidden": partial(mlp, (3, 3, 2), hidden=(4, 3, 5), classes=5),
    "conv": conv_net,
    "one place": partial(conv_net, (3, 3, 1), channels=(2,), hidden=(4, 4), points=1),
    "two convs": partial(conv_net, (7, 6, 1), channels=(2, 3), hidden=(4,), classes=2),
}


@pytest.mark.parametrize("name", nightly_but(["M-H-H-K", "two convs"], NETWORKS))
def test_every_method_passes_the_gradient_of_a_flax_module(name):
    network = NETWORKS[name]()
    checks = check_gradient(network.loss, network.params, grad_fn=network.gradient)
    assert checks.verdict == "pass", checks
    exact = [check for check in checks.checks if check.method in ("reverse", "forward")]
    assert len(exact) == 2 * len(jax.tree.leaves(network.params))
    assert all(check.verdict == "pass" for check in exact)
    assert taylor_test(network.loss, network.params, grad_fn=network.gradient).verdict == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("network", [mlp, conv_net])
@pytest.mark.parametrize("hidden", [(20, 30), (1000, 1000)])
def test_the_networks_of_cifar_10_have_their_gradient_from_flax(network, hidden):
    full = network((32, 32, 3), hidden=hidden, classes=10, points=2)
    checks = check_gradient(full.loss, full.params, grad_fn=full.gradient, methods=["reverse"])
    assert checks.verdict == "pass", checks
    assert sum(check.entries for check in checks.checks) > 3072 * hidden[0]


ONE = np.ones(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.linear(np.ones((2, 3)), np.ones((4, 2)), ONE), r"`kernel` must have shape \(M, K\) with M = 3"),
        (lambda: layers.linear(np.ones((2, 3)), np.ones((3, 4)), ONE), r"`bias` must have shape \(K,\) with K = 4"),
        (
            lambda: layers.linear_vjp(np.ones((2, 3)), np.ones((3, 4)), np.ones((3, 4))),
            r"`dy` must have shape \(N, K\) with N = 2, K = 4, got \(3, 4\)",
        ),
        (
            lambda: layers.conv(np.ones((1, 2, 5, 1)), np.ones((3, 3, 1, 2)), ONE),
            "images of 3 x 3 pixels or more, got 2 x 5",
        ),
        (
            lambda: layers.conv(np.ones((1, 5, 5, 1)), np.ones((5, 5, 1, 2)), ONE),
            r"`kernel` must have shape \(3, 3, C, D\) with C = 1, got \(5, 5, 1, 2\)",
        ),
        (
            lambda: layers.conv_vjp(np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 2)), np.ones((1, 5, 5, 2))),
            r"`dy` must have shape \(N, I, J, D\) with N = 1, I = 3, J = 3, D = 2",
        ),
        (lambda: layers.softmax_cross_entropy(np.ones((2, 3)), [0, 3]), r"`labels` must lie in 0 .. 2.*got 3"),
        (lambda: layers.softmax_cross_entropy(np.ones((2, 3)), [0, -1]), r"`labels` must lie in 0 .. 2.*got -1"),
        (lambda: layers.softmax_cross_entropy(np.ones((2, 3)), [0.0, 1.0]), "`labels` must be integers, got dtype"),
        (lambda: layers.softmax_cross_entropy(np.ones((2, 3)), np.eye(2, 3, dtype=int)), "`labels` must have shape"),
        (lambda: layers.softmax_cross_entropy(np.full((2, 3), np.inf), [0, 1]), "`logits` must be finite, got inf"),
        (lambda: mlp_gradient({"logits": {}}, np.ones((2, 3)), [0, 1]), "`params` must be a mapping with the keys"),
        (lambda: conv_net_gradient(mlp().params, np.ones((2, 3)), [0, 1]), "`params` must be a mapping with the keys"),
        (lambda: mlp_gradient(mlp().params, mlp().images, mlp().labels + 3), "`labels` must lie in 0 .. 2"),
        (lambda: mlp_gradient(mlp().params, mlp().images[:, :2], mlp().labels), "`kernel` must have shape"),
    ],
)
def test_bad_input_is_one_clear_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_module_refuses_images_its_convolutions_would_use_up():
    with pytest.raises(ValueError, match=r"height and width above 4 for 2 convolutions.*got \(4, 9, 1\)"):
        conv_net((4, 9, 1), channels=(2, 2))
