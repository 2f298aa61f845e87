"""Training on 1, 2, 4 and 8 devices of one process, for `test_devices`: a CPU is divided before JAX starts.

`python -m tests.nets.distributed.on_devices FOLDER` needs XLA_FLAGS=--xla_force_host_platform_device_count=8 and
prints, as JSON, what it saw.
"""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from nets.distributed import mesh as devices
from nets.training import step as train_step
from nets.training.config import TrainConfig
from nets.training.ensemble import initial_states
from nets.training.fitting import fit
from nets.training.optimizers import optimizer

SHAPE, CLASSES, IMAGES, STEPS, EPOCHS = (8, 8, 1), 4, 101, 6, 3  # 5 images are left over in each epoch
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
RUN = TrainConfig(dataset="digits", model="mlp", hidden=(16,), batch_size=32, epochs=3, learning_rate=3e-3)


def trained(config):
    """Return what the steps of a few epochs make: losses, images right, parameters, logits of 5 images.

    ``collectives`` counts the ways of sending in the compiled chunk of steps, whose loop is one step.
    """
    mesh = devices.make(config.devices, config.members, config.batch_size)
    network, update = nnx.graphdef(train_step.build(config, SHAPE, CLASSES)), optimizer(config, EPOCHS * STEPS)
    state = train_step.lay_out(initial_states(config, SHAPE, CLASSES, update), config.members, mesh)
    data = devices.put(images_and_labels(), mesh, train_step.WHOLE)
    chunk = train_step.chunk_function(network, update, config, STEPS, mesh).lower(state, *data, 0).compile()
    losses, right = [], []
    for epoch in range(EPOCHS):
        state = chunk(state, *data, epoch * STEPS + 2)  # cut in the middle
        state = chunk(state, *data, (epoch + 1) * STEPS)
        losses.append(np.asarray(state.loss).tolist())
        right.append(np.asarray(state.correct).tolist())
    logits_of = train_step.logits_function(network, config.members, mesh)
    return {
        "mesh": list(mesh.devices.shape),
        "collectives": counted(chunk.as_text()),
        "losses": losses,
        "right": right,
        "params": [np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(state.params)],
        "logits": logits_of(state.params, images_and_labels()[0][:5]).tolist(),
    }


def images_and_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, IMAGES).astype(np.int32)
    images = np.clip(60 * labels[:, None, None, None] + rng.integers(0, 70, (IMAGES, *SHAPE)), 0, 255)
    return images.astype(np.uint8), labels


def counted(program):
    """Return how often each way of sending is in the text of a compiled program."""
    names = "all-reduce|all-gather|all-to-all|collective-permute|collective-broadcast|reduce-scatter"
    found = re.findall(rf"= .*? ({names})(?:-start)?\(", program)
    return {name: found.count(name) for name in found}


def with_another_sum(config, another):
    """Return what is trained if gradients and losses are added up in a wrong way."""
    right = jax.lax.psum
    jax.lax.psum = another(right)
    try:
        return trained(config)
    finally:
        jax.lax.psum = right


def averaged(psum):
    return lambda tree, axis: jax.tree.map(lambda total: total / jax.lax.axis_size(axis), psum(tree, axis))


def first_dropped(psum):
    return lambda tree, axis: psum(jax.tree.map(lambda x: x * (jax.lax.axis_index(axis) > 0), tree), axis)


def resumed(folder):
    """Return the losses and logits of a run on 1 device, and of one begun on 4 and gone on with on 2 and on 1."""
    runs = {"alone": fit(replace(RUN, devices=1, run_dir=folder / "alone"))}
    asked = iter([False] * 4 + [True])
    try:
        fit(replace(RUN, devices=4, run_dir=folder / "begun"), stop=lambda: next(asked))
    except KeyboardInterrupt:
        for now in [2, 1]:
            shutil.copytree(folder / "begun", folder / f"to{now}")
            runs[f"to {now}"] = fit(replace(RUN, devices=now, run_dir=folder / f"to{now}"), resume=True)
    return {
        name: {
            "losses": [line["train_loss"] for line in run.metrics],
            "logits": run.predictions["test_logits"].tolist(),
            "predicted": run.logits(images_and_labels()[0][:3]).tolist(),
        }
        for name, run in runs.items()
    }


def refused(**changes):
    config = replace(NETWORK, **changes)
    try:
        devices.make(config.devices, config.members, config.batch_size)
    except ValueError as error:
        return str(error)
    return None


if __name__ == "__main__":
    seen = {
        "network": {n: trained(replace(NETWORK, devices=n)) for n in [1, 2, 4, 8]},
        "members": {n: trained(replace(NETWORK, model="mlp", members=3, devices=n)) for n in [1, 2, 3, 6]},
        "bfloat16": {
            n: trained(replace(NETWORK, model="mlp", members=3, precision="bfloat16", augmentation="none", devices=n))
            for n in [1, 2, 3, 6]
        },
        "a mean": with_another_sum(replace(NETWORK, devices=4), averaged),
        "a share dropped": with_another_sum(replace(NETWORK, devices=4), first_dropped),
        "resumed": resumed(Path(sys.argv[1])),
        "refused": {
            "too many": refused(devices=9),
            "uneven": refused(devices=3, batch_size=16),
            "uneven, few": refused(devices=8, batch_size=3),
            "even for each group": refused(devices=6, batch_size=16, members=3),
        },
    }
    sys.stdout.write(json.dumps(seen))
