"""The lock on a run folder, and the checks before a run starts or resumes."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from closedform.files import PARTIAL
from nets.data.splits import Split
from nets.distributed.processes import on_all_processes, on_first_process
from nets.training import runs
from nets.training.checkpoints import Checkpoints, open_checkpoints
from nets.training.config import TrainConfig
from nets.training.extension import KEPT_OPTIONS, require_more_to_train, resumed_config
from nets.training.step import TrainState
from nets.training.task import Task

CHANGEABLE_OPTIONS = {
    *["run_dir", "data_dir", "accumulate"],
    *["checkpoint_every", "checkpoint_minutes", "devices", "patience", "stream"],
}
"""Options that may differ when a run is resumed: its epochs do not depend on them, except for rounding."""


@contextmanager
def locked_run_folder(config: TrainConfig, resume: bool) -> Iterator[Path]:
    """Lock the folder of the run; raise ValueError if it is not free, or contains no run to resume.

    The first process holds the lock for all processes.
    """
    folder = config.folder
    lock = FileLock(folder / runs.LOCK, timeout=0)

    def acquire() -> None:
        require_free_or_resumable(config, resume)  # before a file is written into the folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            message = f"`run_dir` {folder} is in use by another process; choose another with --run-dir."
            raise ValueError(message) from error
        except OSError as error:
            raise runs.write_error(folder, error) from error
        require_free_or_resumable(config, resume)

    def require_visible() -> None:
        if not (folder / runs.LOCK).exists():
            raise ValueError(f"`run_dir` {folder} must be a folder on a file system that all processes share.")

    try:
        on_first_process(acquire)
        on_all_processes(require_visible)
        yield folder
    finally:
        lock.release()


def require_free_or_resumable(config: TrainConfig, resume: bool) -> None:
    """Raise ValueError unless the folder of the run is free, or contains the run to resume."""
    folder = config.folder
    files = {file.name: file for file in folder.iterdir()} if folder.is_dir() else {}
    partial = {name for name in files if name.startswith(".") and name.endswith(PARTIAL)}
    incomplete = {runs.LOCK, *partial}  # of a run that was killed at its start
    if "metrics.jsonl" in files and files["metrics.jsonl"].stat().st_size == 0:
        incomplete.add("metrics.jsonl")
    if files.keys() <= incomplete:
        if resume:
            raise ValueError(
                f"`run_dir` {folder} has no checkpoint to resume from; leave --resume out, or give the folder of the "
                "run by --run-dir."
            )
        return
    try:
        run = runs.load_run(folder)
    except ValueError as error:
        raise ValueError(f"`run_dir` {folder} is not empty, and {error} Or choose another with --run-dir.") from error
    has_checkpoint = False
    if (folder / "checkpoints").is_dir():
        with open_checkpoints(folder / "checkpoints", read_only=True) as checkpoints:
            has_checkpoint = checkpoints.latest_step() is not None
    finished = "predictions.npz" in files
    if resume and not has_checkpoint:
        way_out = "train in another --run-dir" if finished else "leave --resume out"
        raise ValueError(f"`run_dir` {folder} has no checkpoint to resume from; {way_out}.")
    if not resume and (has_checkpoint or finished):  # else there is no result that could be overwritten
        raise ValueError(
            f"`run_dir` {folder} already contains a run; continue it with --resume, or choose another with --run-dir."
        )
    if resume and config.epochs < run.config.epochs:
        raise ValueError(
            f"`epochs` must be {run.config.epochs} or more to resume the run in {folder}, which has so many, got "
            f"{config.epochs}."
        )
    stored = asdict(run.config) | {"epochs": config.epochs}
    for name, value in asdict(config).items():
        kept = value is None and name in KEPT_OPTIONS
        kept |= name == "dataset" and Path(config.dataset).is_absolute()  # files may have moved
        if resume and name not in CHANGEABLE_OPTIONS and not kept and stored[name] != value:
            raise ValueError(
                f"`{name}` is {value!r}, but the run in {folder} has {stored[name]!r}; resume it with the same "
                "configuration, or train in another --run-dir."
            )
    if resume:
        require_more_to_train(run, resumed_config(config, run.config))


def require_same_data(folder: Path, task: Task, way_out: str) -> None:
    """Raise ValueError, with a ``way_out``, unless the run in ``folder`` was started on the data of ``task``."""
    stored = runs.load_run(folder).provenance["data"]
    data = task.data
    if "sha256" in stored:  # of an earlier version, which recorded the SHA-256 of the splits
        data = data | {"sha256": _splits_sha256(task.splits)}
    for name, value in stored.items():
        if data[name] != value:
            raise ValueError(
                f"`dataset` {task.config.dataset} has other data than the run in {folder} was started on: {name} "
                f"{_in_words(data[name])}, not {_in_words(value)}; {way_out}."
            )


def _in_words(value: Any) -> str:
    """Return what identifies data in words: numbers of images by split, names of classes, or a SHA-256."""
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {split}" for split, count in value.items())
    if isinstance(value, list):
        names = ", ".join(value)
        return names if len(names) <= 200 else f"{names[:200]}... ({len(value):,})"
    return str(value)


def _splits_sha256(splits: dict[str, Split]) -> str:
    """Return the SHA-256 of all images and labels, split by split."""
    digest = hashlib.sha256()
    for split in splits.values():
        digest.update(np.ascontiguousarray(split.images))
        digest.update(np.ascontiguousarray(split.labels))
    return digest.hexdigest()


def restore_run(
    folder: Path, checkpoints: Checkpoints, like: TrainState, task: Task
) -> tuple[TrainState, list[dict[str, float]]]:
    """Return the latest state that can be read, and the metrics up to it; raise ValueError if there is none.

    The first process removes the metrics and predictions of later steps, which are computed again. Predictions are also
    removed if ``task`` has more steps than those of the state.
    """
    state = checkpoints.restore_latest(like)
    if state is None:
        raise ValueError(f"`run_dir` {folder} has no readable checkpoint; train in another --run-dir.")
    metrics = [line for line in on_all_processes(lambda: runs.read_metrics(folder)) if line["step"] <= int(state.step)]
    if len(metrics) < (epochs := int(state.step) // task.steps):
        raise ValueError(
            f"metrics.jsonl in {folder} has {len(metrics)} epochs and the checkpoint {epochs}; train in another "
            "--run-dir."
        )

    def remove_later_results() -> None:
        if int(state.step) < task.total_steps:
            (folder / "predictions.npz").unlink(missing_ok=True)
        runs.write_metrics(folder, metrics)

    on_first_process(remove_later_results)
    return state, metrics
