"""Training a classifier: `fit`, from a configuration to a run folder."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from closedform.provenance import commit, versions
from nets.data.datasets import Dataset, Progress, Split, hold_out, load
from nets.data.tfds_folder import NotPreparedError
from nets.distributed import mesh as devices
from nets.distributed import processes as hosts
from nets.models.losses import accuracy, cross_entropy
from nets.training import runs
from nets.training.checkpoints import KEPT, checkpoints_in, require_room
from nets.training.config import TrainConfig
from nets.training.ensemble import combine, initial_states
from nets.training.optimizers import optimizer, schedule
from nets.training.run_lock import claimed, require_fitting, require_same_data, resumed, sha256
from nets.training.step import WHOLE, TrainState, build, chunk_function, lay_out, logits_function

SECONDS_A_CHUNK = 2.0
"""How long a chunk takes, in the middle of which nothing is heard of the training and nothing can be saved."""
PACKAGES = ["closedform", "jax", "jaxlib", "flax", "optax", "numpy"]


class NotFiniteError(ArithmeticError):
    """The loss of a step was infinite or not a number; the last checkpoint is from before."""


def fit(
    config: TrainConfig,
    *,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    on_epoch: Callable[[dict[str, float]], None] = lambda _: None,
    on_start: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> runs.Run:
    """Train a classifier and return its run.

    Parameters
    ----------
    config
        What to train, on what, and how. The folder of the run is ``config.folder``.
    resume
        Continue the run in that folder from its last checkpoint, with the same configuration.
    progress
        Called with what is being done, how many images are done, and how many there are.
    on_epoch
        Called with the metrics of each epoch: losses in nats, accuracies, seconds, images a second.
    on_start
        Called with a sentence on what is about to be trained.
    stop
        Asked before every chunk of steps; when it says so, the state is saved and KeyboardInterrupt raised.

    Where several processes train together (`nets.distributed.processes`), each calls this with the same configuration.
    All callbacks are called in all of them, the first writes the folder, and what stops one stops all.

    Raises
    ------
    tfds_folder.NotPreparedError
        If the data set is not in the data folder.
    ValueError
        If data, configuration and devices do not fit, the folder holds another run, or there is nothing to resume.
    NotFiniteError
        If a loss is not finite; the last checkpoint stays.
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from nets.training.config import TrainConfig
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> run = fit(TrainConfig(dataset="digits", model="mlp", hidden=(32,), epochs=3, run_dir=folder))
    >>> run.predict(np.zeros((5, 8, 8, 1), np.uint8)).shape
    (5, 10)
    """
    hosts.require_same("options", repr((replace(config, data_dir=None), resume)))
    if resume:  # before data are looked for
        hosts.first(lambda: require_fitting(config, resume))
    dataset = hosts.together(lambda: _loaded(config, progress))
    if (present := len(np.unique(dataset.train.labels))) < 2:
        raise ValueError(
            f"`dataset` must have training images of at least two classes, got {present} in {config.dataset}."
        )
    kept, held = hold_out(dataset.train, config.validation, config.seed)
    splits = {"train": kept, "validation": held, "test": dataset.test}
    mesh = devices.make(config.devices, config.members, config.batch_size)
    steps = len(kept) // config.batch_size  # of an epoch
    if steps == 0:
        raise ValueError(
            f"`batch_size` must be at most {len(kept)}, the number of training images, got {config.batch_size}."
        )
    classes = len(dataset.class_names)
    _require_pixels(config, dataset.image_shape)
    module = nnx.graphdef(nnx.eval_shape(lambda: build(config, dataset.image_shape, classes)))
    update = optimizer(config, config.epochs * steps)
    state = lay_out(initial_states(config, dataset.image_shape, classes, update), config.members, mesh)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // config.members
    data = {"classes": list(dataset.class_names), "images": {name: len(split) for name, split in splits.items()}}
    data |= {"sha256": sha256(splits)}
    hosts.require_same("data", repr(data))

    with claimed(config, resume) as folder:

        def begin() -> None:
            # Before an epoch is spent on it, and before anything is written: one more is there while it is written.
            written = -(-config.epochs // config.checkpoint_every)
            require_room(folder, state, resumable=False, count=min(KEPT + 1, written))
            provenance = {"commit": commit(), "versions": versions(PACKAGES), "device": devices.description(mesh)}
            provenance |= {"parameters": parameters, "seeds": list(config.seeds), "data": data}
            runs.write_metrics(folder, [])
            runs.write_config(folder, config, dataset.class_names, dataset.image_shape, provenance)

        if not resume:
            hosts.first(begin)
        with checkpoints_in(folder / "checkpoints") as checkpoints:
            metrics = []
            if resume:
                hosts.together(lambda: require_same_data(folder, data))
                state, metrics = resumed(folder, checkpoints, state, steps)
            on_start(
                f"{_networks(config)} with {parameters:,} parameters on {devices.description(mesh)}: {config.dataset}, "
                + ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
                + f" images; run folder {folder}"
            )
            chunk = chunk_function(module, update, config, steps, mesh)
            logits_of = logits_function(module, config.members, mesh)
            rate = schedule(config, config.epochs * steps)
            images, labels = devices.put((kept.images, kept.labels), mesh, WHOLE)

            def between(state: TrainState) -> None:
                """Show where an epoch is, and save if it is time to, or if training is to stop."""
                step = int(state.step)
                epoch = f"epoch {step // steps + 1}/{config.epochs}"
                progress(epoch, step * config.batch_size, config.epochs * steps * config.batch_size)
                due = time.monotonic() - checkpoints.time >= 60 * config.checkpoint_minutes
                stopped, due = hosts.largest(stop(), due)
                if (stopped or due) and checkpoints.step != step:
                    checkpoints.save(state, metrics)
                if stopped:
                    raise KeyboardInterrupt(f"stopped at step {step:,}; --resume goes on from there")

            length = 1
            for epoch in range(int(state.step) // steps + 1, config.epochs + 1):
                started, first = time.perf_counter(), int(state.step)
                state, length = _epoch(chunk, state, images, labels, epoch * steps, length, between, config)
                seconds = time.perf_counter() - started
                line: dict[str, float] = {
                    "epoch": epoch,
                    "step": int(state.step),
                    "learning_rate": float(rate(int(state.step) - 1)),
                    "train_loss": float(state.loss.mean()) / steps,
                    "train_accuracy": float(state.correct.mean()) / (steps * config.batch_size),
                    "seconds": seconds,
                    "images_per_second": (int(state.step) - first) * config.batch_size * config.members / seconds,
                }
                last = epoch == config.epochs
                if last or epoch % config.eval_every == 0:
                    for name in ["validation", "test"]:
                        line |= _scores(name, splits[name], logits_of, state)
                metrics.append(line)
                # Before the checkpoint: lines after the last are dropped again.
                hosts.first(lambda: runs.write_metrics(folder, metrics))
                if last or epoch % config.checkpoint_every == 0:
                    checkpoints.save(state, metrics)
                on_epoch(line)
        progress("predict", 0, 1)
        lead = (config.members,) if config.members > 1 else ()
        logits = {
            name: logits_of(state.params, split.images) if len(split) else np.empty((*lead, 0, classes), "f")
            for name, split in splits.items()
        }
        hosts.first(lambda: runs.write_predictions(folder, splits, logits, dataset.class_names))
    return runs.load_run(folder)


def _loaded(config: TrainConfig, progress: Progress) -> Dataset:
    """Return the data set; several processes do not wait for one of them to prepare it."""
    try:
        return load(config.dataset, config.data_dir, progress)
    except NotPreparedError as missing:
        if jax.process_count() == 1:
            raise
        raise ValueError(f"{missing}; prepare it before, with `python -m nets prepare {config.dataset}`.") from missing


def _require_pixels(config: TrainConfig, image_shape: tuple[int, int, int]) -> None:
    """Raise ValueError if the images are too small for the convolutions asked for."""
    height, width, _ = image_shape
    lost = 2 * len(config.channels)  # 3x3 without padding
    if config.model == "conv" and min(height, width) <= lost:
        fewer = (min(height, width) - 1) // 2
        way_out = f"take at most {fewer} --channels, or --model mlp" if fewer else "take --model mlp"
        raise ValueError(
            f"`model` conv takes {lost} pixels off either side of an image with {len(config.channels)} convolutions of "
            f"3x3, and the images of {config.dataset} are {height} x {width}; {way_out}."
        )


def _epoch(
    chunk: Callable[..., TrainState],
    state: TrainState,
    images: jax.Array,
    labels: jax.Array,
    end: int,
    length: int,
    between: Callable[[TrainState], None],
    config: TrainConfig,
) -> tuple[TrainState, int]:
    """Take the steps up to ``end``, that of an epoch, in chunks with ``between`` before each.

    Return the state then, and how long the next chunk should be; ``length`` is that of the first.
    """
    step = int(state.step)
    while step < end:
        between(state)
        started = time.perf_counter()
        state = chunk(state, images, labels, min(step + length, end))
        taken, step = int(state.step) - step, int(state.step)  # waits for the device
        if (lost := int(state.lost.max())) >= 0:
            raise NotFiniteError(
                f"the loss was not finite at step {lost + 1}; train in another --run-dir with a lower --learning-rate "
                f"than {config.rate:g}, which is the usual cure. Checkpoints are from before."
            )
        (seconds,) = hosts.largest(time.perf_counter() - started)
        length = max(1, min(2 * length, round(taken * SECONDS_A_CHUNK / seconds)))
    return state, length


def _scores(
    name: str, split: Split, logits_of: Callable[[Any, Any], np.ndarray], state: TrainState
) -> dict[str, float]:
    """Return loss and accuracy of the predictive on ``split``, nothing if it is empty; raise NotFiniteError."""
    if not len(split):
        return {}
    logits, labels = jnp.asarray(combine(logits_of(state.params, split.images))), jnp.asarray(split.labels)
    loss = float(jax.jit(cross_entropy)(logits, labels))
    if not np.isfinite(loss):
        raise NotFiniteError(f"the {name} loss after step {int(state.step)} is {loss}; lower --learning-rate.")
    return {f"{name}_loss": loss, f"{name}_accuracy": float(jax.jit(accuracy)(logits, labels))}


def _networks(config: TrainConfig) -> str:
    return config.model if config.members == 1 else f"{config.members} networks {config.model}, each"
