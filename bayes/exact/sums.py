"""Sums of observations that keep their digits."""

import numpy as np
from numpy.typing import NDArray


def about(y: NDArray[np.float64], centre: float) -> tuple[int, float, float, float]:
    """Return n, ybar, ybar - centre and sum (y_i - ybar)^2, none of which loses digits to a large common offset.

    The differences from a rounded mean are exact, and what the rounding left out is added back (the corrected two-pass
    algorithm; Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", eq. 1.7). All are 0 for no
    observations.
    """
    n = len(y)
    if n == 0:
        return 0, 0.0, 0.0, 0.0
    near = y.mean()
    rest = y - near
    left_out = rest.mean()
    distance = (near - centre) + left_out
    return n, float(near + left_out), float(distance), float(rest @ rest - n * left_out**2)
