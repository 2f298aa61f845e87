"""Outcomes of all processes of ``jax.distributed``, in every process."""

import pickle
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from numpy.typing import NDArray

from bayes.calibration.outcomes import Outcome


def gathered(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes of all processes in the order of the processes. Every process must call this as often.

    The outcomes travel as bytes. Their lengths are exchanged first, and the shorter ones are padded.
    """
    packed = np.frombuffer(pickle.dumps(list(outcomes)), np.uint8)
    lengths = _of_all(np.array([len(packed)], np.int32))[:, 0]
    padded = np.zeros(lengths.max(), np.uint8)
    padded[: len(packed)] = packed
    rows = _of_all(padded)
    return [
        outcome for row, length in zip(rows, lengths, strict=True) for outcome in pickle.loads(row[:length].tobytes())
    ]


def _of_all(array: NDArray[Any]) -> NDArray[Any]:
    """Return the arrays of all processes, on a new first axis."""
    return np.asarray(process_allgather(array)).reshape(jax.process_count(), *array.shape)
