"""Checkpoints of a run, by Orbax: each whole or not there; the last two are kept, and the best on validation data."""

import errno
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from nets.train_step import TrainState

BEST = "validation_accuracy"
"""What the best checkpoint has most of."""

logger = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints in ``folder``, by the number of steps taken; made by `checkpoints_in`."""

    def __init__(self, folder: Path, read_only: bool) -> None:
        keep = ocp.checkpoint_managers
        best = keep.BestN(get_metric_fn=_score, n=1)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=None if read_only else keep.AnyPreservationPolicy([keep.LatestN(2), best]),
            best_fn=_score,
            enable_async_checkpointing=False,
            step_prefix="step",
            create=not read_only,
            read_only=read_only,
            cleanup_tmp_directories=not read_only,
        )
        self._folder = folder
        self._manager = ocp.CheckpointManager(folder.resolve(), options=options)
        self.step, self.time = -1, time.monotonic()
        """The step last saved or read, -1 if there was none yet, and when that was."""

    def save(self, state: TrainState, metrics: dict[str, float]) -> None:
        """Write ``state``, whole or not at all; OSError if there is no room for it or it cannot be written."""
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        if shutil.disk_usage(self._folder).free < 1.2 * size + 2**20:
            raise OSError(errno.ENOSPC, f"no room for a checkpoint of {size:,} bytes in {self._folder}; make some")
        try:
            if int(state.step) in self._manager.all_steps():  # damaged, or this step would not be taken again
                self._manager.delete(int(state.step))
            self._manager.save(
                int(state.step), args=ocp.args.StandardSave(state), metrics={BEST: _score(metrics)}, force=True
            )
            self.step, self.time = int(state.step), time.monotonic()
        except Exception as error:  # Orbax has many
            raise OSError(errno.EIO, f"no checkpoint could be written to {self._folder}: {_one_line(error)}") from error

    def last(self) -> int | None:
        """Return the step of the last checkpoint, None if there is none."""
        return self._manager.latest_step()

    def best(self) -> int | None:
        """Return the step of the best checkpoint on validation data, None if there is none."""
        step = self._manager.best_step()
        return None if step is None or _score(self._manager.metrics(step)) < 0 else step

    def read(self, step: int, like: Any) -> TrainState:
        """Return the state saved at ``step``; ``like`` is a state of the same shapes. ValueError if it is damaged."""
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        try:
            state = self._manager.restore(step, args=ocp.args.StandardRestore(abstract))
        except Exception as error:
            raise ValueError(f"checkpoint {step} in {self._folder} is damaged: {_one_line(error)}") from error
        self.step, self.time = step, time.monotonic()
        return state

    def read_last(self, like: Any) -> TrainState | None:
        """Return the last state that can be read, with a warning for each that cannot; None if there is none."""
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                return self.read(step, like)
            except ValueError as error:
                logger.warning("%s; the one before is taken", error)
        return None

    def close(self) -> None:
        """Let go of the folder."""
        self._manager.close()


@contextmanager
def checkpoints_in(folder: Path, read_only: bool = False) -> Iterator[Checkpoints]:
    """Open the checkpoints in ``folder``; what only reads leaves the folder as it is."""
    checkpoints = Checkpoints(folder, read_only)
    try:
        yield checkpoints
    finally:
        checkpoints.close()


def _score(metrics: Any) -> float:
    """Return what the best checkpoint has most of; one that was not evaluated is never the best."""
    return (metrics or {}).get(BEST, -1.0)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
