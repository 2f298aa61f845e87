"""Worker of `test_mesh`: training on 1 to 8 devices of one process; XLA_FLAGS divides the CPU before JAX starts.

`python -m tests.nets.distributed.mesh_worker FOLDER NAME ...` needs XLA_FLAGS=--xla_force_host_platform_device_count=8
and prints the results of these names as JSON.
"""

import contextlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nets.distributed.mesh import REPLICATED, describe_idle_devices, make_mesh, shard
from nets.models.mlp import MLP
from nets.training.config import TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.fitting import fit
from nets.training.inference import device_logits_function
from nets.training.networks import network_of
from nets.training.optimizers import optimizer
from nets.training.step import chunk_function, image_rows, shard_state

SHAPE, CLASSES, IMAGES, STEPS, EPOCHS = (8, 8, 1), 4, 101, 6, 3  # 5 images are dropped in each epoch
NETWORK = TrainConfig(
    dataset="digits",
    hidden=(8,),
    channels=(3,),
    batch_size=16,
    label_smoothing=0.1,
    augmentation="flip+crop",
    optimizer="sgd",
    learning_rate=0.1,
    devices=1,
)
MEMBERS = replace(NETWORK, model="mlp", members=3, augmentation="flip")  # a crop takes longest to compile
AVERAGING = TrainConfig(
    dataset="digits",
    model="tests.nets.distributed.mesh_worker:Averaging",
    batch_size=16,
    optimizer="sgd",
    learning_rate=0.1,
)
RUN = TrainConfig(dataset="digits", model="mlp", hidden=(16,), batch_size=32, epochs=3, learning_rate=3e-3)


class Averaging(MLP):
    """A network that averages over the images of a step and counts its calls, and uses neither."""

    def __init__(self, image_shape, classes, *, rngs):
        super().__init__(image_shape, classes, hidden=(8,), rngs=rngs)
        self.average, self.calls = nnx.BatchStat(jnp.zeros(image_shape)), nnx.BatchStat(jnp.zeros((), int))
        self.constant, self.seen = nnx.BatchStat(jnp.zeros(())), nnx.BatchStat(jnp.zeros((), bool))

    def __call__(self, images):
        self.average[...] = 0.5 * self.average + 0.5 * images.mean(axis=0)
        self.calls[...] += 1
        self.constant[...], self.seen[...] = jnp.ones(()), images.mean() > -2
        return super().__call__(images)


def train(config):
    """Return losses, correct images and parameters after a few epochs, and the logits of 5 images.

    ``collectives`` counts the collective operations in the compiled chunk, whose loop body is one step.
    """
    mesh = make_mesh(config.devices, config.members, config.batch_size)
    network, transform = network_of(config, SHAPE, CLASSES), optimizer(config, EPOCHS * STEPS)
    state = shard_state(init_ensemble_state(config, SHAPE, CLASSES, transform), config.members, mesh)
    images, labels = images_and_labels()
    data = shard((image_rows(images), labels), mesh, REPLICATED)
    chunk = chunk_function(network, transform, config, SHAPE, STEPS, mesh).lower(state, *data, 0).compile()
    losses, correct = [], []
    for epoch in range(EPOCHS):
        state = chunk(state, *data, epoch * STEPS + 2)  # within the epoch
        state = chunk(state, *data, (epoch + 1) * STEPS)
        losses.append(np.asarray(state.epoch_loss).tolist())
        correct.append(np.asarray(state.epoch_correct).tolist())
    compute_logits = device_logits_function(network, SHAPE, config.members, mesh)
    return {
        "mesh": list(mesh.devices.shape),
        "collectives": count_collectives(chunk.as_text()),
        "losses": losses,
        "correct": correct,
        "params": [np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(state.variables)],
        "logits": compute_logits(state.variables, data[0][:5]).tolist(),
    }


def images_and_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, IMAGES).astype(np.int32)
    images = np.clip(60 * labels[:, None, None, None] + rng.integers(0, 70, (IMAGES, *SHAPE)), 0, 255)
    return images.astype(np.uint8), labels


def count_collectives(program):
    """Return the number of collective operations of each kind in the text of a compiled program."""
    names = "all-reduce|all-gather|all-to-all|collective-permute|collective-broadcast|reduce-scatter"
    matches = re.findall(rf"= .*? ({names})(?:-start)?\(", program)
    return {name: matches.count(name) for name in matches}


def train_with_wrong_psum(config, wrong_psum):
    """Return the result of `train` with a wrong sum of gradients and losses over the devices."""
    psum = jax.lax.psum
    jax.lax.psum = wrong_psum(psum)
    try:
        return train(config)
    finally:
        jax.lax.psum = psum


def mean_instead_of_sum(psum):
    return lambda tree, axis: jax.tree.map(lambda total: total / jax.lax.axis_size(axis), psum(tree, axis))


def without_first_shard(psum):
    return lambda tree, axis: psum(jax.tree.map(lambda x: x * (jax.lax.axis_index(axis) > 0), tree), axis)


def resume_on_other_devices(folder):
    """Return losses and logits of a run on 1 device, of one resumed on 1 that 2 began, and of one the other way.

    On 2 devices, the steps after the resumption have streamed images.
    """
    runs = {"1 device": fit(replace(RUN, devices=1, run_dir=folder / "reference"))}
    for first, then in [(1, 2), (2, 1)]:
        stops = iter([False] * 4 + [True])
        config = replace(RUN, run_dir=folder / f"{first} to {then}")
        with contextlib.suppress(KeyboardInterrupt):
            fit(replace(config, devices=first), stop=lambda stops=stops: next(stops))
        runs[f"{first} to {then}"] = fit(
            replace(config, devices=then, stream="always" if then == 2 else "never"), resume=True
        )
    return {
        name: {
            "losses": [line["train_loss"] for line in run.metrics],
            "logits": run.predictions["test_logits"].tolist(),
            "predicted": run.logits(images_and_labels()[0][:3]).tolist(),
        }
        for name, run in runs.items()
    }


def mesh_shape(**options):
    config = replace(NETWORK, **options)
    return list(make_mesh(config.devices, config.members, config.batch_size).devices.shape)


def default_mesh_of_a_gpu(**options):
    """Return the shape of the mesh that is made unless ``devices`` is set, and its idle devices in words."""
    backend, config = jax.default_backend, replace(NETWORK, **options)
    jax.default_backend = lambda: "gpu"
    try:
        mesh = make_mesh(None, config.members, config.batch_size)
        return [list(mesh.devices.shape), describe_idle_devices(mesh)]
    finally:
        jax.default_backend = backend


def mesh_error(**options):
    config = replace(NETWORK, **options)
    try:
        make_mesh(config.devices, config.members, config.batch_size)
    except ValueError as error:
        return str(error)
    return None


def one_network(devices):
    return lambda _: train(replace(NETWORK, devices=devices))


def members(devices, **changes):
    return lambda _: train(replace(MEMBERS, **changes, devices=devices))


BFLOAT16 = {"precision": "bfloat16", "augmentation": "none"}
RESULTS = {
    **{f"network on {n}": one_network(n) for n in [1, 2, 8]},
    **{f"members on {n}": members(n) for n in [1, 3, 6]},
    **{f"bfloat16 on {n}": members(n, **BFLOAT16) for n in [1, 6]},
    **{f"averaging on {n}": lambda _, n=n: train(replace(AVERAGING, devices=n)) for n in [1, 2]},
    "averaging in parts": lambda _: train(replace(AVERAGING, members=2, accumulate=2, devices=4)),
    "mean instead of sum": lambda _: train_with_wrong_psum(replace(NETWORK, devices=2), mean_instead_of_sum),
    "one shard dropped": lambda _: train_with_wrong_psum(replace(NETWORK, devices=2), without_first_shard),
    "resumed": resume_on_other_devices,
    "shapes": lambda _: {
        "3 members on 2": mesh_shape(members=3, devices=2),
        "2 members on 8": mesh_shape(members=2, devices=8),
        "5 members on 5": mesh_shape(members=5, devices=5),
        "default": default_mesh_of_a_gpu(),
        "default, 5 members": default_mesh_of_a_gpu(members=5, batch_size=3),
        "default, 16 members": default_mesh_of_a_gpu(members=16),
    },
    "errors": lambda _: {
        "too many": mesh_error(devices=9),
        "uneven": mesh_error(devices=3, batch_size=16),
        "uneven, few": mesh_error(devices=8, batch_size=3),
        "even for each row": mesh_error(devices=6, batch_size=16, members=3),
    },
}


if __name__ == "__main__":
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    sys.stdout.write(json.dumps({name: RESULTS[name](folder) for name in names}))
