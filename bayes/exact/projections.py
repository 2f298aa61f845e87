"""Functions of several parameters whose own distribution is known. They show errors that the marginals cannot show.

There are two kinds. The first kind combines several elements of a vector. The second kind is z(x | scale), which is x
standardised given a scale. It is for an x that is normal given the scale, so z is Normal(0, 1) for every scale. The
sign of z is flipped where the scale is below its median; "by" in a name stands for this flip. The result is still
Normal(0, 1) if z and the scale are independent. If z depends on the scale, its mean is not 0.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard
from scipy.stats import chi2, norm

from bayes.exact.distribution import Distribution

Draws = Mapping[str, NDArray[Any]]
"""Draws of variables by name, with shapes (chain, draw, ...)."""

Projections = dict[str, tuple[Callable[[Draws], NDArray[np.float64]], Distribution]]
"""Name -> a function with values of shape (chain, draw), and the exact distribution of the values."""

STANDARD = norm()


def signs(K: int) -> NDArray[np.float64]:
    """Return K different rows of K signs, each beginning with +1: the first rows of Sylvester's matrix."""
    return hadamard(2 ** (K - 1).bit_length())[:K, :K].astype(float)


def directions(sds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return K directions (K, K). Each is a sum of all elements with signs, in units of their ``sds`` (K,).

    No direction is close to a single element, however different the scales are.
    """
    return signs(len(sds)) / sds


def flip_sign(z: NDArray[np.float64], scale: NDArray[np.float64], median: float) -> NDArray[np.float64]:
    """Return sign(scale - median) z. Its distribution is that of z if z is symmetric and independent of ``scale``."""
    return np.where(scale > median, z, -z)


def distance_score(squares: NDArray[np.float64], degrees_of_freedom: int) -> NDArray[np.float64]:
    """Return the normal score of a chi-square variable. It is large if the sum of squares is large."""
    return norm.isf(chi2.sf(squares, degrees_of_freedom))
