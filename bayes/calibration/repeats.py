"""Data sets whose draws are not independent: a sampler that returns the same draws, or ignores its seed."""

import numpy as np

from bayes.calibration.runs import DONE, RUN_FIELDS, Runs
from bayes.calibration.summaries import FIELDS

SAME_SCORE = 1e-8
"""Difference of mean normal scores below which they are equal. By chance it is about 1 / sqrt(draws)."""


def require_independent(runs: Runs) -> None:
    """Raise ValueError if two data sets have the same draws, or all have the same normal scores.

    A sampler that begins with the same random numbers on every data set may draw mean + sd eps with the same eps
    everywhere. The draws differ, and the scores do not.
    """
    done = np.flatnonzero(runs.state == DONE)
    if len(done) < 2:
        return
    fingerprints = runs.runs[done, RUN_FIELDS.index("fingerprint")]
    values, count = np.unique(fingerprints, return_counts=True)
    if len(values) < len(done):
        i, j = done[fingerprints == values[count > 1][0]][:2]
        raise ValueError(
            f"`sample` returned the same draws for data sets {i} and {j}; use the `y` and the `seed` that it is given."
        )
    score, square = (runs.rows[done, :, FIELDS.index(field)] for field in ("score", "square"))
    moving = np.all(square - score**2 > SAME_SCORE, axis=0)
    for name, scores, moves in zip(runs.names, score.T, moving, strict=True):
        if moves and np.ptp(scores) < SAME_SCORE:
            raise ValueError(
                f"`sample` used the same random numbers for every data set: the mean normal score of {name} is "
                f"{scores[0]:.6g} for each of {len(done)}; use the `seed` that it is given."
            )
