"""The training step, and the one compiled function that runs a chunk of them."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nets.data.augmentation import augment
from nets.distributed import mesh as devices
from nets.distributed.mesh import BATCH
from nets.models.conv_net import ConvNet
from nets.models.convolutions import for_training
from nets.models.linear_layers import bfloat16_linear, linear
from nets.models.losses import cross_entropy
from nets.models.mlp import MLP
from nets.training.config import TrainConfig

EVALUATION_BATCH = 500
"""Images whose logits are computed at a time."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params", "optimizer", "key", "step", "loss", "correct", "lost"],
    meta_fields=[],
)
@dataclass(frozen=True)
class TrainState:
    """All that the steps to come depend on, besides configuration and data.

    ``params`` and the state of the ``optimizer`` are trees of arrays. ``key`` (2,) uint32 is the data of the random key
    that shuffling and augmentation are derived from, and ``step`` counts the steps taken. ``loss`` and
    ``correct`` are the sums, over the epoch so far, of the batches' losses in nats and of the images right, each as the
    parameters stood then. ``lost`` is the first step whose loss was not finite, -1 if there was none. In an ensemble
    every array has the members as its first axis, besides the count of steps, which they share.
    """

    params: Any
    optimizer: Any
    key: jax.Array
    step: jax.Array
    loss: jax.Array
    correct: jax.Array
    lost: jax.Array


_AXES: dict[str, Any] = {field.name: None if field.name == "step" else 0 for field in fields(TrainState)}
MEMBERS = TrainState(**_AXES)
"""Where the axis of the members is in the state of an ensemble, for `jax.vmap`."""

WHOLE = PartitionSpec()
"""How an array lies on a mesh that has all of it on every device."""


def build(config: TrainConfig, image_shape: tuple[int, int, int], classes: int) -> nnx.Module:
    """Return the network of ``config`` with its initial parameters."""
    rngs = nnx.Rngs(params=jax.random.fold_in(jax.random.key(config.seed), 0))
    bfloat16 = config.precision == "bfloat16"
    options = {
        "hidden": config.hidden,
        "final_relu": config.final_relu,
        "initialization": config.initialization,
        "linear": bfloat16_linear if bfloat16 else linear,
        "rngs": rngs,
    }
    if config.model == "mlp":
        return MLP(image_shape, classes, **options)
    convolution = for_training(bfloat16, side_by_side=config.members > 1)
    return ConvNet(image_shape, classes, channels=config.channels, conv_general_dilated=convolution, **options)


def initial_state(model: nnx.Module, optimizer: optax.GradientTransformation, seed: int) -> TrainState:
    """Return the state before the first step; ``seed`` is that of shuffling and augmentation."""
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    return TrainState(
        params=params,
        optimizer=optimizer.init(params),
        key=jax.random.key_data(jax.random.fold_in(jax.random.key(seed), 1)),
        step=jnp.zeros((), jnp.int32),
        loss=jnp.zeros(()),
        correct=jnp.zeros((), jnp.int32),  # no array twice: each is donated
        lost=jnp.full((), -1, jnp.int32),
    )


def state_specs(members: int) -> TrainState:
    """Return how the arrays of a state lie on a mesh: the members shared out, all else whole."""
    spec = PartitionSpec(devices.MEMBERS) if members > 1 else WHOLE
    specs: dict[str, Any] = {field.name: WHOLE if field.name == "step" else spec for field in fields(TrainState)}
    return TrainState(**specs)


def lay_out(state: TrainState, members: int, mesh: Mesh) -> TrainState:
    """Return ``state`` laid out over ``mesh``."""
    specs = state_specs(members)
    parts = {field.name: (getattr(state, field.name), getattr(specs, field.name)) for field in fields(TrainState)}
    return TrainState(**{name: devices.put(part, mesh, spec) for name, (part, spec) in parts.items()})


def scale(images: jax.Array) -> jax.Array:
    """Return bytes 0 .. 255 as floats -1 .. 1."""
    return images.astype(jnp.float32) / 127.5 - 1


def chunk_function(
    module: Any, optimizer: optax.GradientTransformation, config: TrainConfig, steps: int, mesh: Mesh | None = None
) -> Callable[[TrainState, jax.Array, jax.Array, int], TrainState]:
    """Return the compiled ``chunk(state, images, labels, stop)``, which takes every step up to ``stop`` of one epoch.

    ``images`` (N, height, width, channels) are bytes and stay on the device, as ``labels`` do; ``steps`` is how many
    make an epoch. The number of steps in a chunk is not part of the program: it is compiled once, and the result does
    not depend on where an epoch is cut. ``state`` is donated, so parameters and optimiser are updated in place.

    On a ``mesh`` (`nets.distributed.mesh`) every device has all images and draws the same shuffle, takes its share of
    each batch, and adds its gradient to the others' in one all-reduce a step, which is all that devices send to each
    other.
    """
    shares = mesh.shape[BATCH] if mesh else 1  # of a batch

    def share(whole: jax.Array) -> jax.Array:
        """Return this device's share of an array with an entry an image of the batch."""
        if shares == 1:
            return whole
        size = len(whole) // shares
        return jax.lax.dynamic_slice_in_dim(whole, jax.lax.axis_index(BATCH) * size, size)

    def loss_of(params: Any, images: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = nnx.merge(module, params)(images).astype(jnp.float32)  # (B / shares, K)
        return cross_entropy(logits, labels, config.label_smoothing) / shares, logits

    def train_step(state: TrainState, images: jax.Array, labels: jax.Array) -> TrainState:
        params = state.params
        if shares > 1:  # else JAX would add up each gradient by itself, where it is transposed
            params = jax.lax.pcast(params, BATCH, to="varying")
        (_, logits), gradient = jax.value_and_grad(loss_of, has_aux=True)(params, images, labels)
        loss = cross_entropy(logits, labels) / shares
        right = jnp.sum(jnp.argmax(logits, axis=1) == labels, dtype=jnp.float32)  # a float, to go with the others
        if shares > 1:
            gradient, loss, right = jax.lax.psum((gradient, loss, right), BATCH)
        if config.precision == "float32":  # linear layers then read their kernels, which XLA else copies before updates
            gradient = jax.lax.optimization_barrier(gradient)
        update, optimizer_state = optimizer.update(gradient, state.optimizer, state.params)
        return replace(
            state,
            params=optax.apply_updates(state.params, update),
            optimizer=optimizer_state,
            step=state.step + 1,
            loss=state.loss + loss,
            correct=state.correct + right.astype(jnp.int32),
            lost=jnp.where((state.lost < 0) & ~jnp.isfinite(loss), state.step, state.lost),
        )

    def chunk(state: TrainState, images: jax.Array, labels: jax.Array, stop: int) -> TrainState:
        key = jax.random.wrap_key_data(state.key)
        shuffle_key, augment_key = jax.random.split(jax.random.fold_in(key, state.step // steps))  # of the epoch
        order = jax.random.permutation(shuffle_key, len(labels))
        if mesh and mesh.size > 1 and config.members > 1:  # each has a shuffle of its own, whose type does not say so
            images = jax.lax.pcast(images, devices.MEMBERS, to="varying")

        def body(_: jax.Array, state: TrainState) -> TrainState:
            first = state.step % steps * config.batch_size
            batch = share(jax.lax.dynamic_slice_in_dim(order, first, config.batch_size))
            key = jax.random.fold_in(augment_key, first)
            changed = augment(key, scale(images[batch]), config.changes, share, shares)
            return train_step(state, changed, labels[batch])

        begun = state.step % steps > 0  # in the middle of an epoch, whose sums go on
        state = replace(state, loss=jnp.where(begun, state.loss, 0), correct=jnp.where(begun, state.correct, 0))
        return jax.lax.fori_loop(state.step, stop, body, state)

    if config.members > 1:
        chunk = jax.vmap(chunk, in_axes=(MEMBERS, None, None, None), out_axes=MEMBERS)
    if mesh and mesh.size > 1:
        specs = state_specs(config.members)
        chunk = jax.shard_map(chunk, mesh=mesh, in_specs=(specs, WHOLE, WHOLE, WHOLE), out_specs=specs)
    return jax.jit(chunk, donate_argnums=0)


def logits_function(module: Any, members: int = 1, mesh: Mesh | None = None) -> Callable[[Any, Any], np.ndarray]:
    """Return ``logits_of(params, images)``: float32 logits (N, K) of bytes (N, height, width, channels).

    Those of the members of an ensemble are (members, N, K). On a ``mesh`` each device computes those of its share of
    the images, and every process gets all.
    """

    def batch_logits(params: Any, images: jax.Array) -> jax.Array:
        return nnx.merge(module, params)(scale(images)).astype(jnp.float32)

    if members > 1:
        batch_logits = jax.vmap(batch_logits, in_axes=(0, None))
    if mesh and mesh.size > 1:
        lead = (devices.MEMBERS,) if members > 1 else ()
        in_specs = (state_specs(members).params, PartitionSpec(BATCH))
        out_specs = PartitionSpec(*lead, BATCH)
        batch_logits = jax.shard_map(batch_logits, mesh=mesh, in_specs=in_specs, out_specs=out_specs)
        batch_logits = jax.jit(batch_logits, out_shardings=NamedSharding(mesh, WHOLE))
    else:
        batch_logits = jax.jit(batch_logits)

    def logits_of(params: Any, images: Any) -> np.ndarray:
        size = min(EVALUATION_BATCH, len(images))
        starts = [min(start, len(images) - size) for start in range(0, len(images), EVALUATION_BATCH)]
        batches = [batch_logits(params, on_devices(images[start : start + size])) for start in starts]
        *lead, _, classes = batches[0].shape
        logits = np.empty((*lead, len(images), classes), np.float32)
        for start, batch in zip(starts, batches, strict=True):  # the last batch may overlap the one before
            logits[..., start : start + size, :] = np.asarray(batch)[..., :size, :]
        return logits

    def on_devices(batch: Any) -> Any:
        if not (mesh and mesh.size > 1):
            return batch
        left_over = -len(batch) % mesh.shape[BATCH]  # black images, whose logits nobody reads
        return devices.put(np.pad(batch, [(0, left_over), (0, 0), (0, 0), (0, 0)]), mesh, PartitionSpec(BATCH))

    return logits_of
