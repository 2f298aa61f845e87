"""Training of a classifier: `fit` trains a configuration and writes the run folder."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nets.data.datasets import Dataset, Progress
from nets.distributed.processes import max_over_processes, on_all_processes, on_first_process, require_equal
from nets.models.losses import accuracy, cross_entropy
from nets.training import runs
from nets.training.checkpoints import MAX_CHECKPOINTS, Checkpoints, open_checkpoints, require_disk_space
from nets.training.class_balance import balanced_scores, confusion_counts
from nets.training.config import TrainConfig
from nets.training.ensemble import ensemble_logits
from nets.training.optimizers import schedule
from nets.training.run_lock import locked_run_folder, require_free_or_resumable, require_same_data, restore_run
from nets.training.step import TrainState, chunk_function, logits_function
from nets.training.streaming import StreamedBlocks, blocks_in_memory
from nets.training.task import Task, prepare

type Metrics = dict[str, float]
"""The metrics of an epoch: losses in nats, accuracies, seconds, images a second."""

SECONDS_PER_CHUNK = 2.0
"""Target duration of a chunk. Within a chunk there is no progress report and no checkpoint."""


class NonFiniteLossError(ArithmeticError):
    """The loss of a step was infinite or nan; the last checkpoint is from an earlier step."""


def fit(
    config: TrainConfig,
    *,
    dataset: Dataset | None = None,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    on_epoch: Callable[[Metrics], None] = lambda _: None,
    on_start: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
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
    if dataset is not None:
        config = replace(config, dataset=dataset.name)
    require_equal("options", repr((replace(config, data_dir=None), resume)))
    if resume:  # before the data set is loaded
        on_first_process(lambda: require_free_or_resumable(config, resume))
    task = prepare(config, progress, dataset)
    with locked_run_folder(config, resume) as folder:
        if resume:
            on_all_processes(lambda: require_same_data(folder, task))
        state, metrics = task.initial_state(), []
        if not resume:
            on_first_process(lambda: create_run(folder, task, state))
        with open_checkpoints(folder / "checkpoints") as checkpoints:
            if resume:
                state, metrics = restore_run(folder, checkpoints, state, task.steps)
            on_start(f"{task.describe(state)}; run folder {folder}")
            compute_logits = logits_function(task.network, config.members, task.mesh)
            train_epoch = epoch_function(task)

            def before_chunk(state: TrainState) -> None:
                report(task, state, progress)
                save_if_due(config, state, metrics, checkpoints, stop())

            for epoch in range(int(state.step) // task.steps + 1, config.epochs + 1):
                last = epoch == config.epochs
                state, line = train_epoch(state, epoch, before_chunk)
                if last or epoch % config.eval_every == 0:
                    line |= evaluate(task, state, compute_logits)
                metrics.append(line)
                # Before the checkpoint, since `restore_run` drops the lines after the checkpoint that it restores.
                on_first_process(lambda: runs.write_metrics(folder, metrics))
                if last or epoch % config.checkpoint_every == 0:
                    checkpoints.save(state, metrics)
                on_epoch(line)
        progress("predict", 0, 1)
        logits = {name: compute_logits(state.params, split.images) for name, split in task.splits.items()}
        on_first_process(lambda: runs.write_predictions(folder, task.splits, logits, task.dataset.class_names))
    return runs.load_run(folder)


def create_run(folder: Path, task: Task, state: TrainState) -> None:
    """Write the first files of a run; raise OSError if there is no disk space for its checkpoints."""
    # Checked before the first epoch and the first file. During a save there is one checkpoint more.
    total = -(-task.config.epochs // task.config.checkpoint_every)
    require_disk_space(folder, state, resumable=False, count=min(MAX_CHECKPOINTS + 1, total))
    runs.write_metrics(folder, [])
    dataset = task.dataset
    runs.write_config(folder, task.config, dataset.class_names, dataset.image_shape, task.provenance(state))


def report(task: Task, state: TrainState, progress: Progress) -> None:
    """Report the progress of training in images."""
    step, config = int(state.step), task.config
    epoch = f"epoch {step // task.steps + 1}/{config.epochs}"
    progress(epoch, step * config.batch_size, task.total_steps * config.batch_size)


def save_if_due(
    config: TrainConfig, state: TrainState, metrics: list[Metrics], checkpoints: Checkpoints, stop: bool
) -> None:
    """Save a checkpoint if one is due or training is to stop; raise KeyboardInterrupt if any process is to stop."""
    step = int(state.step)
    due = time.monotonic() - checkpoints.time >= 60 * config.checkpoint_minutes
    stopping, due = max_over_processes(stop, due)
    if (stopping or due) and checkpoints.step != step:
        checkpoints.save(state, metrics)
    if stopping:
        raise KeyboardInterrupt(f"stopped at step {step:,}; --resume continues from there")


def epoch_function(
    task: Task,
) -> Callable[[TrainState, int, Callable[[TrainState], None]], tuple[TrainState, Metrics]]:
    """Return ``train_epoch(state, epoch, before_chunk)``: the state after an epoch, and the metrics of its steps.

    The steps run in chunks of about `SECONDS_PER_CHUNK`, and ``before_chunk(state)`` is called before each.
    Raises NonFiniteLossError if the loss of a step is not finite.
    """
    config, steps = task.config, task.steps
    streamed, train = task.streamed, task.splits["train"]
    shape, weights = task.dataset.image_shape, task.class_weights
    chunk = chunk_function(task.network, task.optimizer, config, shape, steps, task.mesh, streamed, weights)
    learning_rate = schedule(config, task.total_steps)
    if streamed:
        block_of = StreamedBlocks(config, train, task.total_steps, task.mesh)
    else:
        block_of = blocks_in_memory(train, task.total_steps, task.mesh)
    chunk_size = 1  # steps; later as many as the chunk before leads to expect

    def train_epoch(
        state: TrainState, epoch: int, before_chunk: Callable[[TrainState], None]
    ) -> tuple[TrainState, Metrics]:
        nonlocal chunk_size
        epoch_started, first_step = time.perf_counter(), int(state.step)
        while (step := int(state.step)) < epoch * steps:
            before_chunk(state)
            started = time.perf_counter()
            block = block_of(step)
            stop = min(step + chunk_size, block.stop, epoch * steps)
            state = chunk(state, block.images, block.labels, stop, *([block.first] if streamed else []))
            steps_done = int(state.step) - step  # waits for the device
            require_finite(config, state)
            (seconds,) = max_over_processes(time.perf_counter() - started)
            chunk_size = max(1, min(2 * chunk_size, round(steps_done * SECONDS_PER_CHUNK / seconds)))
        seconds = time.perf_counter() - epoch_started
        return state, {
            "epoch": epoch,
            "step": step,
            "learning_rate": float(learning_rate(step - 1)),
            "train_loss": float(state.epoch_loss.mean()) / steps,
            "train_accuracy": float(state.epoch_correct.mean()) / (steps * config.batch_size),
            "seconds": seconds,
            "images_per_second": (step - first_step) * config.batch_size * config.members / seconds,
        }

    return train_epoch


def require_finite(config: TrainConfig, state: TrainState) -> None:
    """Raise NonFiniteLossError if the loss of a step was not finite."""
    if (nonfinite_step := int(state.nonfinite_step.max())) >= 0:
        raise NonFiniteLossError(
            f"the loss was not finite at step {nonfinite_step + 1}; train in another --run-dir with a "
            f"--learning-rate below {config.resolved_learning_rate:g}. Checkpoints are from earlier steps."
        )


def evaluate(task: Task, state: TrainState, compute_logits: Callable[[Any, Any], np.ndarray]) -> Metrics:
    """Return loss and accuracy of the predictive on validation data, if there are any, and on test data.

    If classes are uneven, also balanced accuracy and macro F1.

    Raises NonFiniteLossError if a loss is not finite.
    """
    line: Metrics = {}
    for name in ["validation", "test"]:
        split = task.splits[name]
        if not len(split):
            continue
        logits = jnp.asarray(ensemble_logits(compute_logits(state.params, split.images)))
        labels = jnp.asarray(split.labels)
        loss = float(jax.jit(cross_entropy)(logits, labels))
        if not np.isfinite(loss):
            raise NonFiniteLossError(
                f"the {name} loss after step {int(state.step)} is {loss}; take a lower --learning-rate."
            )
        line |= {f"{name}_loss": loss, f"{name}_accuracy": float(jax.jit(accuracy)(logits, labels))}
        if task.uneven:
            scores = balanced_scores(np.asarray(confusion_counts(logits, labels)))
            line |= {f"{name}_{score}": value for score, value in scores.items()}
    return line
