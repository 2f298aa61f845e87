"""Checkpoints written in the background, in one thread, while training goes on.

The next chunk of steps overwrites the train state, so a save begins with a copy of it on the device. The thread then
does the rest: transfer to the host, SHA-256, Orbax, and removal of old checkpoints (`Checkpoints.save`). One checkpoint
is written at a time. If a state is due while another is being written, either the caller waits, or the copy waits its
turn: of those that wait, the newest and the best on validation data are kept.

Orbax's own asynchronous checkpoints are not used. Their save transfers the state to the host before it returns, and
takes the SHA-256 as an argument, which needs that transfer too. Both would stop training.

With several processes a save is a collective operation, as steps are. Two threads could start them in another order
in each process, so every checkpoint is then written before training goes on.
"""

import logging
import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax

from nets.distributed.processes import on_first_process
from nets.training.checkpoints import BEST_METRIC, Checkpoints, require_disk_space
from nets.training.step import TrainState

logger = logging.getLogger(__name__)


class Due(NamedTuple):
    """A copy of a train state that is to be saved, its step, and the metrics until then."""

    step: int
    state: TrainState
    metrics: list[dict[str, float]]

    @property
    def score(self) -> float:
        """The metric that is largest in the best checkpoint; -inf if there is none of this step."""
        scores = (line[BEST_METRIC] for line in self.metrics if line["step"] == self.step and BEST_METRIC in line)
        return next(scores, -math.inf)


class CheckpointWriter:
    """Writes checkpoints in the background; opened by `background_writer`."""

    def __init__(self, checkpoints: Checkpoints, last_step: int, every_one: bool) -> None:
        self._checkpoints, self._every_one = checkpoints, every_one
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._in_flight: Future[None] | None = None
        self._waiting: list[Due] = []
        self.step, self.time = last_step, time.monotonic()
        """The step of the last state that was saved, restored or is to be saved, -1 before the first, and its time."""

    def save(self, state: TrainState, metrics: list[dict[str, float]]) -> None:
        """Copy ``state`` and write it in the background; ``metrics`` determine the best.

        Raises OSError if the disk has no space for it, or if an earlier checkpoint could not be written.
        """
        if self._every_one:
            self.wait()
        if jax.process_count() > 1:
            on_first_process(lambda: self._require_disk_space(state))
            self._checkpoints.save(state, metrics)
        else:
            due = Due(int(state.step), _copied(state), list(metrics))
            best = max([*self._waiting, due], key=lambda due: due.score)  # the first of equals, as `best_step`
            self._waiting = [*(waiting for waiting in self._waiting if waiting is best and best.score >= 0), due]
            self.advance()
        self.step, self.time = int(state.step), time.monotonic()

    def advance(self) -> None:
        """Begin with the next state that waits, if none is being written.

        Raises OSError if the last one failed, or if the disk has no space for the next.
        """
        if self._in_flight is not None and self._in_flight.done():
            self._finish()
        if self._in_flight is None and self._waiting:
            due = self._waiting.pop(0)
            self._require_disk_space(due.state)
            self._in_flight = self._thread.submit(self._checkpoints.save, due.state, due.metrics)

    def wait(self) -> None:
        """Return when all checkpoints are written; raise OSError if one cannot be."""
        self.advance()
        while self._in_flight is not None:
            self._finish()
            self.advance()

    def _finish(self) -> None:
        """Wait for the checkpoint that is being written; if it fails, those that wait are dropped."""
        assert self._in_flight is not None
        try:
            self._in_flight.result()
        except Exception:
            self._waiting.clear()
            self._in_flight = None
            raise
        self._in_flight = None

    def _require_disk_space(self, state: TrainState) -> None:
        """Raise OSError unless the disk has space for one checkpoint; after it, an old one is removed."""
        require_disk_space(self._checkpoints.folder, state, resumable=self.step >= 0)

    def drop_waiting(self) -> None:
        """Leave out the states that wait."""
        self._waiting.clear()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


@contextmanager
def background_writer(checkpoints: Checkpoints, last_step: int, every_one: bool) -> Iterator[CheckpointWriter]:
    """Write to ``checkpoints`` in the background; when the block ends, also by an error, all are written.

    After a KeyboardInterrupt only the one that is being written is finished.

    ``last_step`` is the step of the checkpoint that was restored, or -1. With ``every_one`` each state that is saved
    gets a checkpoint. Otherwise those that are due while another is being written may be left out.
    """
    writer = CheckpointWriter(checkpoints, last_step, every_one)
    try:
        yield writer
        writer.wait()
    except BaseException as end:
        if isinstance(end, KeyboardInterrupt):
            writer.drop_waiting()
        try:
            writer.wait()
        except OSError as error:  # the error that ended the block is the one to raise
            logger.warning("%s", error.strerror)
        raise
    finally:
        writer.close()


def _copied(state: TrainState) -> Any:
    """Return a copy of ``state`` on the same devices; the copy is made before later steps change the state."""
    return jax.device_put(state, jax.tree.map(lambda leaf: leaf.sharding, state), may_alias=False)
