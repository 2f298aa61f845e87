"""The forms in which layers are computed in training, against the plain forms of JAX and Flax."""

import math
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nets.models import convolutions as convolution
from nets.models.convolutions import for_training, native_convolution, valid_convolution
from nets.models.initialization import initializers
from nets.models.linear_layers import bfloat16_linear, bfloat16_product, linear
from nets.training import step as train_step
from nets.training.config import TrainConfig
from nets.training.optimizers import optimizer
from tests.tolerances import BFLOAT16_PRODUCT, BFLOAT16_STEPS, FLOAT32_SUM, MEMORY

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")

SHAPE, CLASSES, STEPS = (8, 10, 3), 4, 4
CONFIG = TrainConfig(
    dataset="digits", hidden=(32,), channels=(6, 5), batch_size=16, optimizer="sgd", learning_rate=0.05, epochs=2
)


def of_jax(x, kernel):
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def of_transposed(x, kernel):
    return x @ kernel.T


def off(ours, plain):
    """The largest difference, relative to the largest number of the array."""
    return float(jnp.abs(ours - plain).max() / jnp.abs(plain).max())


def value_and_slopes(f, *arguments):
    value, pull = jax.vjp(f, *arguments)
    return (value, *pull(jnp.cos(jnp.arange(value.size, dtype=value.dtype)).reshape(value.shape)))


@pytest.mark.parametrize("form", [valid_convolution, native_convolution])
@pytest.mark.parametrize("columns", [2, 7, 8, 12, 24])  # a patch of 1 to 8 pixels
def test_a_convolution_and_its_gradients_are_those_of_jax(form, columns):
    rng = np.random.default_rng(columns)
    kernel = jnp.asarray(rng.standard_normal((3, 2, 3, 5)), jnp.float32)
    x = jnp.asarray(rng.standard_normal((16, 7, columns + 1, 3)), jnp.float32)
    ours = value_and_slopes(lambda x, kernel: form(x, kernel, (1, 1), "VALID"), x, kernel)
    plain = value_and_slopes(of_jax, x, kernel)
    assert max(map(off, ours, plain)) < FLOAT32_SUM
    transposed = value_and_slopes(lambda x, kernel: of_jax(x, kernel[:, ::-1]), x, kernel)
    assert min(map(off, transposed, plain)) > 1000 * FLOAT32_SUM  # negative control: a mirrored kernel is seen


def test_the_matrix_form_has_every_derivative():
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in [(2, 5, 8, 1), (3, 3, 1, 2)])
    ours, plain = (
        jax.jvp(jax.grad(lambda kernel, form=form: jnp.sum(form(x, kernel) ** 3)), (kernel,), (kernel,))[1]
        for form in [lambda x, kernel: valid_convolution(x, kernel, (1, 1), "VALID"), of_jax]
    )
    assert off(ours, plain) < FLOAT32_SUM
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda kernel: native_convolution(x, kernel, (1, 1), "VALID"), (kernel,), (kernel,))


@pytest.mark.parametrize("form", [valid_convolution, native_convolution])
def test_a_layer_that_the_forms_have_not_is_refused(form):
    layer = nnx.Conv(2, 5, (3, 3), conv_general_dilated=form, rngs=nnx.Rngs(0))  # pads
    with pytest.raises(ValueError, match="no strides, padding"):
        layer(jnp.zeros((1, 7, 7, 2)))


def test_the_native_form_is_for_many_channels_on_a_cpu(monkeypatch):
    used = []
    monkeypatch.setattr(convolution, "native_convolution", lambda *_, **__: used.append("native"))
    monkeypatch.setattr(convolution, "valid_convolution", lambda *_, **__: used.append("matrix"))
    for channels in [3, 12]:
        for_training(bfloat16=False, side_by_side=False)(jnp.zeros((1, 5, 5, channels)), jnp.zeros((3, 3, channels, 2)))
    assert used == ["matrix", "native"]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for_training(bfloat16=False, side_by_side=False)(jnp.zeros((1, 5, 5, 12)), jnp.zeros((3, 3, 12, 2)))
    assert used == ["matrix", "native", "matrix"]


def test_on_a_gpu_a_convolution_in_bfloat16_has_rounded_factors(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    form = for_training(bfloat16=True, side_by_side=False)
    rng = np.random.default_rng(0)
    kernel = jnp.asarray(rng.standard_normal((3, 3, 4, 5)), jnp.float32)
    x = jnp.asarray(rng.standard_normal((16, 7, 9, 4)), jnp.float32)
    ours = value_and_slopes(lambda x, kernel: form(x, kernel, (1, 1), "VALID"), x, kernel)
    for a, b in zip(ours, value_and_slopes(of_jax, x, kernel), strict=True):
        error = float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b))
        assert 0.1 * BFLOAT16_PRODUCT < error < BFLOAT16_PRODUCT


@pytest.mark.parametrize("outputs", [30, 32])  # with zeros up to 32 on a CPU, and none
def test_a_product_in_bfloat16_is_within_its_rounding_and_summed_in_float32(outputs):
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in [(40, 700), (outputs, 700)])
    ours, plain = value_and_slopes(bfloat16_product, x, kernel), value_and_slopes(of_transposed, x, kernel)
    for a, b in zip(ours, plain, strict=True):
        error = float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b))
        assert 0.1 * BFLOAT16_PRODUCT < error < BFLOAT16_PRODUCT  # rounded, and no more than that
    one = jnp.ones((1, 1))
    for slope in jax.vjp(bfloat16_product, one, one)[1](one + 2**-10):  # a factor too
        assert float(slope[0, 0]) == 1
    # Factors that bfloat16 holds exactly, summed: 2^9 + 1 is a sum that only float32 has.
    assert float(bfloat16_product(jnp.ones((1, 513)), jnp.ones((1, 513)))[0, 0]) == 513
    assert float(jnp.matmul(jnp.ones((1, 513), jnp.bfloat16), jnp.ones((513, 1), jnp.bfloat16))[0, 0]) != 513


@pytest.mark.parametrize(
    ("backend", "outputs", "width"), [("cpu", 10, 32), ("cpu", 32, 32), ("cpu", 1000, 1024), ("gpu", 10, 10)]
)
def test_on_a_cpu_a_product_is_of_a_multiple_of_32_outputs(backend, outputs, width, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x, kernel = jnp.ones((4, 7)), jnp.ones((outputs, 7))
    program = str(jax.make_jaxpr(lambda x, kernel: jax.vjp(bfloat16_product, x, kernel)[0])(x, kernel))
    assert re.findall(r"f32\[4,(\d+)\] = dot_general", program) == [str(width)]


@pytest.mark.parametrize("outputs", [10, 100])
def test_outputs_added_to_a_product_change_nothing(outputs, monkeypatch):
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in [(40, 700), (outputs, 700)])
    padded = value_and_slopes(bfloat16_product, x, kernel)
    monkeypatch.setattr("nets.models.linear_layers._padded", lambda a, **_: a)
    for a, b in zip(padded, value_and_slopes(bfloat16_product, x, kernel), strict=True):
        assert a.shape == b.shape
        assert off(a, b) < FLOAT32_SUM


@pytest.mark.parametrize(("form", "tolerance"), [(linear, FLOAT32_SUM), (bfloat16_linear, BFLOAT16_PRODUCT)])
@pytest.mark.parametrize("initialization", ["lecun-normal", "fan-in-uniform"])
def test_a_linear_layer_is_that_of_flax_with_its_kernel_transposed(form, tolerance, initialization):
    x = jnp.asarray(np.random.default_rng(0).standard_normal((40, 70)), jnp.float32)
    ours, plain = (make(70, 30, rngs=nnx.Rngs(3), **initializers(initialization, 70)) for make in [form, nnx.Linear])
    assert ours.kernel.shape == (30, 70)
    np.testing.assert_array_equal(ours.kernel[...].T, plain.kernel[...])
    np.testing.assert_array_equal(ours.bias[...], plain.bias[...])
    assert off(ours(x), plain(x)) < tolerance
    slope, plain_slope = (nnx.grad(lambda layer: jnp.sum(jnp.cos(layer(x))))(layer) for layer in [ours, plain])
    assert off(slope.kernel[...].T, plain_slope.kernel[...]) < tolerance
    assert off(slope.bias[...], plain_slope.bias[...]) < tolerance


def trained(config, plain=False):
    """The losses of each epoch and the parameters after two, of a network as it is trained or in the plain form."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 64)
    images = np.clip(50 * labels[:, None, None, None] + rng.integers(0, 70, (64, *SHAPE)), 0, 255)
    network = train_step.build(config, SHAPE, CLASSES)
    if plain and config.model == "conv":
        for layer in network.conv:
            layer.conv_general_dilated = jax.lax.conv_general_dilated
    if plain:
        head = network if config.model == "mlp" else network.head
        for layer in [*head.hidden, head.logits]:
            layer.einsum_op = jnp.einsum
    update = optimizer(config, config.epochs * STEPS)
    chunk = train_step.chunk_function(nnx.graphdef(network), update, config, STEPS)
    state, losses = train_step.initial_state(network, update, config.seed), []
    for epoch in range(1, config.epochs + 1):
        state = chunk(state, jnp.asarray(images, jnp.uint8), jnp.asarray(labels, jnp.int32), epoch * STEPS)
        losses.append(float(state.loss) / STEPS)
    return np.array(losses), state.params


@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_training_is_that_of_the_plain_forms(model):
    config = replace(CONFIG, model=model)
    (losses, params), (plain_losses, plain_params) = trained(config), trained(config, plain=True)
    np.testing.assert_allclose(losses, plain_losses, rtol=10 * FLOAT32_SUM)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=10 * FLOAT32_SUM), params, plain_params)
    assert losses[1] < losses[0] - 50 * BFLOAT16_STEPS  # it learns: the comparisons are of something
    rounded, _ = trained(replace(config, precision="bfloat16"))
    np.testing.assert_allclose(rounded, plain_losses, atol=BFLOAT16_STEPS)
    assert (rounded != losses).all()
    other, _ = trained(replace(config, learning_rate=1.2 * config.learning_rate))  # negative control
    assert abs(other - plain_losses).max() > BFLOAT16_STEPS


@pytest.mark.parametrize("model", ["mlp", "conv"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_takes_little_more_memory_than_it_must(model, precision):
    config = TrainConfig(model=model, precision=precision, optimizer="sgd", nesterov=False, weight_decay=0.0)
    shape, count = (32, 32, 3), 50_000
    update = optimizer(config, 1)
    network = nnx.graphdef(nnx.eval_shape(lambda: train_step.build(config, shape, 10)))
    state = jax.eval_shape(lambda: train_step.initial_state(train_step.build(config, shape, 10), update, 0))
    chunk = train_step.chunk_function(network, update, config, count // config.batch_size)
    data = jax.ShapeDtypeStruct((count, *shape), jnp.uint8), jax.ShapeDtypeStruct((count,), jnp.int32)
    memory = chunk.lower(state, *data, 1).compile().memory_analysis()
    assert memory.alias_size_in_bytes > 0.99 * memory.output_size_in_bytes  # the state is updated in place
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    images = count * math.prod(shape)
    widths = [math.prod(shape), *([12 * 30 * 30] if model == "conv" else []), 1000, 1000, 10]
    activations = 4 * config.batch_size * sum(widths)
    must = 4 * 2 * parameters + images + activations  # parameters and momentum
    took = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    assert took < MEMORY * must
    kernel_copied = took + 4 * parameters  # negative control: what happened before the optimiser waited
    assert (kernel_copied > MEMORY * must) == (model == "conv")  # an MLP is small beside its data
