"""Functions of a joint distribution whose law is known: what the marginals cannot show.

Several elements of a vector are combined, and of what is normal given a scale z(x | scale), x standardised given it, is
Normal(0, 1) whatever the scale is. It stays so where its sign is turned wherever the scale is below its median, which
is what "by" means in their names: a z that depends on the scale then has another mean.
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
"""What it is called -> the function, whose values have the shape (chain, draw), and their distribution."""

STANDARD = norm()


def signs(K: int) -> NDArray[np.float64]:
    """Return K different rows of K signs, of which the first is +1: the first rows of Sylvester's matrix."""
    return hadamard(2 ** (K - 1).bit_length())[:K, :K].astype(float)


def directions(sds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return K directions (K, K), each the sum of all elements, in units of their ``sds`` (K,), with signs.

    None of them is nearly an element, however different the scales are.
    """
    return signs(len(sds)) / sds


def turned(z: NDArray[np.float64], by: NDArray[np.float64], median: float) -> NDArray[np.float64]:
    """Return sign(by - median) z, which has the law of a symmetric z if ``by`` is independent of z."""
    return np.where(by > median, z, -z)


def distance_score(squares: NDArray[np.float64], degrees_of_freedom: int) -> NDArray[np.float64]:
    """Return the normal score of a chi-square: Normal(0, 1), and large where many standardised values are."""
    return norm.isf(chi2.sf(squares, degrees_of_freedom))
