"""Functions of a joint distribution whose own distribution is known: they show what the marginals cannot.

There are two kinds. One combines several elements of a vector. The other is z(x | scale), x standardised given a scale,
where x is normal given that scale: it is Normal(0, 1) whatever the scale is. Its sign is flipped where the scale is
below its median, which is what "by" means in their names. It stays Normal(0, 1) if z and the scale are independent; a z
that depends on the scale has another mean.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard
from scipy.stats import chi2, norm

from bayes.exact.distribution import Distribution

Draws = Mapping[str, NDArray[Any]]
"""Draws of variables by name, of shapes (chain, draw, ...)."""

Projections = dict[str, tuple[Callable[[Draws], NDArray[np.float64]], Distribution]]
"""Name -> the function, whose values have the shape (chain, draw), and their distribution."""

STANDARD = norm()


def signs(K: int) -> NDArray[np.float64]:
    """Return K different rows of K signs, of which the first is +1: the first rows of Sylvester's matrix."""
    return hadamard(2 ** (K - 1).bit_length())[:K, :K].astype(float)


def directions(sds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return K directions (K, K), each the sum of all elements, in units of their ``sds`` (K,), with signs.

    None of them is nearly an element, however different the scales are.
    """
    return signs(len(sds)) / sds


def flip_sign(z: NDArray[np.float64], scale: NDArray[np.float64], median: float) -> NDArray[np.float64]:
    """Return sign(scale - median) z, which has the distribution of a symmetric z if ``scale`` is independent of z."""
    return np.where(scale > median, z, -z)


def distance_score(squares: NDArray[np.float64], degrees_of_freedom: int) -> NDArray[np.float64]:
    """Return the normal score of a chi-square: Normal(0, 1), and large where many standardised values are."""
    return norm.isf(chi2.sf(squares, degrees_of_freedom))
