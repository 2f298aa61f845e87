"""The forms of TPUs and GPUs, run on a CPU, train as the forms of the CPU do."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets.models.convolutions import native_convolution
from nets.training.config import TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.networks import network_of
from nets.training.optimizers import optimizer
from nets.training.step import chunk_function, image_rows
from tests.nightly import nightly_but
from tests.tolerances import BFLOAT16_FORMS, BFLOAT16_STEPS, FLOAT32_FORMS

SHAPE, CLASSES, STEPS = (8, 10, 3), 4, 4
CONFIG = TrainConfig(
    hidden=(32,),
    channels=(6, 5),
    batch_size=128,
    optimizer="sgd",
    schedule="constant",
    learning_rate=0.05,
    momentum=0.0,
)
CONFIGS = {
    "conv": {},
    "mlp, bfloat16": {"model": "mlp", "precision": "bfloat16"},
    "conv, bfloat16": {"precision": "bfloat16"},
    "members": {"members": 2, "augmentation": "flip+crop"},
    "muon": {"optimizer": "muon", "momentum": 0.9},
}

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def branch(platform):
    """`jax.lax.platform_dependent` as it is lowered for ``platform``, whatever the device is."""
    return lambda *arguments, default=None, **by_platform: by_platform.get(platform, default)(*arguments)


def train(config, monkeypatch, platform):
    """Return the losses of some steps, and the update of the first, with the forms of ``platform``."""
    monkeypatch.setattr(jax.lax, "platform_dependent", branch(platform))
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, STEPS * config.batch_size)
    images = np.clip(60 * labels[:, None, None, None] + rng.integers(0, 70, (len(labels), *SHAPE)), 0, 255)
    data = jnp.asarray(image_rows(images), jnp.uint8), jnp.asarray(labels, jnp.int32)
    transform = optimizer(config, STEPS)
    network = network_of(config, SHAPE, CLASSES)
    chunk = chunk_function(network, transform, config, SHAPE, STEPS)
    state = init_ensemble_state(config, SHAPE, CLASSES, transform)
    before, totals, after = jax.tree.map(np.array, state.params), [np.zeros(config.members)], []
    for step in range(1, STEPS + 1):
        state = chunk(state, *data, step)
        totals.append(np.array(state.epoch_loss).reshape(config.members))
        after.append(jax.tree.map(np.array, state.params))
    return np.diff(totals, axis=0), jax.tree.map(np.subtract, after[0], before)


def largest_error(actual, expected):
    """Return the largest error of a leaf, as Euclidean norms."""
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "platform"),
    nightly_but(
        [("conv", "tpu"), ("mlp, bfloat16", "cuda")],
        [(name, platform) for name in CONFIGS for platform in ["cuda", "tpu"]],
    ),
)
def test_first_update_and_losses_are_those_of_the_forms_of_a_cpu(name, platform, monkeypatch):
    config = replace(CONFIG, **CONFIGS[name])
    losses, update = train(config, monkeypatch, platform)
    expected_losses, expected_update = train(config, monkeypatch, "cpu")
    if config.precision == "bfloat16":
        np.testing.assert_allclose(losses, expected_losses, atol=BFLOAT16_STEPS)
        assert largest_error(update, expected_update) < BFLOAT16_FORMS
    else:
        np.testing.assert_allclose(losses, expected_losses, rtol=FLOAT32_FORMS)
        assert largest_error(update, expected_update) < FLOAT32_FORMS


def test_a_wrong_form_is_detected(monkeypatch):
    _, expected = train(CONFIG, monkeypatch, "cpu")

    def mirrored(x, kernel, *layer, **options):
        return native_convolution(x, kernel[:, ::-1], *layer, **options)

    monkeypatch.setattr("nets.models.convolutions.native_convolution", mirrored)
    _, update = train(CONFIG, monkeypatch, "tpu")
    assert largest_error(update, expected) > 3 * BFLOAT16_FORMS
