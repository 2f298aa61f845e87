"""Whose a run folder is: claimed for one training, and held against others; whether the run in it may go on."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from closedform.files import PARTIAL
from nets.data.datasets import Split
from nets.distributed import processes as hosts
from nets.training import runs
from nets.training.checkpoints import Checkpoints, checkpoints_in
from nets.training.config import TrainConfig
from nets.training.step import TrainState

MAY_CHANGE = {"run_dir", "data_dir", "checkpoint_minutes", "devices"}
"""Options that a resumed run need not have had before: none of its numbers depend on them, besides rounding."""


@contextmanager
def claimed(config: TrainConfig, resume: bool) -> Iterator[Path]:
    """Hold the folder of the run against other trainings; ValueError if it is not free, or holds no run to resume.

    The first process holds it for all of a training.
    """
    folder = config.folder
    lock = FileLock(folder / ".lock", timeout=0)

    def claim() -> None:
        require_fitting(config, resume)  # before anything is put into somebody's folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            message = f"`run_dir` {folder} is in use by another process; choose another with --run-dir."
            raise ValueError(message) from error
        except OSError as error:
            raise runs.cannot_write(folder, error) from error
        require_fitting(config, resume)

    def look() -> None:
        if not (folder / ".lock").exists():
            raise ValueError(f"`run_dir` {folder} must be a folder that every process sees, on a shared file system.")

    try:
        hosts.first(claim)
        hosts.together(look)
        yield folder
    finally:
        lock.release()


def require_fitting(config: TrainConfig, resume: bool) -> None:
    """Raise ValueError unless the folder of the run is free, or holds the run that is to be resumed."""
    folder = config.folder
    left = {file.name: file for file in folder.iterdir()} if folder.is_dir() else {}
    partial = {name for name in left if name.startswith(".") and name.endswith(PARTIAL)}
    beginnings = {".lock", *partial}  # of a run that was killed at its start
    if "metrics.jsonl" in left and left["metrics.jsonl"].stat().st_size == 0:
        beginnings.add("metrics.jsonl")
    if left.keys() <= beginnings:
        if resume:
            raise ValueError(f"`run_dir` {folder} has no checkpoint to resume from; leave --resume out.")
        return
    try:
        run = runs.load_run(folder)
    except ValueError as error:
        raise ValueError(f"`run_dir` {folder} is not empty, and {error} Or choose another with --run-dir.") from error
    there = False
    if (folder / "checkpoints").is_dir():
        with checkpoints_in(folder / "checkpoints", read_only=True) as checkpoints:
            there = checkpoints.last() is not None
    finished = "predictions.npz" in left
    if resume and not there:
        way_out = "train in another --run-dir" if finished else "leave --resume out"
        raise ValueError(f"`run_dir` {folder} has no checkpoint to resume from; {way_out}.")
    if not resume and (there or finished):  # without either nothing is lost: its first checkpoint was never written
        raise ValueError(
            f"`run_dir` {folder} holds a run already; continue it with --resume, or choose another with --run-dir."
        )
    before = asdict(run.config)
    for name, now in asdict(config).items():
        if resume and name not in MAY_CHANGE and before[name] != now:
            raise ValueError(
                f"`{name}` is {now!r}, but the run in {folder} has {before[name]!r}; resume it with the same "
                "configuration, or train in another --run-dir."
            )


def require_same_data(folder: Path, data: dict[str, Any]) -> None:
    """Raise ValueError unless the run was begun on the same data."""
    before = runs.load_run(folder).provenance["data"]
    for name, now in data.items():
        if before[name] != now:
            raise ValueError(
                f"`data_dir` holds other data than the run in {folder} was begun on: {name} {now}, not {before[name]}; "
                "resume it on the same, or train in another --run-dir."
            )


def sha256(splits: dict[str, Split]) -> str:
    """Return the SHA-256 of all images and labels."""
    digest = hashlib.sha256()
    for split in splits.values():
        digest.update(np.ascontiguousarray(split.images))
        digest.update(np.ascontiguousarray(split.labels))
    return digest.hexdigest()


def resumed(
    folder: Path, checkpoints: Checkpoints, like: TrainState, steps: int
) -> tuple[TrainState, list[dict[str, float]]]:
    """Return the last state that can be read, and the metrics up to it; ValueError if there is none.

    What the run wrote after that state is removed by the first process: it is made again.
    """
    state = checkpoints.read_last(like)
    if state is None:
        raise ValueError(f"`run_dir` {folder} has no checkpoint that can be read; train in another --run-dir.")
    metrics = [line for line in hosts.together(lambda: runs.read_metrics(folder)) if line["step"] <= int(state.step)]
    if len(metrics) < int(state.step) // steps:
        raise ValueError(
            f"metrics.jsonl in {folder} has {len(metrics)} epochs and its checkpoint {int(state.step) // steps}; train "
            "in another --run-dir."
        )
    finished = int(state.step) == runs.load_run(folder).config.epochs * steps

    def remove() -> None:
        if not finished:
            (folder / "predictions.npz").unlink(missing_ok=True)
        runs.write_metrics(folder, metrics)

    hosts.first(remove)
    return state, metrics
