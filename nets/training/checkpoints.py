"""Checkpoints of a run, by Orbax: each whole or not there; the last two are kept, and the best on validation data.

A checkpoint holds the state and its SHA-256. One that cannot be read, or whose sum is another, is damaged: it is passed
over for the one before, and removed when the next is written.

Where several processes train together, each writes and reads the arrays that lie on its devices, so all of them save
and read at the same time, and the folder must be one that all see.
"""

import errno
import hashlib
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import SingleDeviceSharding

from nets.distributed import processes as hosts
from nets.training.step import TrainState

BEST = "validation_accuracy"
"""What the best checkpoint has most of."""
KEPT = 3
"""Checkpoints that are there at most once one was written: the last two and the best."""

logger = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints in ``folder``, by the number of steps taken; made by `checkpoints_in`."""

    def __init__(self, folder: Path, read_only: bool) -> None:
        with _quiet():
            options = ocp.CheckpointManagerOptions(
                enable_async_checkpointing=False,
                step_prefix="step",
                create=not read_only,
                save_interval_steps=0 if read_only else 1,
                read_only=read_only,
                cleanup_tmp_directories=not read_only,
                multiprocessing_options=_alone() if read_only else ocp.options.MultiprocessingOptions(),
            )
        self._folder = folder
        with _quiet():
            self._manager = ocp.CheckpointManager(folder.resolve(), options=options, item_names=("state", "sum"))
        self._damaged: set[int] = set()
        self.step, self.time = -1, time.monotonic()
        """The step last saved or read, -1 if there was none yet, and when that was."""

    def save(self, state: TrainState, metrics: list[dict[str, float]]) -> None:
        """Write ``state``, whole or not at all, and remove what is no longer kept; ``metrics`` say which is best.

        OSError if there is no room for it or it cannot be written.
        """
        step = int(state.step)
        hosts.first(lambda: require_room(self._folder, state, self.last() is not None))
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), sum=ocp.args.JsonSave({"sha256": _sum(state)}))
        try:
            if step in self._manager.all_steps():  # damaged, or this step would not be taken again
                self._manager.delete(step)
            self._manager.save(step, args=args, force=True)
            self._damaged.discard(step)
            self.step, self.time = step, time.monotonic()
            good = sorted(set(self._manager.all_steps()) - self._damaged)
            kept = {*good[-2:], self.best(metrics)}
            for old in self._manager.all_steps():
                if old not in kept:
                    self._manager.delete(old)
        except Exception as error:  # Orbax has many
            raise OSError(
                errno.EIO, f"no checkpoint could be written to {self._folder}: {_reason(error)}; --resume after that"
            ) from error

    def last(self) -> int | None:
        """Return the step of the last checkpoint, None if there is none."""
        return self._manager.latest_step()

    def best(self, metrics: list[dict[str, float]]) -> int | None:
        """Return the step of the best checkpoint on validation data, None if none was evaluated on any."""
        steps = set(self._manager.all_steps()) - self._damaged
        scores = {int(line["step"]): line[BEST] for line in metrics if BEST in line and int(line["step"]) in steps}
        return max(scores, key=lambda step: scores[step]) if scores else None

    def read(self, step: int, like: Any) -> TrainState:
        """Return the state saved at ``step``; ``like`` is a state of the same shapes, and laid out as it is to be.

        Where it says nothing of that, the arrays lie on one device, whatever they lay on before. ValueError if it is
        damaged, OSError if it is not to be read for another reason.
        """
        here = SingleDeviceSharding(jax.local_devices()[0])

        def wanted(leaf: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding or here)

        abstract = jax.tree.map(wanted, like)
        args = ocp.args.Composite(state=ocp.args.StandardRestore(abstract), sum=ocp.args.JsonRestore())
        try:
            restored = self._manager.restore(step, args=args)
            state, expected = restored["state"], restored["sum"]["sha256"]
        except PermissionError as error:
            raise PermissionError(error.errno, error.strerror, error.filename or str(self._folder)) from error
        except Exception as error:
            raise ValueError(f"checkpoint {step} in {self._folder} is damaged: {_reason(error)}") from error
        if _sum(state) != expected:
            raise ValueError(f"checkpoint {step} in {self._folder} is damaged: its SHA-256 is not the one written")
        self.step, self.time = step, time.monotonic()
        return state

    def read_last(self, like: Any) -> TrainState | None:
        """Return the last state that can be read, with a warning for each that cannot; None if there is none."""
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                return self.read(step, like)
            except ValueError as error:
                logger.warning("%s; it is passed over", error)
                self._damaged.add(step)
        return None

    def close(self) -> None:
        """Let go of the folder."""
        self._manager.close()


def require_room(folder: Path, state: TrainState, resumable: bool, count: int = 1) -> None:
    """Raise OSError unless ``folder`` has room for ``count`` checkpoints of ``state``."""
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    free = shutil.disk_usage(folder).free
    if free < count * (1.2 * size + 2**20):
        many = f"a checkpoint of {size:,} bytes" if count == 1 else f"{count} checkpoints of {size:,} bytes each"
        way_out = "make some, and --resume" if resumable else "make some, and start again, or choose another --run-dir"
        raise OSError(errno.ENOSPC, f"no room for {many} in {folder}, which has {free:,.0f} free; {way_out}")


@contextmanager
def checkpoints_in(folder: Path, read_only: bool = False) -> Iterator[Checkpoints]:
    """Open the checkpoints in ``folder``, in every process; what only reads leaves it as it is, and does so alone."""
    checkpoints = Checkpoints(folder, read_only)
    try:
        yield checkpoints
    finally:
        checkpoints.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Orbax from warning that a folder which is opened to be read will be read."""
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        yield
    finally:
        absl.setLevel(level)


def _alone() -> ocp.options.MultiprocessingOptions:
    """Return the options of a process that waits for no other."""
    process = jax.process_index()
    return ocp.options.MultiprocessingOptions(primary_host=process, active_processes={process})


def _sum(state: TrainState) -> str:
    """Return the SHA-256 of all arrays of a state, in order, with their names and types."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        here = leaf.is_fully_addressable or leaf.is_fully_replicated
        array = np.asarray(leaf) if here else multihost_utils.process_allgather(leaf, tiled=True)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _reason(error: BaseException) -> str:
    """Return in one line what went wrong: the error of the system that is behind Orbax's, if there is one."""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.strerror):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, OSError):
        return str(cause.strerror)
    first = " ".join(str(error).split()).partition(". See full TensorStore details")[0]
    return first[:200] or type(error).__name__
