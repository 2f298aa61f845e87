"""Checkpoints of a run, written atomically by Orbax. The last two and the best on validation data are kept.

A checkpoint contains the train state, the SHA-256 of its variables (parameters and statistics) and that of the rest:
the variables can be read alone. A checkpoint is damaged if it cannot be read or a SHA-256 differs. It is then skipped
for the previous one, and removed when the next is written.

Each process writes and reads the arrays on its own devices. All processes therefore save and restore at the same time,
and the folder must be on a file system that all can access.
"""

import errno
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import SingleDeviceSharding

from nets.training.step import TrainState
from nets.training.variables import by_name

BEST_METRIC = "validation_accuracy"
"""Metric that is largest in the best checkpoint."""
MAX_CHECKPOINTS = 3
"""Largest number of checkpoints after a save: the last two and the best."""
STORED_NAMES = {
    "opt_state": "optimizer",
    "epoch_loss": "loss",
    "epoch_correct": "correct",
    "nonfinite_step": "lost",
}
"""Names on disk of the fields of `TrainState`, where they differ."""

logger = logging.getLogger(__name__)


class OtherNetworkError(ValueError):
    """A checkpoint has the variables of another network than the one that is to be restored."""


class Checkpoints:
    """The checkpoints in ``folder``, by step; opened by `open_checkpoints`."""

    def __init__(self, folder: Path, read_only: bool) -> None:
        with _quiet():
            options = ocp.CheckpointManagerOptions(
                enable_async_checkpointing=False,
                step_prefix="step",
                create=not read_only,
                save_interval_steps=0 if read_only else 1,
                read_only=read_only,
                cleanup_tmp_directories=not read_only,
                multiprocessing_options=_single_process() if read_only else ocp.options.MultiprocessingOptions(),
            )
        self.folder = folder
        with _quiet():
            self._manager = ocp.CheckpointManager(folder.resolve(), options=options, item_names=("state", "sum"))
        self._damaged: set[int] = set()

    def save(self, state: TrainState, metrics: list[dict[str, float]]) -> None:
        """Write ``state`` atomically and remove old checkpoints; ``metrics`` determine the best.

        Raises OSError if the checkpoint cannot be written.
        """
        try:
            step, sums = int(state.step), ocp.args.JsonSave(_sums(state) | {"shapes": _shapes(state)})
            args = ocp.args.Composite(state=ocp.args.StandardSave(_to_stored(state)), sum=sums)
            if step in self._manager.all_steps():  # a damaged checkpoint, else this step would not run again
                self._manager.delete(step)
            self._manager.save(step, args=args, force=True)
            self._damaged.discard(step)
            intact = sorted(set(self._manager.all_steps()) - self._damaged)
            retained = {*intact[-2:], self.best_step(metrics)}
            for old in self._manager.all_steps():
                if old not in retained:
                    self._manager.delete(old)
        except Exception as error:  # Orbax raises many types
            raise OSError(
                errno.EIO, f"no checkpoint could be written to {self.folder}: {_reason(error)}; --resume after that"
            ) from error

    def latest_step(self) -> int | None:
        """Return the step of the latest checkpoint, or None."""
        return self._manager.latest_step()

    def best_step(self, metrics: list[dict[str, float]]) -> int | None:
        """Return the step of the best checkpoint on validation data, or None if none was evaluated on such data."""
        steps = set(self._manager.all_steps()) - self._damaged
        scores = {
            int(line["step"]): line[BEST_METRIC]
            for line in metrics
            if BEST_METRIC in line and int(line["step"]) in steps
        }
        return max(scores, key=lambda step: scores[step]) if scores else None

    def restore(self, step: int, like: TrainState) -> TrainState:
        """Return the train state saved at ``step``, with the shapes and shardings of ``like``.

        Arrays without a sharding in ``like`` are restored to one device. Raises ValueError if the checkpoint is
        damaged, OtherNetworkError if it has other variables, OSError if it cannot be read for another reason.
        """
        sums = self._read_sums(step, like)
        state_args = ocp.args.StandardRestore(_to_stored(_abstract(like)))
        state = _from_stored(self._read(step, state=state_args)["state"], like)
        self._require_equal_sums(step, sums, _sums(state) if "params" in sums else {"sha256": _sha256(state)})
        return state

    def restore_variables(self, step: int, like: TrainState, like_state: Callable[[], TrainState]) -> TrainState:
        """Return the parameters and statistics saved at ``step``, with the shapes of ``like``, in a state without more.

        The errors are those of `restore`. A checkpoint of an earlier version has one SHA-256, of the whole train state:
        it is read whole, with the shapes of ``like_state()``.
        """
        sums = self._read_sums(step, like)
        if "params" not in sums:
            return _only_variables(self.restore(step, like_state()))
        like = _only_variables(like)
        abstract = _to_stored(_abstract(like))
        restore_args = ocp.checkpoint_utils.construct_restore_args(abstract)
        state_args = ocp.args.PyTreeRestore(abstract, restore_args, partial_restore=True)
        variables = _from_stored(self._read(step, state=state_args)["state"], like)
        self._require_equal_sums(step, sums, {"params": _sha256(variables)})
        return variables

    def _read(self, step: int, **items: Any) -> dict[str, Any]:
        """Return the items of a checkpoint: what Orbax's arguments ``items`` select of the state and of the sums."""
        try:
            restored = self._manager.restore(step, args=ocp.args.Composite(**items))
            contents = {name: restored[name] for name in items}
            if not isinstance(contents.get("sum", {}), dict):
                raise ValueError("its SHA-256 sums are none")
        except PermissionError as error:
            raise PermissionError(error.errno, error.strerror, error.filename or str(self.folder)) from error
        except Exception as error:
            raise ValueError(f"checkpoint {step} in {self.folder} is damaged: {_reason(error)}") from error
        return contents

    def _read_sums(self, step: int, like: TrainState) -> dict[str, Any]:
        """Return what is stored beside the arrays; raise OtherNetworkError unless the arrays are those of ``like``."""
        sums = self._read(step, sum=ocp.args.JsonRestore())["sum"]
        here = _shapes(like)
        there = sums.get("shapes", here)  # earlier versions stored none
        for name in sorted(here.keys() | there.keys()):
            if here.get(name) != there.get(name):
                raise OtherNetworkError(
                    f"checkpoint {step} in {self.folder} is of another network: {name} is {there.get(name, 'missing')} "
                    f"there, and {here.get(name, 'missing')} here; take the class as it was when the run was trained, "
                    "or train again."
                )
        return sums

    def _require_equal_sums(self, step: int, stored: dict[str, Any], actual: dict[str, str]) -> None:
        """Raise ValueError unless the SHA-256 sums of what was read are those stored."""
        if any(stored.get(name) != digest for name, digest in actual.items()):
            raise ValueError(f"checkpoint {step} in {self.folder} is damaged: its SHA-256 differs")

    def restore_latest(self, like: TrainState) -> TrainState | None:
        """Return the latest state that can be read, with a warning for each damaged one; None if there is none."""
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                return self.restore(step, like)
            except OtherNetworkError:
                raise
            except ValueError as error:
                logger.warning("%s; it is skipped", error)
                self._damaged.add(step)
        return None

    def close(self) -> None:
        """Close the folder."""
        self._manager.close()


def require_disk_space(folder: Path, state: TrainState, resumable: bool, count: int = 1) -> None:
    """Raise OSError unless ``folder`` has disk space for ``count`` checkpoints of ``state``, and for what is beside."""
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    needed, free = count * (1.2 * size + 2**20), shutil.disk_usage(folder).free  # blocks of the disk, and metadata
    if free < needed:
        checkpoints = f"a checkpoint of {size:,} bytes" if count == 1 else f"{count} checkpoints of {size:,} bytes each"
        way_out = "free some, and --resume" if resumable else "free some, and start again, or choose another --run-dir"
        raise OSError(
            errno.ENOSPC,
            f"no disk space for {checkpoints} in {folder}: {needed:,.0f} bytes are needed, with metadata and rounding "
            f"to blocks of the disk, and {free:,.0f} are free; {way_out}",
        )


@contextmanager
def open_checkpoints(folder: Path, read_only: bool = False) -> Iterator[Checkpoints]:
    """Open the checkpoints in ``folder`` in every process; with ``read_only`` in this process only, without changes."""
    checkpoints = Checkpoints(folder, read_only)
    try:
        yield checkpoints
    finally:
        checkpoints.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warning of Orbax that a read-only folder is read-only."""
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        yield
    finally:
        absl.setLevel(level)


def _single_process() -> ocp.options.MultiprocessingOptions:
    """Return the Orbax options of a process that does not wait for others."""
    process = jax.process_index()
    return ocp.options.MultiprocessingOptions(primary_host=process, active_processes={process})


def _to_stored(state: TrainState) -> dict[str, Any]:
    """Return the fields of a state that have arrays, under their names on disk."""
    values = {field.name: getattr(state, field.name) for field in fields(TrainState)}
    return {STORED_NAMES.get(name, name): value for name, value in values.items() if jax.tree.leaves(value)}


def _from_stored(stored: dict[str, Any], like: TrainState) -> TrainState:
    """Return the state with the fields that `_to_stored` returned; others, without arrays, are those of ``like``."""
    names = {field.name: STORED_NAMES.get(field.name, field.name) for field in fields(TrainState)}
    return replace(like, **{name: stored[on_disk] for name, on_disk in names.items() if on_disk in stored})


def _abstract(tree: Any) -> Any:
    """Return the shapes, types and shardings of a tree of arrays; those without a sharding are on one device."""
    one_device = SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding or one_device), tree
    )


def _only_variables(state: TrainState) -> TrainState:
    """Return a state without anything but the parameters and statistics of ``state``."""
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(TrainState))
    return TrainState(**nothing | {"params": state.params, "statistics": state.statistics})


def _sums(state: TrainState) -> dict[str, str]:
    """Return the SHA-256 of the parameters and statistics of a state, and of the rest."""
    variables, rest = _only_variables(state), replace(state, params=None, statistics=None)
    return {"params": _sha256(variables), "rest": _sha256(rest)}


def _shapes(state: TrainState) -> dict[str, str]:
    """Return the types and shapes of the parameters and statistics of a state, by name."""
    leaves = by_name(state.params) | by_name(state.statistics)
    return {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in leaves.items()}


def _sha256(state: TrainState) -> str:
    """Return the SHA-256 of all arrays of a state, in order, with their names on disk and types."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        local = leaf.is_fully_addressable or leaf.is_fully_replicated
        array = np.asarray(leaf) if local else multihost_utils.process_allgather(leaf, tiled=True)
        field = jax.tree_util.GetAttrKey(STORED_NAMES.get(path[0].name, path[0].name))
        digest.update(f"{jax.tree_util.keystr((field, *path[1:]))} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _reason(error: BaseException) -> str:
    """Return the reason of an error in one line: the operating system's, if it caused the error of Orbax."""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.strerror):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, OSError):
        return str(cause.strerror)
    message = " ".join(str(error).split()).partition(". See full TensorStore details")[0]
    return message[:200] or type(error).__name__
