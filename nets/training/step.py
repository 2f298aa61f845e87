"""The train state, and the compiled function that runs a chunk of training steps."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, PartitionSpec

from nets.data.augmentation import augment
from nets.distributed.mesh import BATCH_AXIS, MEMBERS_AXIS, REPLICATED, shard
from nets.models.losses import cross_entropy, smoothed, weighted_cross_entropy
from nets.training.config import TrainConfig
from nets.training.networks import Network
from nets.training.variables import merged, variables_of


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params", "statistics", "opt_state", "key", "step", "epoch_loss", "epoch_correct", "nonfinite_step"],
    meta_fields=[],
)
@dataclass(frozen=True)
class TrainState:
    """Everything that later steps depend on, apart from configuration and data.

    ``params``, ``statistics`` (`nets.training.networks.Network`) and ``opt_state`` are trees of arrays. ``key`` (2,)
    uint32 is the data of the random key for shuffling, augmentation and random layers, and ``step`` the number of steps
    so far. ``epoch_loss`` and ``epoch_correct`` are sums over the current epoch: of the batch losses in nats, and of
    the correctly classified images, each before the update of its step. ``nonfinite_step`` is the first step whose loss
    was not finite, or -1. In an ensemble the first axis of every array is the members, except for ``step``, which they
    share.
    """

    params: Any
    statistics: Any
    opt_state: Any
    key: jax.Array
    step: jax.Array
    epoch_loss: jax.Array
    epoch_correct: jax.Array
    nonfinite_step: jax.Array

    @property
    def variables(self) -> Any:
        """Parameters and statistics in one tree, for evaluation."""
        return merged(self.params, self.statistics)


_AXES: dict[str, Any] = {field.name: None if field.name == "step" else 0 for field in fields(TrainState)}
VMAP_AXES = TrainState(**_AXES)
"""The members axis of each array in the state of an ensemble, for `jax.vmap`."""


def init_train_state(model: nnx.Module, optimizer: optax.GradientTransformation, seed: int | jax.Array) -> TrainState:
    """Return the train state before the first step; ``seed`` is the seed of shuffling, augmentation, random layers."""
    params, statistics = variables_of(model)
    return TrainState(
        params=params,
        statistics=statistics,
        opt_state=optimizer.init(params),
        key=jax.random.key_data(training_key(seed)),
        step=jnp.zeros((), jnp.int32),
        epoch_loss=jnp.zeros(()),
        epoch_correct=jnp.zeros((), jnp.int32),  # not the array of `step`: every array is donated
        nonfinite_step=jnp.full((), -1, jnp.int32),
    )


def training_key(seed: int | jax.Array) -> jax.Array:
    """Return the random key for the shuffling, the augmentation and the random layers of a run with ``seed``."""
    return jax.random.fold_in(jax.random.key(seed), 1)


def epoch_order(key: jax.Array, epoch: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Return the order of ``count`` training images in ``epoch``, from 0 on, and the key of its random numbers."""
    shuffle_key, epoch_key = jax.random.split(jax.random.fold_in(key, epoch))
    return jax.random.permutation(shuffle_key, count), epoch_key


def state_partition_specs(members: int) -> TrainState:
    """Return the partition specs of a train state: sharded over the members, otherwise replicated."""
    spec = PartitionSpec(MEMBERS_AXIS) if members > 1 else REPLICATED
    specs: dict[str, Any] = {field.name: REPLICATED if field.name == "step" else spec for field in fields(TrainState)}
    return TrainState(**specs)


def shard_state(state: TrainState, members: int, mesh: Mesh) -> TrainState:
    """Return ``state`` sharded over ``mesh``."""
    specs = state_partition_specs(members)
    names = [field.name for field in fields(TrainState)]
    return TrainState(**{name: shard(getattr(state, name), mesh, getattr(specs, name)) for name in names})


def scale_images(images: jax.Array) -> jax.Array:
    """Return images of bytes 0 .. 255 as floats -1 .. 1."""
    return images.astype(jnp.float32) / 127.5 - 1


def image_rows(images: np.ndarray) -> np.ndarray:
    """Return images (N, height, width, channels) as the rows (N, height * width * channels) that a chunk takes.

    On a device they take no more memory than here. A TPU pads the last axis to 128 entries, which makes 3 channels 128.
    """
    return images.reshape(len(images), math.prod(images.shape[1:]))


def mean_over_shards(statistic: jax.Array) -> jax.Array:
    """Return the mean of a statistic over the shards of a batch; of whole numbers and truth values the maximum."""
    if jnp.issubdtype(statistic.dtype, jnp.inexact):
        return jax.lax.pmean(statistic, BATCH_AXIS)
    if statistic.dtype == bool:
        return jax.lax.pmax(statistic.astype(jnp.int32), BATCH_AXIS).astype(bool)
    return jax.lax.pmax(statistic, BATCH_AXIS)


def chunk_function(
    network: Network,
    optimizer: optax.GradientTransformation,
    config: TrainConfig,
    image_shape: tuple[int, int, int],
    steps: int,
    mesh: Mesh | None = None,
    streamed: bool = False,
    class_weights: np.ndarray | None = None,
) -> Callable[..., TrainState]:
    """Return the compiled ``chunk(state, images, labels, stop)``, which runs the steps of one epoch up to ``stop``.

    ``images`` are bytes and stay on the device, as ``labels`` do: `image_rows` of images of shape ``image_shape``.
    ``steps`` is the number of steps in an epoch. The number of steps in a chunk is an argument: the function is
    compiled once, and the result does not depend on how an epoch is divided. ``state`` is donated, so it is updated in
    place.

    If ``streamed``, it is ``chunk(state, images, labels, stop, first)``: the images are those of the steps from
    ``first`` on, in the order of the shuffle (`nets.training.streaming`), and those of an ensemble have a first axis of
    members. The result is the same. The loss of each image is multiplied by the weight of its class in
    ``class_weights`` (K,), if there are any; the loss that is reported is not.

    On a ``mesh`` (`nets.distributed.mesh`) every device has all images and computes the same shuffle. It takes its
    shard of each batch, and one all-reduce a step sums the gradients. Devices send each other nothing else, but the
    statistics of a network that has any: each device has those of its shard, and their mean is kept.
    """
    num_shards = mesh.shape[BATCH_AXIS] if mesh else 1  # of a batch

    def local_shard(array: jax.Array) -> jax.Array:
        """Return this device's shard of an array with one entry per image of the batch."""
        if num_shards == 1:
            return array
        size = len(array) // num_shards
        return jax.lax.dynamic_slice_in_dim(array, jax.lax.axis_index(BATCH_AXIS) * size, size)

    def loss_of(
        params: Any, statistics: Any, images: jax.Array, labels: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array, Any]]:
        """Return the loss to minimize; and the cross-entropy, which is the loss to report, number correct, statistics.

        The images are those of a part of a shard: B / (num_shards accumulate).
        """
        logits, statistics = network.training_logits(params, statistics, images, key)
        loss = cross_entropy(logits, labels)
        if class_weights is None:
            to_minimize = smoothed(loss, logits, config.label_smoothing)
        else:
            weights = jnp.asarray(class_weights)
            to_minimize = weighted_cross_entropy(logits, labels, weights, config.label_smoothing)
        correct = jnp.sum(jnp.argmax(logits, axis=1) == labels, dtype=jnp.float32)  # float: one dtype, one all-reduce
        parts = num_shards * config.accumulate
        return to_minimize / parts, (loss / parts, correct, statistics)

    def gradient_of(
        params: Any, statistics: Any, images: jax.Array, labels: jax.Array, key: jax.Array
    ) -> tuple[tuple[Any, jax.Array, jax.Array], Any]:
        """Return gradient, loss and number correct; and the new statistics.

        With ``accumulate`` the three are sums over parts of the images, in order, and the statistics go from one part
        to the next.
        """
        compute = jax.value_and_grad(loss_of, has_aux=True)
        if config.accumulate == 1:
            (_, (loss, correct, statistics)), gradient = compute(params, statistics, images, labels, key)
            return (gradient, loss, correct), statistics

        def add_part(carry: tuple[Any, Any], part: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[Any, None]:
            sums, statistics = carry
            images, labels, number = part
            part_key = jax.random.fold_in(key, number)
            (_, (loss, correct, statistics)), gradient = compute(params, statistics, images, labels, part_key)
            return (jax.tree.map(jnp.add, sums, (gradient, loss, correct)), statistics), None

        zero = 0.0 * images[0, 0, 0, 0]  # of the device's own shard, which its type says
        zeros = (jax.tree.map(jnp.zeros_like, params), zero, zero)
        image_parts = images.reshape(config.accumulate, -1, *images.shape[1:])
        parts = (image_parts, labels.reshape(config.accumulate, -1), jnp.arange(config.accumulate))
        return jax.lax.scan(add_part, (zeros, statistics), parts)[0]

    def train_step(state: TrainState, images: jax.Array, labels: jax.Array, key: jax.Array) -> TrainState:
        params, statistics = state.params, state.statistics
        if num_shards > 1:  # else JAX would sum each gradient separately, where it is transposed
            params, statistics = jax.lax.pcast((params, statistics), BATCH_AXIS, to="varying")
            key = jax.random.fold_in(key, jax.lax.axis_index(BATCH_AXIS))
        sums, statistics = gradient_of(params, statistics, images, labels, key)
        if num_shards > 1:
            sums, statistics = jax.lax.psum(sums, BATCH_AXIS), jax.tree.map(mean_over_shards, statistics)
        gradient, loss, correct = sums
        if config.precision == "float32":  # else a CPU copies linear kernels that are read after their update
            gradient = jax.lax.platform_dependent(
                gradient, cpu=jax.lax.optimization_barrier, default=lambda gradient: gradient
            )
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        return replace(
            state,
            params=optax.apply_updates(state.params, updates),
            statistics=statistics,
            opt_state=opt_state,
            step=state.step + 1,
            epoch_loss=state.epoch_loss + loss,
            epoch_correct=state.epoch_correct + correct.astype(jnp.int32),
            nonfinite_step=jnp.where(
                (state.nonfinite_step < 0) & ~jnp.isfinite(loss), state.step, state.nonfinite_step
            ),
        )

    def chunk(
        state: TrainState, images: jax.Array, labels: jax.Array, stop: int, first: jax.Array | None = None
    ) -> TrainState:
        order, epoch_key = epoch_order(jax.random.wrap_key_data(state.key), state.step // steps, len(labels))
        # The shuffle differs between members, and so must the type of what it chooses from.
        if mesh and mesh.size > 1 and config.members > 1 and not streamed:
            images = jax.lax.pcast(images, MEMBERS_AXIS, to="varying")

        def body(_: jax.Array, state: TrainState) -> TrainState:
            start = state.step % steps * config.batch_size
            if first is None:
                batch = jax.lax.dynamic_slice_in_dim(order, start, config.batch_size)
            else:
                batch = (state.step - first) * config.batch_size + jnp.arange(config.batch_size)
            batch = local_shard(batch)
            key = jax.random.fold_in(epoch_key, start)
            augmented = augment(
                key,
                scale_images(images[batch].reshape(-1, *image_shape)),
                config.resolved_augmentation,
                local_shard,
                num_shards,
            )
            network_key = jax.random.fold_in(key, 2)  # 0 and 1 are the keys of `augment`
            return train_step(state, augmented, labels[batch], network_key)

        mid_epoch = state.step % steps > 0  # then the sums of the epoch continue
        state = replace(
            state,
            epoch_loss=jnp.where(mid_epoch, state.epoch_loss, 0),
            epoch_correct=jnp.where(mid_epoch, state.epoch_correct, 0),
        )
        return jax.lax.fori_loop(state.step, stop, body, state)

    numbers = 2 if streamed else 1  # `stop`, and `first`
    if config.members > 1:
        data_axis = 0 if streamed else None
        in_axes = (VMAP_AXES, data_axis, data_axis, *[None] * numbers)
        chunk = jax.vmap(chunk, in_axes=in_axes, out_axes=VMAP_AXES)
    if mesh and mesh.size > 1:
        specs = state_partition_specs(config.members)
        data_spec = PartitionSpec(MEMBERS_AXIS) if streamed and config.members > 1 else REPLICATED
        in_specs = (specs, data_spec, data_spec, *[REPLICATED] * numbers)
        chunk = jax.shard_map(chunk, mesh=mesh, in_specs=in_specs, out_specs=specs)
    return jax.jit(chunk, donate_argnums=0)
