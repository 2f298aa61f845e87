"""The training step: compiled once, independent of the chunks, and with the gradient derived by hand."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from nets.backprop.networks import conv_net_gradient, mlp_gradient
from nets.data.augmentation import augment
from nets.distributed.mesh import make_mesh
from nets.models.conv_net import ConvNet
from nets.models.initialization import initializers
from nets.models.losses import cross_entropy, smoothed
from nets.models.mlp import MLP
from nets.training.config import TrainConfig
from nets.training.inference import device_logits_function, logits_function
from nets.training.networks import Network, build_network, network_of
from nets.training.optimizers import optimizer, schedule
from nets.training.step import (
    chunk_function,
    image_rows,
    init_train_state,
    scale_images,
)
from tests.nightly import nightly_but
from tests.tolerances import SHARED_OUT

CONFIG = TrainConfig(dataset="digits", model="mlp", hidden=(16,), batch_size=10, epochs=3, validation=0)
SHAPE, CLASSES, STEPS = (8, 8, 1), 4, 6

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 64)  # 6 batches, and 4 images that are dropped
    images = np.clip(60 * labels[:, None, None, None] + rng.integers(0, 70, (64, *SHAPE)), 0, 255)
    return jnp.asarray(image_rows(images), jnp.uint8), jnp.asarray(labels, jnp.int32)


def chunk_and_state(config):
    model = build_network(config, SHAPE, CLASSES)
    transform = optimizer(config, config.epochs * STEPS)
    chunk = chunk_function(Network.of(model), transform, config, SHAPE, STEPS)
    return chunk, init_train_state(model, transform, config.seed)


def train(config, data, stops):
    chunk, state = chunk_and_state(config)
    for stop in stops:
        state = chunk(state, *data, stop)
    return state


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_the_result_does_not_depend_on_the_chunks(data):
    config = replace(CONFIG, model="conv", channels=(3,), augmentation="flip+crop")
    state = train(config, data, [6, 12])
    assert_same(state, train(config, data, [1, 2, 5, 6, 9, 12]))
    assert int(state.step) == 12
    assert float(train(replace(config, seed=1), data, [6, 12]).epoch_loss) != float(state.epoch_loss)


def test_order_and_augmentation_are_drawn_from_the_key_in_the_state(data):
    chunk, state = chunk_and_state(CONFIG)
    expected = train(CONFIG, data, [6])
    other = chunk(replace(state, key=state.key + 1), *data, 6)
    assert float(other.epoch_loss) != float(expected.epoch_loss)


def test_a_chunk_of_any_size_is_traced_once(data, monkeypatch):
    traces = []

    def count_traces(*arguments):
        traces.append(arguments)
        return cross_entropy(*arguments)

    monkeypatch.setattr("nets.training.step.cross_entropy", count_traces)
    chunk, state = chunk_and_state(CONFIG)
    state = chunk(state, *data, 1)
    first_count = len(traces)
    for stop in [3, 4, 6, 7, 12]:
        state = chunk(state, *data, stop)
    assert first_count > 0
    assert len(traces) == first_count
    assert chunk._cache_size() == 1


def test_the_state_is_donated(data):
    chunk, state = chunk_and_state(CONFIG)
    chunk(state, *data, 1)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))


def to_flax(params):
    """Parameters of training with linear kernels as (inputs, outputs)."""
    return jax.tree.map(lambda leaf: np.array(leaf.T if leaf.ndim == 2 else leaf), params)


@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_a_step_of_gradient_descent_is_the_gradient_by_hand(model, data):
    config = replace(
        CONFIG,
        model=model,
        channels=(3,),
        optimizer="sgd",
        momentum=0.0,
        weight_decay=0.0,
        schedule="constant",
        learning_rate=0.25,
        augmentation="none",
        batch_size=64,
    )
    network = build_network(config, SHAPE, CLASSES)
    transform = optimizer(config, 1)
    chunk = chunk_function(Network.of(network), transform, config, SHAPE, 1)
    params = to_flax(init_train_state(network, transform, config.seed).params)  # copied before they are donated
    state = chunk(init_train_state(network, transform, config.seed), *data, 1)
    x, labels = np.asarray(scale_images(data[0].reshape(-1, *SHAPE))), data[1]
    gradient_by_hand = jax.jit(mlp_gradient if model == "mlp" else conv_net_gradient)
    by_hand = gradient_by_hand(params, x.reshape(64, -1) if model == "mlp" else x, labels)

    def check(param, gradient, updated):  # in float32, and summed in another order
        np.testing.assert_allclose(updated, param - 0.25 * gradient, rtol=1e-4, atol=1e-6)

    jax.tree.map(check, params, by_hand, to_flax(state.params))


def test_the_sums_are_over_the_batches_of_the_current_epoch(data):
    config = replace(CONFIG, learning_rate=1e-30, augmentation="none", batch_size=16, optimizer="sgd")
    network = build_network(config, SHAPE, CLASSES)
    transform = optimizer(config, 8)
    chunk = chunk_function(Network.of(network), transform, config, SHAPE, 4)
    state = init_train_state(network, transform, config.seed)
    for stop in [3, 4, 8]:  # 4 batches of 16 are all 64 images
        state = chunk(state, *data, stop)
    logits = logits_function(Network.of(network))(state.params, np.asarray(data[0].reshape(-1, *SHAPE)))
    np.testing.assert_allclose(
        float(state.epoch_loss) / 4, float(cross_entropy(jnp.asarray(logits), data[1])), rtol=1e-5
    )
    assert int(state.epoch_correct) == int(np.sum(logits.argmax(axis=1) == np.asarray(data[1])))
    assert int(state.nonfinite_step) == -1


def test_accumulated_gradients_are_those_of_the_whole_batch(data):
    config = replace(CONFIG, model="conv", channels=(3,), augmentation="flip+crop", label_smoothing=0.1)
    whole, parts = (train(replace(config, accumulate=count), data, [12]) for count in (1, 5))
    tolerances = {"rtol": SHARED_OUT, "atol": SHARED_OUT}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerances), parts, whole)
    assert float(parts.epoch_loss) > 0  # what would agree if nothing were added up
    with pytest.raises(AssertionError):
        jax.tree.map(np.testing.assert_array_equal, parts.params, whole.params)


def test_the_first_nonfinite_step_is_recorded(data):
    state = train(replace(CONFIG, optimizer="sgd", learning_rate=1e30, schedule="constant"), data, [6])
    assert int(state.nonfinite_step) == 1  # the first loss is finite, but its update makes the parameters infinite


def test_logits_do_not_depend_on_the_batches_and_where_the_images_are(data, monkeypatch):
    _, state = chunk_and_state(CONFIG)
    module = network_of(CONFIG, SHAPE, CLASSES)
    rows, mesh = data[0], make_mesh(1, 1, 1)
    images = np.asarray(rows.reshape(-1, *SHAPE))
    logits = logits_function(module)(state.params, images)
    assert (logits.shape, logits.dtype) == ((64, CLASSES), np.float32)
    monkeypatch.setattr("nets.training.inference.EVALUATION_BATCH_SIZE", 24)  # the last batch overlaps the one before
    np.testing.assert_allclose(logits_function(module)(state.params, images), logits, atol=1e-5)
    for count in [64, 23, 0]:
        on_device = device_logits_function(module, SHAPE, 1, mesh)(state.params, rows[:count])
        np.testing.assert_allclose(on_device, logits[:count], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "precision"),
    nightly_but(
        [("sgd", "float32"), ("adamw", "bfloat16"), ("muon", "float32")],
        [("sgd", "float32"), ("adam", "float32"), ("adamw", "float32"), ("adamw", "bfloat16"), ("muon", "float32")],
    ),
)
def test_every_optimizer_learns_and_so_does_either_precision(name, precision, data):
    rate = {"sgd": 0.05, "muon": 0.1}.get(name, 0.02)
    config = replace(CONFIG, optimizer=name, learning_rate=rate, precision=precision, augmentation="none", epochs=15)
    state = train(config, data, range(6, 91, 6))
    assert int(state.epoch_correct) > 45  # of 60, where chance is 15
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}


def test_the_schedules_have_their_documented_shapes():
    def rates(name):
        rate = schedule(replace(CONFIG, schedule=name, learning_rate=0.5), 100)
        return np.array([float(rate(step)) for step in range(101)])

    np.testing.assert_array_equal(rates("constant"), 0.5)
    np.testing.assert_allclose(rates("cosine"), 0.25 * (1 + np.cos(np.pi * np.arange(101) / 100)), atol=1e-7)
    one_cycle = rates("one-cycle")
    assert one_cycle.argmax() == 20
    np.testing.assert_allclose(one_cycle[[0, 20, 60, 100]], [0.025, 0.5, 0.25, 0.0], atol=1e-7)


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon"])
def test_weight_decay_is_decoupled_and_applies_to_kernels_only(name):
    params = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    config = replace(CONFIG, optimizer=name, learning_rate=0.1, weight_decay=0.5, schedule="constant")
    transform = optimizer(config, 10)
    updates, _ = transform.update(jax.tree.map(jnp.zeros_like, params), transform.init(params), params)
    np.testing.assert_allclose(updates["kernel"], -0.05, rtol=1e-6)
    np.testing.assert_array_equal(updates["bias"], 0)


def test_label_smoothing_is_the_cross_entropy_of_smoothed_labels():
    rng = np.random.default_rng(0)
    logits, labels = jnp.asarray(rng.standard_normal((5, 3))), jnp.array([0, 2, 1, 1, 0])
    smooth = optax.smooth_labels(jax.nn.one_hot(labels, 3), 0.2)
    loss = cross_entropy(logits, labels)
    np.testing.assert_allclose(
        smoothed(loss, logits, 0.2), optax.softmax_cross_entropy(logits, smooth).mean(), rtol=1e-6
    )
    assert smoothed(loss, logits, 0.0) is loss


def test_augmentation_flips_half_of_the_images_and_translates_them_by_an_eighth_at_most():
    key = jax.random.key(0)
    images = jnp.asarray(np.random.default_rng(0).uniform(1, 2, (400, 16, 8, 2)), jnp.float32)
    np.testing.assert_array_equal(augment(key, images, "none"), images)
    jit_augment = jax.jit(augment, static_argnums=2)
    flipped = np.asarray(jit_augment(key, images, "flip"))
    unchanged = (flipped == images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(flipped[~unchanged], images[~unchanged, :, ::-1])
    assert 150 < unchanged.sum() < 250
    translated = np.asarray(jit_augment(key, images, "flip+crop"))
    translations = set()
    for image, original in zip(translated, flipped, strict=True):
        translation = next(
            (down, right)
            for down in range(-2, 3)
            for right in range(-1, 2)
            if np.allclose(image, np.roll(original, (-down, -right), axis=(0, 1)) * _in_image(down, right), atol=1e-6)
        )
        translations.add(translation)
    assert len(translations) == 15


def _in_image(down, right):
    rows, columns = np.arange(16) + down, np.arange(8) + right
    return (((rows >= 0) & (rows < 16))[:, None] & ((columns >= 0) & (columns < 8))[None, :])[..., None]


@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_no_images_have_no_logits(model):
    config = replace(CONFIG, model=model, channels=(3,))
    network = nnx.eval_shape(lambda: build_network(config, SHAPE, CLASSES))
    params = nnx.to_pure_dict(nnx.state(network, nnx.Param))
    logits = logits_function(Network.of(network))(params, np.zeros((0, *SHAPE), np.uint8))
    assert (logits.shape, logits.dtype) == ((0, CLASSES), "float32")


def test_fan_in_uniform_initialization():
    network = ConvNet(
        (12, 12, 3), 10, hidden=(200,), initialization="fan-in-uniform", final_relu=True, rngs=nnx.Rngs(0)
    )
    for layer, fan_in in [(network.conv[0], 27), (network.head.hidden[0], 12 * 10 * 10), (network.head.logits, 200)]:
        for values in [layer.kernel[...], layer.bias[...]]:
            largest = float(jnp.abs(values).max()) * fan_in**0.5
            assert largest <= 1
            assert largest > (0.99 if values.size > 300 else 0.6)
    with pytest.raises(ValueError, match="`initialization` must be 'lecun-normal' or 'fan-in-uniform', got 'he'"):
        initializers("he", 3)


def test_a_final_relu_leaves_no_negative_logit():
    images = jnp.asarray(np.random.default_rng(0).standard_normal((50, 8, 8, 1)))
    assert (MLP(SHAPE, 10, hidden=(5,), final_relu=True, rngs=nnx.Rngs(0))(images) >= 0).all()
    assert (MLP(SHAPE, 10, hidden=(5,), rngs=nnx.Rngs(0))(images) < 0).any()
