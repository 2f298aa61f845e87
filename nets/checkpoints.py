"""Checkpoints of a run, by Orbax: each whole or not there; the last is kept, and the best on validation data."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from nets.train_step import TrainState

BEST = "validation_accuracy"
"""What the best checkpoint has most of."""


class Checkpoints:
    """The checkpoints in ``folder``, by the number of steps taken."""

    def __init__(self, folder: Path, best: bool = True) -> None:
        logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax tells of every save at level WARNING
        keep = ocp.checkpoint_managers
        policies = [keep.LatestN(1)]
        if best:
            policies.append(keep.BestN(get_metric_fn=lambda metrics: metrics[BEST], n=1))
        self._manager = ocp.CheckpointManager(
            folder.resolve(),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=keep.AnyPreservationPolicy(policies),
                best_fn=(lambda metrics: metrics[BEST]) if best else None,
                enable_async_checkpointing=False,
                step_prefix="step",
                cleanup_tmp_directories=True,
            ),
        )

    def save(self, state: TrainState, metrics: dict[str, float]) -> None:
        """Write ``state``, whole or not at all."""
        self._manager.save(int(state.step), args=ocp.args.StandardSave(state), metrics=metrics, force=True)

    def last(self) -> int | None:
        """Return the step of the last checkpoint, None if there is none."""
        return self._manager.latest_step()

    def best(self) -> int | None:
        """Return the step of the best checkpoint on validation data, None if there is none."""
        return self._manager.best_step()

    def read(self, step: int, like: Any) -> TrainState:
        """Return the state saved at ``step``; ``like`` is a state of the same shapes."""
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        return self._manager.restore(step, args=ocp.args.StandardRestore(abstract))

    def close(self) -> None:
        """Let go of the folder."""
        self._manager.close()


@contextmanager
def checkpoints_in(folder: Path, best: bool = True) -> Iterator[Checkpoints]:
    """Open the checkpoints in ``folder``."""
    checkpoints = Checkpoints(folder, best)
    try:
        yield checkpoints
    finally:
        checkpoints.close()
