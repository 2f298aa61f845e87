"""Training of a classifier: `fit` trains a configuration and writes the run folder."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from closedform.provenance import commit, versions
from nets.data.datasets import Dataset, Progress, load
from nets.data.splits import Split, hold_out
from nets.data.tfds_folder import NotPreparedError
from nets.distributed.mesh import REPLICATED, describe_devices, make_mesh, shard
from nets.distributed.processes import max_over_processes, on_all_processes, on_first_process, require_equal
from nets.models.losses import accuracy, cross_entropy
from nets.training import runs
from nets.training.checkpoints import MAX_CHECKPOINTS, open_checkpoints, require_disk_space
from nets.training.config import TrainConfig
from nets.training.ensemble import ensemble_logits, init_ensemble_state
from nets.training.optimizers import optimizer, schedule
from nets.training.run_lock import (
    data_sha256,
    locked_run_folder,
    require_free_or_resumable,
    require_same_data,
    restore_run,
)
from nets.training.step import TrainState, build_network, chunk_function, logits_function, shard_state

SECONDS_PER_CHUNK = 2.0
"""Target duration of a chunk. Within a chunk there is no progress report and no checkpoint."""
RECORDED_PACKAGES = ["closedform", "jax", "jaxlib", "flax", "optax", "numpy"]


class NonFiniteLossError(ArithmeticError):
    """The loss of a step was infinite or nan; the last checkpoint is from an earlier step."""


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
        Network, data set and recipe. The folder of the run is ``config.folder``.
    resume
        Continue the run in that folder from its last checkpoint, with the same configuration.
    progress
        Called with the current task, the number of finished images, and their total number.
    on_epoch
        Called with the metrics of each epoch: losses in nats, accuracies, seconds, images a second.
    on_start
        Called with a sentence that describes the run before its first step.
    stop
        Called before every chunk of steps; if it returns true, the state is saved and KeyboardInterrupt raised.

    With several processes (`nets.distributed.processes`) each calls this function with the same configuration. All
    callbacks are called in every process, the first process writes the folder, and an error in one stops all.

    Raises
    ------
    tfds_folder.NotPreparedError
        If the data set is not in the data folder.
    ValueError
        If data, configuration and devices are incompatible, the folder contains another run, or there is no run to
        resume.
    NonFiniteLossError
        If a loss is not finite; the last checkpoint remains.
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
    require_equal("options", repr((replace(config, data_dir=None), resume)))
    if resume:  # before the data set is loaded
        on_first_process(lambda: require_free_or_resumable(config, resume))
    dataset = on_all_processes(lambda: _load_dataset(config, progress))
    if (num_classes := len(np.unique(dataset.train.labels))) < 2:
        raise ValueError(
            f"`dataset` must have training images of at least two classes, got {num_classes} in {config.dataset}."
        )
    train, validation = hold_out(dataset.train, config.validation, config.seed)
    splits = {"train": train, "validation": validation, "test": dataset.test}
    mesh = make_mesh(config.devices, config.members, config.batch_size)
    steps = len(train) // config.batch_size  # in an epoch
    if steps == 0:
        raise ValueError(
            f"`batch_size` must be at most {len(train)}, the number of training images, got {config.batch_size}."
        )
    classes = len(dataset.class_names)
    _require_large_enough_images(config, dataset.image_shape)
    module = nnx.graphdef(nnx.eval_shape(lambda: build_network(config, dataset.image_shape, classes)))
    transform = optimizer(config, config.epochs * steps)
    state = shard_state(init_ensemble_state(config, dataset.image_shape, classes, transform), config.members, mesh)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // config.members
    data = {"classes": list(dataset.class_names), "images": {name: len(split) for name, split in splits.items()}}
    data |= {"sha256": data_sha256(splits)}
    require_equal("data", repr(data))

    with locked_run_folder(config, resume) as folder:

        def create_run() -> None:
            # Checked before the first epoch and the first file. During a save there is one checkpoint more.
            total = -(-config.epochs // config.checkpoint_every)
            require_disk_space(folder, state, resumable=False, count=min(MAX_CHECKPOINTS + 1, total))
            provenance = {"commit": commit(), "versions": versions(RECORDED_PACKAGES), "device": describe_devices(mesh)}
            provenance |= {"parameters": parameters, "seeds": list(config.seeds), "data": data}
            runs.write_metrics(folder, [])
            runs.write_config(folder, config, dataset.class_names, dataset.image_shape, provenance)

        if not resume:
            on_first_process(create_run)
        with open_checkpoints(folder / "checkpoints") as checkpoints:
            metrics = []
            if resume:
                on_all_processes(lambda: require_same_data(folder, data))
                state, metrics = restore_run(folder, checkpoints, state, steps)
            on_start(
                f"{_describe_networks(config)} with {parameters:,} parameters on {describe_devices(mesh)}: "
                f"{config.dataset}, "
                + ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
                + f" images; run folder {folder}"
            )
            chunk = chunk_function(module, transform, config, steps, mesh)
            compute_logits = logits_function(module, config.members, mesh)
            learning_rate = schedule(config, config.epochs * steps)
            images, labels = shard((train.images, train.labels), mesh, REPLICATED)

            def before_chunk(state: TrainState) -> None:
                """Report progress, and save a checkpoint if one is due or training is to stop."""
                step = int(state.step)
                epoch = f"epoch {step // steps + 1}/{config.epochs}"
                progress(epoch, step * config.batch_size, config.epochs * steps * config.batch_size)
                due = time.monotonic() - checkpoints.time >= 60 * config.checkpoint_minutes
                stopping, due = max_over_processes(stop(), due)
                if (stopping or due) and checkpoints.step != step:
                    checkpoints.save(state, metrics)
                if stopping:
                    raise KeyboardInterrupt(f"stopped at step {step:,}; --resume continues from there")

            chunk_size = 1
            for epoch in range(int(state.step) // steps + 1, config.epochs + 1):
                started, first_step = time.perf_counter(), int(state.step)
                state, chunk_size = _run_epoch(
                    chunk, state, images, labels, epoch * steps, chunk_size, before_chunk, config
                )
                seconds = time.perf_counter() - started
                line: dict[str, float] = {
                    "epoch": epoch,
                    "step": int(state.step),
                    "learning_rate": float(learning_rate(int(state.step) - 1)),
                    "train_loss": float(state.epoch_loss.mean()) / steps,
                    "train_accuracy": float(state.epoch_correct.mean()) / (steps * config.batch_size),
                    "seconds": seconds,
                    "images_per_second": (int(state.step) - first_step) * config.batch_size * config.members / seconds,
                }
                last_epoch = epoch == config.epochs
                if last_epoch or epoch % config.eval_every == 0:
                    for name in ["validation", "test"]:
                        line |= _evaluate_split(name, splits[name], compute_logits, state)
                metrics.append(line)
                # Before the checkpoint, since `restore_run` drops the lines after the checkpoint that it restores.
                on_first_process(lambda: runs.write_metrics(folder, metrics))
                if last_epoch or epoch % config.checkpoint_every == 0:
                    checkpoints.save(state, metrics)
                on_epoch(line)
        progress("predict", 0, 1)
        leading = (config.members,) if config.members > 1 else ()
        logits = {
            name: compute_logits(state.params, split.images) if len(split) else np.empty((*leading, 0, classes), "f")
            for name, split in splits.items()
        }
        on_first_process(lambda: runs.write_predictions(folder, splits, logits, dataset.class_names))
    return runs.load_run(folder)


def _load_dataset(config: TrainConfig, progress: Progress) -> Dataset:
    """Return the data set; with several processes it must be prepared beforehand."""
    try:
        return load(config.dataset, config.data_dir, progress)
    except NotPreparedError as error:
        if jax.process_count() == 1:
            raise
        raise ValueError(f"{error}; prepare it first with `python -m nets prepare {config.dataset}`.") from error


def _require_large_enough_images(config: TrainConfig, image_shape: tuple[int, int, int]) -> None:
    """Raise ValueError if the images are too small for the convolutions of ``config``."""
    height, width, _ = image_shape
    trimmed = 2 * len(config.channels)  # pixels, by 3x3 convolutions without padding
    if config.model == "conv" and min(height, width) <= trimmed:
        max_convolutions = (min(height, width) - 1) // 2
        way_out = (
            f"take at most {max_convolutions} --channels, or --model mlp" if max_convolutions else "take --model mlp"
        )
        raise ValueError(
            f"`model` conv with {len(config.channels)} convolutions of 3x3 reduces height and width by {trimmed} "
            f"pixels, and the images of {config.dataset} are {height} x {width}; {way_out}."
        )


def _run_epoch(
    chunk: Callable[..., TrainState],
    state: TrainState,
    images: jax.Array,
    labels: jax.Array,
    end: int,
    chunk_size: int,
    before_chunk: Callable[[TrainState], None],
    config: TrainConfig,
) -> tuple[TrainState, int]:
    """Run the steps up to ``end``, the last of an epoch, in chunks; call ``before_chunk`` before each.

    ``chunk_size`` is the number of steps in the first chunk. Return the state and the size of the next chunk.
    """
    step = int(state.step)
    while step < end:
        before_chunk(state)
        started = time.perf_counter()
        state = chunk(state, images, labels, min(step + chunk_size, end))
        steps_done, step = int(state.step) - step, int(state.step)  # waits for the device
        if (nonfinite_step := int(state.nonfinite_step.max())) >= 0:
            raise NonFiniteLossError(
                f"the loss was not finite at step {nonfinite_step + 1}; train in another --run-dir with a "
                f"--learning-rate below {config.resolved_learning_rate:g}. Checkpoints are from earlier steps."
            )
        (seconds,) = max_over_processes(time.perf_counter() - started)
        chunk_size = max(1, min(2 * chunk_size, round(steps_done * SECONDS_PER_CHUNK / seconds)))
    return state, chunk_size


def _evaluate_split(
    name: str, split: Split, compute_logits: Callable[[Any, Any], np.ndarray], state: TrainState
) -> dict[str, float]:
    """Return loss and accuracy of the predictive on ``split``; NonFiniteLossError if the loss is not finite.

    The result is empty if ``split`` is.
    """
    if not len(split):
        return {}
    logits, labels = jnp.asarray(ensemble_logits(compute_logits(state.params, split.images))), jnp.asarray(split.labels)
    loss = float(jax.jit(cross_entropy)(logits, labels))
    if not np.isfinite(loss):
        raise NonFiniteLossError(
            f"the {name} loss after step {int(state.step)} is {loss}; take a lower --learning-rate."
        )
    return {f"{name}_loss": loss, f"{name}_accuracy": float(jax.jit(accuracy)(logits, labels))}


def _describe_networks(config: TrainConfig) -> str:
    return config.model if config.members == 1 else f"{config.members} {config.model} networks, each"
