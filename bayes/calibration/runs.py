"""What is kept of all data sets: arrays in memory, and if wanted a Zarr group on disk, which a later call continues."""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.errors import BaseZarrError

from bayes.calibration.outcomes import Outcome
from bayes.calibration.summaries import FIELDS
from closedform.reasons import one_line

BLOCK = 100
"""Data sets in a chunk of the arrays on disk. A chunk is replaced whole, so no reader sees a part of it."""
FLUSH = 1.0
"""Seconds between two writes to disk, at least."""
RUN_FIELDS = ("state", "seconds", "gradients", "divergent", "log_evidence_error", "fingerprint")
MISSING, DONE, FAILED = 0.0, 1.0, 2.0
"""State of a data set."""
LARGEST_REASON = 300
"""Characters of a failure's reason that are kept."""


class Runs:
    """The outcomes of data sets 0 to N - 1 of one model, by one sampler.

    Attributes
    ----------
    rows
        ``summaries.FIELDS`` of every data set and quantity, (N, K, 8); nan where there is none.
    runs
        ``RUN_FIELDS`` of every data set, (N, 6).
    failures
        Number of a data set -> why the sampler failed on it.
    """

    def __init__(
        self, names: tuple[str, ...], about: Mapping[str, Any], datasets: int, path: Path | None = None, group: str = ""
    ) -> None:
        """Take up what is in ``group`` of the Zarr group ``path``, if anything is.

        Raises ValueError if it was made with something other than ``about``, or is not of this kind.
        """
        self.names = names
        self.rows: NDArray[np.float64] = np.full((datasets, len(names), len(FIELDS)), np.nan)
        self.runs: NDArray[np.float64] = np.full((datasets, len(RUN_FIELDS)), np.nan)
        self.runs[:, 0] = MISSING
        self.failures: dict[int, str] = {}
        self._later_failures: dict[int, str] = {}
        self._changed: set[int] = set()
        self._flushed = time.monotonic()
        self._group = None if path is None else _opened(path, group)
        if self._group is not None:
            self._take_up(dict(about) | {"quantities": list(names)}, datasets, f"{path}/{group}")

    @property
    def state(self) -> NDArray[np.float64]:
        """``MISSING``, ``DONE`` or ``FAILED``, (N,)."""
        return self.runs[:, 0]

    @property
    def missing(self) -> list[int]:
        """The numbers of the data sets that have no outcome."""
        return np.flatnonzero(self.state == MISSING).tolist()

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Keep outcomes; they are on disk a second later at most, if ``record`` is called again, or at the end."""
        for outcome in outcomes:
            i = outcome.index
            self.runs[i] = (
                FAILED if outcome.rows is None else DONE,
                outcome.seconds,
                outcome.gradients,
                outcome.divergent,
                outcome.log_evidence_error,
                outcome.fingerprint,
            )
            if outcome.rows is None:
                self.failures[i] = outcome.failure[:LARGEST_REASON]
            else:
                self.rows[i] = outcome.rows
            self._changed.add(i // BLOCK)
        if time.monotonic() - self._flushed > FLUSH:
            self.flush()

    def flush(self) -> None:
        """Write what is not on disk yet. The states are written last: what they call done is there."""
        if self._group is not None and self._changed:
            N = len(self.runs)  # there may be more on disk
            blocks = [slice(b * BLOCK, min((b + 1) * BLOCK, N)) for b in sorted(self._changed)]
            failures = self.failures | self._later_failures
            for name, values in (("rows", self.rows), ("runs", self.runs)):
                array: Any = self._group[name]
                if name == "runs":  # before the states, so that a failure always has its reason
                    self._group.attrs["failures"] = {str(i): reason for i, reason in sorted(failures.items())}
                for block in blocks:
                    array[block] = values[block]
        self._changed.clear()
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.flush()

    def _take_up(self, about: dict[str, Any], datasets: int, where: str) -> None:
        group: Any = self._group
        about = json.loads(json.dumps(about))
        if "about" not in group.attrs:  # new, or killed before it was complete
            for name, values in (("rows", self.rows), ("runs", self.runs)):
                group.create_array(
                    name, shape=values.shape, chunks=(BLOCK, *values.shape[1:]), dtype="f8", overwrite=True
                )
            group.attrs["failures"] = {}
            group.attrs["about"] = about  # last: without it the group counts as empty
            return
        before = group.attrs["about"]
        if differ := [name for name in before | about if before.get(name) != about.get(name)]:
            had = ", ".join(f"{name} {before.get(name)!r}" for name in differ)
            has = ", ".join(repr(about.get(name)) for name in differ)
            raise ValueError(
                f"`out` {where} was made with {had}, and this call has {has}; give the same, or another `out`."
            )
        kept = min(datasets, group["runs"].shape[0])
        self.rows[:kept], self.runs[:kept] = group["rows"][:kept], group["runs"][:kept]
        if datasets > group["runs"].shape[0]:
            group["rows"].resize(self.rows.shape)
            group["runs"].resize(self.runs.shape)
        reasons = {int(i): reason for i, reason in group.attrs["failures"].items()}
        self.failures = {i: reason for i, reason in reasons.items() if i < datasets and self.state[i] == FAILED}
        self._later_failures = {i: reason for i, reason in reasons.items() if i >= datasets}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing to the Zarr group ``path``, whose folder is made if nothing is there.

    The lock is the kernel's, on the folder itself: it ends with the process, however that ends, and leaves no file.

    Raises
    ------
    ValueError
        If another process has the lock, or the folder is not a Zarr group, or cannot be made.
    """
    if path.exists() and not (path / "zarr.json").exists() and (path.is_file() or any(path.iterdir())):
        raise ValueError(f"`out` {path} is there and is not a Zarr group; choose another, or remove it.")
    with ExitStack() as stack:
        try:
            path.mkdir(exist_ok=True)
            folder = os.open(path, os.O_RDONLY)
            stack.callback(os.close, folder)
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"`out` {path} is in use by another call; wait for it, or choose another.") from error
        except OSError as error:
            raise ValueError(f"`out` {path} cannot be opened or made: {error.strerror}; choose another.") from error
        yield


def _opened(path: Path, group: str) -> Any:
    """Return a group of the Zarr group ``path``, which is made if nothing is there."""
    try:
        return zarr.open_group(path, mode="a").require_group(group)
    except (BaseZarrError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"`out` {path} cannot be opened or made: {one_line(error)}.") from error
