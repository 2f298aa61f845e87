"""The training step: traced once, the same wherever an epoch is cut, with the gradient derived by hand."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from nets.backprop.networks import conv_net_gradient, mlp_gradient
from nets.data import augmentation
from nets.models.conv_net import ConvNet
from nets.models.initialization import initializers
from nets.models.losses import cross_entropy
from nets.models.mlp import MLP
from nets.training import step as train_step
from nets.training.config import TrainConfig
from nets.training.optimizers import optimizer, schedule

CONFIG = TrainConfig(dataset="digits", model="mlp", hidden=(16,), batch_size=10, epochs=3, validation=0)
SHAPE, CLASSES, STEPS = (8, 8, 1), 4, 6

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 64)  # 6 batches and 4 images left over
    images = np.clip(60 * labels[:, None, None, None] + rng.integers(0, 70, (64, *SHAPE)), 0, 255)
    return jnp.asarray(images, jnp.uint8), jnp.asarray(labels, jnp.int32)


def trainer(config):
    model = train_step.build(config, SHAPE, CLASSES)
    update = optimizer(config, config.epochs * STEPS)
    chunk = train_step.chunk_function(nnx.graphdef(model), update, config, STEPS)
    return chunk, train_step.initial_state(model, update, config.seed)


def after(config, data, stops):
    chunk, state = trainer(config)
    for stop in stops:
        state = chunk(state, *data, stop)
    return state


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_the_result_does_not_depend_on_where_an_epoch_is_cut(model, data):
    config = replace(CONFIG, model=model, channels=(3,), augmentation="flip+crop")
    whole = after(config, data, [6, 12])
    assert_same(whole, after(config, data, [1, 2, 5, 6, 9, 12]))
    assert int(whole.step) == 12
    assert float(after(replace(config, seed=1), data, [6, 12]).loss) != float(whole.loss)


def test_order_and_augmentation_are_drawn_from_the_key_in_the_state(data):
    chunk, state = trainer(CONFIG)
    mine = after(CONFIG, data, [6])
    other = chunk(replace(state, key=state.key + 1), *data, 6)
    assert float(other.loss) != float(mine.loss)


def test_a_chunk_of_any_length_is_traced_once(data, monkeypatch):
    traces = []

    def counted(*arguments):
        traces.append(arguments)
        return cross_entropy(*arguments)

    monkeypatch.setattr(train_step, "cross_entropy", counted)
    chunk, state = trainer(CONFIG)
    state = chunk(state, *data, 1)
    once = len(traces)
    for stop in [3, 4, 6, 7, 12]:
        state = chunk(state, *data, stop)
    assert once > 0
    assert len(traces) == once
    assert chunk._cache_size() == 1


def test_the_state_is_donated(data):
    chunk, state = trainer(CONFIG)
    chunk(state, *data, 1)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))


def as_flax(params):
    """Parameters in training with linear kernels as (inputs, outputs)."""
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
    images, labels = data
    network = train_step.build(config, SHAPE, CLASSES)
    update = optimizer(config, 1)
    chunk = train_step.chunk_function(nnx.graphdef(network), update, config, 1)
    params = as_flax(train_step.initial_state(network, update, config.seed).params)  # before they are donated
    state = chunk(train_step.initial_state(network, update, config.seed), images, labels, 1)
    x = np.asarray(train_step.scale(images))
    by_hand = (
        mlp_gradient(params, x.reshape(64, -1), labels) if model == "mlp" else conv_net_gradient(params, x, labels)
    )

    def check(before, gradient, now):  # in float32, and summed in another order
        np.testing.assert_allclose(now, before - 0.25 * gradient, rtol=1e-4, atol=1e-6)

    jax.tree.map(check, params, by_hand, as_flax(state.params))


def test_the_sums_are_those_of_the_batches_of_this_epoch(data):
    config = replace(CONFIG, learning_rate=1e-30, augmentation="none", batch_size=16, optimizer="sgd")
    network = train_step.build(config, SHAPE, CLASSES)
    update = optimizer(config, 8)
    chunk = train_step.chunk_function(nnx.graphdef(network), update, config, 4)
    state = train_step.initial_state(network, update, config.seed)
    for stop in [3, 4, 8]:  # 4 batches of 16 are all 64 images, so an epoch sees each exactly once
        state = chunk(state, *data, stop)
    logits = train_step.logits_function(nnx.graphdef(network))(state.params, np.asarray(data[0]))
    np.testing.assert_allclose(float(state.loss) / 4, float(cross_entropy(jnp.asarray(logits), data[1])), rtol=1e-5)
    assert int(state.correct) == int(np.sum(logits.argmax(axis=1) == np.asarray(data[1])))
    assert int(state.lost) == -1


def test_the_first_loss_that_is_not_finite_is_remembered(data):
    state = after(replace(CONFIG, optimizer="sgd", learning_rate=1e30, schedule="constant"), data, [6])
    assert int(state.lost) == 1  # the first step is finite, and takes the parameters to infinity


def test_logits_do_not_depend_on_how_images_are_batched(data, monkeypatch):
    _, state = trainer(CONFIG)
    module = nnx.graphdef(train_step.build(CONFIG, SHAPE, CLASSES))
    whole = train_step.logits_function(module)(state.params, data[0])
    assert (whole.shape, whole.dtype) == ((64, CLASSES), np.float32)
    monkeypatch.setattr(train_step, "EVALUATION_BATCH", 24)  # the last batch overlaps the one before
    np.testing.assert_allclose(train_step.logits_function(module)(state.params, data[0]), whole, atol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "muon"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_optimizer_learns_in_either_precision(name, precision, data):
    rate = {"sgd": 0.05, "muon": 0.1}.get(name, 0.02)
    config = replace(CONFIG, optimizer=name, learning_rate=rate, precision=precision, augmentation="none", epochs=15)
    state = after(config, data, range(6, 91, 6))
    assert int(state.correct) > 45  # of 60, where chance is 15
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}


def test_the_schedules_have_the_shapes_their_names_say():
    def rates(name):
        rate = schedule(replace(CONFIG, schedule=name, learning_rate=0.5), 100)
        return np.array([float(rate(step)) for step in range(101)])

    np.testing.assert_array_equal(rates("constant"), 0.5)
    np.testing.assert_allclose(rates("cosine"), 0.25 * (1 + np.cos(np.pi * np.arange(101) / 100)), atol=1e-7)
    one_cycle = rates("one-cycle")
    assert one_cycle.argmax() == 20
    np.testing.assert_allclose(one_cycle[[0, 20, 60, 100]], [0.025, 0.5, 0.25, 0.0], atol=1e-7)


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon"])
def test_weight_decay_is_decoupled_and_of_kernels_only(name):
    params = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    config = replace(CONFIG, optimizer=name, learning_rate=0.1, weight_decay=0.5, schedule="constant")
    update = optimizer(config, 10)
    change, _ = update.update(jax.tree.map(jnp.zeros_like, params), update.init(params), params)
    np.testing.assert_allclose(change["kernel"], -0.05, rtol=1e-6)
    np.testing.assert_array_equal(change["bias"], 0)


def test_label_smoothing_is_the_cross_entropy_of_smoothed_labels():
    rng = np.random.default_rng(0)
    logits, labels = jnp.asarray(rng.standard_normal((5, 3))), jnp.array([0, 2, 1, 1, 0])
    smooth = optax.smooth_labels(jax.nn.one_hot(labels, 3), 0.2)
    np.testing.assert_allclose(
        cross_entropy(logits, labels, 0.2), optax.softmax_cross_entropy(logits, smooth).mean(), rtol=1e-6
    )


def test_augmentation_flips_half_of_the_images_and_moves_them_by_an_eighth_at_most():
    key = jax.random.key(0)
    images = jnp.asarray(np.random.default_rng(0).uniform(1, 2, (400, 16, 8, 2)), jnp.float32)
    np.testing.assert_array_equal(augmentation.augment(key, images, "none"), images)
    flipped = np.asarray(augmentation.augment(key, images, "flip"))
    same = (flipped == images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(flipped[~same], images[~same, :, ::-1])
    assert 150 < same.sum() < 250
    moved = np.asarray(augmentation.augment(key, images, "flip+crop"))
    seen = set()
    for now, before in zip(moved, flipped, strict=True):
        shift = next(
            (down, right)
            for down in range(-2, 3)
            for right in range(-1, 2)
            if np.allclose(now, np.roll(before, (-down, -right), axis=(0, 1)) * _inside(down, right), atol=1e-6)
        )
        seen.add(shift)
    assert len(seen) == 15


def _inside(down, right):
    rows, columns = np.arange(16) + down, np.arange(8) + right
    return (((rows >= 0) & (rows < 16))[:, None] & ((columns >= 0) & (columns < 8))[None, :])[..., None]


def test_parameters_begin_uniform_within_the_fan_in():
    network = ConvNet(
        (32, 32, 3), 10, hidden=(200,), initialization="fan-in-uniform", final_relu=True, rngs=nnx.Rngs(0)
    )
    for layer, fan_in in [(network.conv[0], 27), (network.head.hidden[0], 12 * 30 * 30), (network.head.logits, 200)]:
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
