"""Training of a classifier: `fit` trains a configuration and writes the run folder."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import NamedSharding

from nets.data.datasets import Dataset, Progress
from nets.distributed.mesh import REPLICATED
from nets.distributed.processes import (
    is_first_process,
    max_over_processes,
    on_all_processes,
    on_first_process,
    require_equal,
)
from nets.training import runs
from nets.training.checkpoint_writer import CheckpointWriter, background_writer
from nets.training.checkpoints import BEST_METRIC, MAX_CHECKPOINTS, open_checkpoints, require_disk_space
from nets.training.config import TrainConfig
from nets.training.early_stopping import WAITED, epochs_without_improvement, stopped_early
from nets.training.evaluation import DeviceImages, Evaluation, NonFiniteLossError, put_on_devices
from nets.training.extension import describe_schedule, extend_run, resumed_config
from nets.training.initial_parameters import state_from_run
from nets.training.optimizers import schedule
from nets.training.own_networks import import_path
from nets.training.profiling import profiled_chunks
from nets.training.run_lock import locked_run_folder, require_free_or_resumable, require_same_data, restore_run
from nets.training.step import TrainState, chunk_function, shard_state
from nets.training.streaming import StreamedBlocks, blocks_in_memory
from nets.training.task import Task, prepare, with_data

type Metrics = dict[str, float]
"""The metrics of an epoch: losses in nats, accuracies, seconds, images a second."""

SECONDS_PER_CHUNK = 2.0
"""Target duration of a chunk. Within a chunk there is no progress report and no checkpoint."""


def fit(
    config: TrainConfig,
    *,
    dataset: Dataset | None = None,
    network: Callable[..., nnx.Module] | None = None,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    on_epoch: Callable[[Metrics], None] = lambda _: None,
    on_start: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    profile: bool = False,
) -> runs.Run:
    """Train a classifier and return its run.

    With several processes (`nets.distributed.processes`) each calls this function with the same configuration. All
    callbacks are called in every process, the first process writes the folder, and an error in one stops all.

    Parameters
    ----------
    config
        Network, data set and recipe. The folder of the run is ``config.folder``.
    dataset
        The data, in place of those that ``config.dataset`` names: of `nets.from_arrays`, or `nets.data.datasets.load`.
        Its name becomes that of the configuration. To resume, give the same data again.
    network
        A network of your own in place of ``config.model``, which becomes its path ``module:name``: a class or function
        of ``image_shape`` (height, width, channels), ``classes`` and ``rngs``, an `nnx.Rngs`. It returns a
        `flax.nnx.Module` that maps images, float32 -1 .. 1 of shape (N, height, width, channels), to logits (N,
        classes).
    resume
        Continue the run in that folder from its last checkpoint, with the same configuration, or with more epochs,
        another patience, or the folder of the data where it is now. ``patience`` and ``init_from`` keep the value of
        the run if they are None.
    progress
        Called with the current task, the number of finished images, and their total number.
    on_epoch
        Called with the metrics of each epoch: losses in nats, accuracies, seconds, images a second.
    on_start
        Called with a sentence that describes the run before its first step.
    stop
        Called before every chunk of steps; if it returns true, the state is saved and KeyboardInterrupt raised.
    profile
        Write a profile of some steps into the folder ``profile`` of the run (`nets.training.profiling`).

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
    >>> import numpy as np
    >>> from nets.training.config import TrainConfig
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> run = fit(TrainConfig(dataset="digits", model="mlp", hidden=(32,), epochs=3, run_dir=folder))
    >>> run.predict(np.zeros((5, 8, 8, 1), np.uint8)).shape
    (5, 10)
    """
    if network is not None:
        config = replace(config, model=import_path(network))
    require_equal("options", repr((replace(config, data_dir=None), resume)))
    config = on_all_processes(lambda: with_data(config, dataset))
    if resume:  # before the data set is loaded
        on_first_process(lambda: require_free_or_resumable(config, resume))
    task = prepare(config, progress, dataset)
    state, metrics, remarks = task.initial_state(), [], ""
    if config.init_from is not None and not resume:
        state, remarks = on_all_processes(lambda: state_from_run(task, state))
        state = shard_state(state, config.members, task.mesh)
    with locked_run_folder(config, resume) as folder:
        epochs_before = config.epochs
        if resume:
            way_out = "resume it on the same data, or train in another --run-dir"
            on_all_processes(lambda: require_same_data(folder, task, way_out))
            before = on_all_processes(lambda: runs.load_run(folder).config)
            epochs_before, config = before.epochs, resumed_config(config, before)
            task = replace(task, config=config)
        else:
            on_first_process(lambda: create_run(folder, task, state, remarks))
        with open_checkpoints(folder / "checkpoints") as checkpoints:
            if resume:
                state, metrics = restore_run(folder, checkpoints, state, task)
                on_first_process(lambda: extend_run(folder, task))
            if config.epochs > epochs_before:
                remarks = describe_schedule(task, epochs_before, int(state.step))
            on_start(f"{task.describe(state)}; run folder {folder}{remarks and f'; {remarks}'}")
            images = put_on_devices(task)
            train_epoch, evaluation = epoch_function(task, images), Evaluation(task, images)

            def before_chunk(state: TrainState) -> None:
                report(task, state, progress)
                profile_chunk()
                writer.advance()
                save_if_due(config, state, metrics, writer, stop())

            last_step, every_one = int(state.step) if resume else -1, config.checkpoint_every is not None
            profile_folder = folder / "profile" if profile and is_first_process() else None
            with (
                background_writer(checkpoints, last_step, every_one) as writer,
                profiled_chunks(profile_folder, task.total_steps - int(state.step)) as profile_chunk,
            ):
                for epoch in range(int(state.step) // task.steps + 1, config.epochs + 1):
                    if stopped_early(config, metrics):
                        break
                    last = epoch == config.epochs
                    state, line = train_epoch(state, epoch, before_chunk)
                    if last or epoch % config.eval_every == 0:
                        line |= evaluation.metrics(state)
                    metrics.append(line)
                    if config.patience is not None and BEST_METRIC in line:
                        line[WAITED] = epochs_without_improvement(metrics)
                    last |= stopped_early(config, metrics)
                    # Before the checkpoint, since `restore_run` drops the lines after the checkpoint that it restores.
                    on_first_process(lambda: runs.write_metrics(folder, metrics))
                    if last or epoch % (config.checkpoint_every or 1) == 0:
                        writer.save(state, metrics)
                    on_epoch(dict(line))  # a copy, which the caller may change
        progress("predict", 0, 1)
        logits = evaluation.logits(state)
        on_first_process(lambda: runs.write_predictions(folder, task.splits, logits, task.dataset.class_names))
    return runs.load_run(folder)


def create_run(folder: Path, task: Task, state: TrainState, remarks: str) -> None:
    """Write the first files of a run; raise OSError if there is no disk space for its checkpoints."""
    # Checked before the first epoch and the first file. During a save there is one checkpoint more.
    total = -(-task.config.epochs // (task.config.checkpoint_every or 1))
    require_disk_space(folder, state, resumable=False, count=min(MAX_CHECKPOINTS + 1, total))
    runs.write_metrics(folder, [])
    dataset, provenance = task.dataset, task.provenance(state)
    if remarks:
        provenance |= {"remarks": remarks}
    runs.write_config(folder, task.config, dataset.class_names, dataset.image_shape, provenance)


def report(task: Task, state: TrainState, progress: Progress) -> None:
    """Report the progress of training in images."""
    step, config = int(state.step), task.config
    epoch = f"epoch {step // task.steps + 1}/{config.epochs}"
    progress(epoch, step * config.batch_size, task.total_steps * config.batch_size)


def save_if_due(
    config: TrainConfig, state: TrainState, metrics: list[Metrics], writer: CheckpointWriter, stop: bool
) -> None:
    """Save a checkpoint if one is due or training is to stop; raise KeyboardInterrupt if any process is to stop."""
    step = int(state.step)
    due = time.monotonic() - writer.time >= 60 * config.checkpoint_minutes
    stopping, due = max_over_processes(stop, due)
    if (stopping or due) and writer.step != step:
        writer.save(state, metrics)
    if stopping:
        writer.wait()
        raise KeyboardInterrupt(f"stopped at step {step:,}; --resume continues from there")


def epoch_function(
    task: Task, device_images: DeviceImages | None
) -> Callable[[TrainState, int, Callable[[TrainState], None]], tuple[TrainState, Metrics]]:
    """Return ``train_epoch(state, epoch, before_chunk)``: the state after an epoch, and the metrics of its steps.

    The steps run in chunks of about `SECONDS_PER_CHUNK`, and ``before_chunk(state)`` is called before each.
    Raises NonFiniteLossError if the loss of a step is not finite.
    """
    config, steps = task.config, task.steps
    streamed, train = task.streamed, task.splits["train"]
    shape, weights = task.dataset.image_shape, task.class_weights
    chunk = chunk_function(task.network, task.optimizer, config, shape, steps, task.mesh, streamed, weights)
    progress_of = progress_function(task)
    if device_images is None:
        block_of = StreamedBlocks(config, train, task.total_steps, task.mesh)
    else:
        block_of = blocks_in_memory(*device_images.train, task.total_steps)
    chunk_size = 1  # steps; later as many as the chunk before leads to expect

    def train_epoch(
        state: TrainState, epoch: int, before_chunk: Callable[[TrainState], None]
    ) -> tuple[TrainState, Metrics]:
        nonlocal chunk_size
        epoch_started, progress = time.perf_counter(), jax.device_get(progress_of(state))
        first_step = step = int(progress["step"])
        while step < epoch * steps:
            before_chunk(state)
            started = time.perf_counter()
            block = block_of(step)
            stop = min(step + chunk_size, block.stop, epoch * steps)
            state = chunk(state, block.images, block.labels, stop, *([block.first] if streamed else []))
            progress = jax.device_get(progress_of(state))  # waits for the device
            require_finite(config, int(progress["nonfinite_step"]))
            (seconds,) = max_over_processes(time.perf_counter() - started)
            steps_done, step = int(progress["step"]) - step, int(progress["step"])
            chunk_size = max(1, min(2 * chunk_size, round(steps_done * SECONDS_PER_CHUNK / seconds)))
        seconds = time.perf_counter() - epoch_started
        return state, {
            "epoch": epoch,
            "step": step,
            "learning_rate": float(progress["learning_rate"]),
            "train_loss": float(progress["epoch_loss"]) / steps,
            "train_accuracy": float(progress["epoch_correct"]) / (steps * config.batch_size),
            "seconds": seconds,
            "images_per_second": (step - first_step) * config.batch_size * config.members / seconds,
        }

    return train_epoch


def progress_function(task: Task) -> Callable[[TrainState], dict[str, jax.Array]]:
    """Return a compiled function of a train state: what the host needs after a chunk, means over the members."""
    learning_rate = schedule(task.config, task.total_steps)

    def progress_of(state: TrainState) -> dict[str, jax.Array]:
        return {
            "step": state.step,
            "learning_rate": jnp.asarray(learning_rate(state.step - 1)),
            "epoch_loss": state.epoch_loss.mean(),
            "epoch_correct": state.epoch_correct.mean(),
            "nonfinite_step": state.nonfinite_step.max(),
        }

    return jax.jit(progress_of, out_shardings=NamedSharding(task.mesh, REPLICATED))


def require_finite(config: TrainConfig, nonfinite_step: int) -> None:
    """Raise NonFiniteLossError if the loss of step ``nonfinite_step``, counted from 0, was not finite; -1 is none."""
    if nonfinite_step >= 0:
        raise NonFiniteLossError(
            f"the loss was not finite at step {nonfinite_step + 1}; train in another --run-dir with a "
            f"--learning-rate below {config.resolved_learning_rate:g}. Checkpoints are from earlier steps."
        )
