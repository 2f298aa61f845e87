"""The layer implementations of training against those of JAX and Flax."""

import math
import re
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nets.models.convolutions import im2col_convolution, native_convolution, training_convolution, xla_convolution
from nets.models.initialization import initializers
from nets.models.linear_layers import bfloat16_linear, bfloat16_product, linear
from nets.training.config import TrainConfig
from nets.training.networks import Network, build_network, network_of
from nets.training.optimizers import optimizer
from nets.training.step import chunk_function, image_rows, init_train_state
from tests.nightly import nightly_but
from tests.tolerances import BFLOAT16_PRODUCT, BFLOAT16_STEPS, FLOAT32_SUM, MEMORY

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")

SHAPE, CLASSES, STEPS = (8, 10, 3), 4, 4
CONFIG = TrainConfig(
    dataset="digits", hidden=(32,), channels=(6, 5), batch_size=16, optimizer="sgd", learning_rate=0.05, epochs=2
)


def jax_convolution(x, kernel):
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def transposed_product(x, kernel):
    return x @ kernel.T


def relative_error(actual, expected):
    """The largest difference, relative to the largest number of the array."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def value_and_gradients(f, *arguments):
    @jax.jit  # one program instead of one for every operation
    def compute(*arguments):
        value, vjp = jax.vjp(f, *arguments)
        return (value, *vjp(jnp.cos(jnp.arange(value.size, dtype=value.dtype)).reshape(value.shape)))

    return compute(*arguments)


@pytest.mark.parametrize(
    ("implementation", "columns"),
    [
        *((im2col_convolution, columns) for columns in [2, 8]),
        *(pytest.param(im2col_convolution, columns, marks=pytest.mark.slow) for columns in [7, 12, 24]),
        (xla_convolution, 7),
    ],  # a patch of 1 to 8 pixels
)
def test_a_convolution_and_its_gradients_are_those_jax_convolution(implementation, columns):
    rng = np.random.default_rng(columns)
    kernel = jnp.asarray(rng.standard_normal((3, 2, 3, 5)), jnp.float32)
    x = jnp.asarray(rng.standard_normal((16, 7, columns + 1, 3)), jnp.float32)
    actual = value_and_gradients(lambda x, kernel: implementation(x, kernel, (1, 1), "VALID"), x, kernel)
    expected = value_and_gradients(jax_convolution, x, kernel)
    assert max(map(relative_error, actual, expected)) < FLOAT32_SUM
    mirrored = value_and_gradients(lambda x, kernel: jax_convolution(x, kernel[:, ::-1]), x, kernel)
    assert (
        min(map(relative_error, mirrored, expected)) > 1000 * FLOAT32_SUM
    )  # negative control: a mirrored kernel is detected


def test_im2col_has_every_derivative():
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in [(2, 5, 8, 1), (3, 3, 1, 2)])
    actual, expected = (
        jax.jvp(jax.grad(lambda kernel, convolve=convolve: jnp.sum(convolve(x, kernel) ** 3)), (kernel,), (kernel,))[1]
        for convolve in [lambda x, kernel: im2col_convolution(x, kernel, (1, 1), "VALID"), jax_convolution]
    )
    assert relative_error(actual, expected) < FLOAT32_SUM
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda kernel: xla_convolution(x, kernel, (1, 1), "VALID"), (kernel,), (kernel,))


@pytest.mark.parametrize("implementation", [im2col_convolution, xla_convolution])
def test_an_unsupported_layer_is_refused(implementation):
    layer = nnx.Conv(2, 5, (3, 3), conv_general_dilated=implementation, rngs=nnx.Rngs(0))  # with padding
    with pytest.raises(ValueError, match="no strides, padding"):
        layer(jnp.zeros((1, 7, 7, 2)))


def lowered(function, platform, *arguments):
    """The program of ``function`` for ``platform``, which need not be here."""
    return jax.export.export(jax.jit(function), platforms=[platform])(*arguments).mlir_module()


@pytest.mark.parametrize(
    ("platform", "channels", "vmapped", "operation"),
    [
        ("cpu", 3, False, "dot_general"),
        ("cpu", 12, False, "convolution"),
        ("cpu", 12, True, "dot_general"),
        ("tpu", 3, False, "convolution"),
        ("tpu", 12, False, "convolution"),
        ("cuda", 12, False, "dot_general"),
    ],
)
def test_each_platform_has_its_own_convolution(platform, channels, vmapped, operation):
    convolve = training_convolution(bfloat16=False, vmapped=vmapped)
    arrays = jnp.zeros((1, 5, 5, channels)), jnp.zeros((3, 3, channels, 2))
    program = lowered(lambda x, kernel: convolve(x, kernel, (1, 1), "VALID"), platform, *arrays)
    assert re.findall(r"stablehlo\.(dot_general|convolution)\b", program)[-1] == operation


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_native_convolution_has_the_gradients_of_jax(bfloat16):
    rng = np.random.default_rng(0)
    kernel = jnp.asarray(rng.standard_normal((3, 3, 4, 5)), jnp.float32)
    x = jnp.asarray(rng.standard_normal((16, 7, 9, 4)), jnp.float32)
    convolve = partial(native_convolution, window_strides=(1, 1), padding="VALID", bfloat16=bfloat16)
    actual = value_and_gradients(convolve, x, kernel)
    for a, b in zip(actual, value_and_gradients(jax_convolution, x, kernel), strict=True):
        assert a.dtype == jnp.float32
        error = np.linalg.norm(a - b) / np.linalg.norm(b)
        if bfloat16:  # from the rounding of factors and results
            assert 0.1 * BFLOAT16_PRODUCT < error < 2 * BFLOAT16_PRODUCT
        else:
            assert error == 0


@pytest.mark.parametrize("outputs", [30, 32])  # padded to 32 on a CPU, and not padded
def test_a_product_in_bfloat16_has_rounded_factors_and_float32_sums(outputs):
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in [(40, 700), (outputs, 700)])
    actual, expected = (
        value_and_gradients(bfloat16_product, x, kernel),
        value_and_gradients(transposed_product, x, kernel),
    )
    for a, b in zip(actual, expected, strict=True):
        error = np.linalg.norm(a - b) / np.linalg.norm(b)
        assert 0.1 * BFLOAT16_PRODUCT < error < BFLOAT16_PRODUCT  # from the rounding of the factors only
    ones = jnp.ones((1, 1))
    for gradient in jax.vjp(bfloat16_product, ones, ones)[1](ones + 2**-10):  # the cotangent is a factor too
        assert float(gradient[0, 0]) == 1
    # The factors are exact in bfloat16, but their sum 2^9 + 1 only in float32.
    assert float(bfloat16_product(jnp.ones((1, 513)), jnp.ones((1, 513)))[0, 0]) == 513
    assert float(jnp.matmul(jnp.ones((1, 513), jnp.bfloat16), jnp.ones((513, 1), jnp.bfloat16))[0, 0]) != 513


@pytest.mark.parametrize(
    ("platform", "outputs", "width"), [("cpu", 10, 32), ("cpu", 32, 32), ("cpu", 1000, 1024), ("cuda", 10, 10)]
)
def test_on_a_cpu_outputs_are_padded_to_a_multiple_of_32(platform, outputs, width):
    x, kernel = jnp.ones((4, 7)), jnp.ones((outputs, 7))
    program = lowered(lambda x, kernel: jax.vjp(bfloat16_product, x, kernel)[0], platform, x, kernel)
    assert re.findall(r"dot_general.*-> tensor<4x(\d+)xf32>", program) == [str(width)]


@pytest.mark.parametrize("outputs", [10, 100])
def test_padding_of_outputs_changes_nothing(outputs, monkeypatch):
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in [(40, 700), (outputs, 700)])
    padded = value_and_gradients(bfloat16_product, x, kernel)
    monkeypatch.setattr("nets.models.linear_layers._padded", lambda a, **_: a)
    for a, b in zip(padded, value_and_gradients(bfloat16_product, x, kernel), strict=True):
        assert a.shape == b.shape
        assert relative_error(a, b) < FLOAT32_SUM


@pytest.mark.parametrize(("layer_type", "tolerance"), [(linear, FLOAT32_SUM), (bfloat16_linear, BFLOAT16_PRODUCT)])
@pytest.mark.parametrize("initialization", ["lecun-normal", "fan-in-uniform"])
def test_a_linear_layer_is_that_of_flax_with_its_kernel_transposed(layer_type, tolerance, initialization):
    x = jnp.asarray(np.random.default_rng(0).standard_normal((40, 70)), jnp.float32)
    actual, expected = (
        layer(70, 30, rngs=nnx.Rngs(3), **initializers(initialization, 70)) for layer in [layer_type, nnx.Linear]
    )
    assert actual.kernel.shape == (30, 70)
    np.testing.assert_array_equal(actual.kernel[...].T, expected.kernel[...])
    np.testing.assert_array_equal(actual.bias[...], expected.bias[...])
    assert relative_error(actual(x), expected(x)) < tolerance
    gradient, expected_gradient = (
        nnx.grad(lambda layer: jnp.sum(jnp.cos(layer(x))))(layer) for layer in [actual, expected]
    )
    assert relative_error(gradient.kernel[...].T, expected_gradient.kernel[...]) < tolerance
    assert relative_error(gradient.bias[...], expected_gradient.bias[...]) < tolerance


def train(config, reference=False, contrast=50):
    """Losses of each epoch and final parameters, with the layers of training or (``reference``) of JAX and Flax.

    The classes differ by ``contrast`` in brightness.
    """
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 64)
    images = np.clip(contrast * labels[:, None, None, None] + rng.integers(0, 70, (64, *SHAPE)), 0, 255)
    data = jnp.asarray(image_rows(images), jnp.uint8), jnp.asarray(labels, jnp.int32)
    network = build_network(config, SHAPE, CLASSES)
    if reference:
        for layer in network.conv:
            layer.conv_general_dilated = jax.lax.conv_general_dilated
        for layer in [*network.head.hidden, network.head.logits]:
            layer.einsum_op = jnp.einsum
    transform = optimizer(config, config.epochs * STEPS)
    chunk = chunk_function(Network.of(network), transform, config, SHAPE, STEPS)
    state, losses = init_train_state(network, transform, config.seed), []
    for epoch in range(1, config.epochs + 1):
        state = chunk(state, *data, epoch * STEPS)
        losses.append(float(state.epoch_loss) / STEPS)
    return np.array(losses), state.params


def test_training_equals_that_with_jax_and_flax_layers():
    config = replace(CONFIG, model="conv")
    (losses, params), (expected_losses, expected_params) = train(config), train(config, reference=True)
    np.testing.assert_allclose(losses, expected_losses, rtol=10 * FLOAT32_SUM)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=10 * FLOAT32_SUM), params, expected_params)
    assert losses[1] < losses[0] - 50 * BFLOAT16_STEPS  # negative control: the network learns
    rounded, _ = train(replace(config, precision="bfloat16"))
    np.testing.assert_allclose(rounded, expected_losses, atol=BFLOAT16_STEPS)
    assert (rounded != losses).all()
    other, _ = train(config, contrast=55)  # negative control, by the same program
    assert abs(other - expected_losses).max() > BFLOAT16_STEPS


@pytest.mark.parametrize("precision", nightly_but(["float32"], ["float32", "bfloat16"]))
def test_training_takes_little_more_memory_than_necessary(precision):
    config = TrainConfig(precision=precision, optimizer="sgd", nesterov=False, weight_decay=0.0, augmentation="none")
    shape, count = (32, 32, 3), 50_000
    transform = optimizer(config, 1)
    network = network_of(config, shape, 10)
    state = jax.eval_shape(lambda: init_train_state(build_network(config, shape, 10), transform, 0))
    chunk = chunk_function(network, transform, config, shape, count // config.batch_size)
    data = jax.ShapeDtypeStruct((count, math.prod(shape)), jnp.uint8), jax.ShapeDtypeStruct((count,), jnp.int32)
    memory = chunk.lower(state, *data, 1).compile().memory_analysis()
    assert memory.alias_size_in_bytes > 0.99 * memory.output_size_in_bytes  # the state is donated
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    images = count * math.prod(shape)
    activations = 4 * config.batch_size * sum([math.prod(shape), 12 * 30 * 30, 1000, 1000, 10])
    necessary = 4 * 2 * parameters + images + activations  # parameters and momentum
    used = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    assert used < MEMORY * necessary
    assert used + 4 * parameters > MEMORY * necessary  # negative control: a copy of kernels, without the barrier
