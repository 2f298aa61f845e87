"""A mixture of a million normals as one of some thousands, and its distribution on panels.

The density of Normal(m, e^(2 t)) at a fixed place is nearly a polynomial of m and t in a cell that is small beside the
sd. So the components of a cell may be replaced by normals at the cell's Gauss-Legendre nodes, with the weights that
integrate polynomials as they do (as in non-uniform Fourier transforms). Some of these weights are negative.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from bayes.exact.numerics.boxes import ORDER, Tabulated

NODES = 16
"""Nodes a cell has in each direction."""
MEANS, LOG_SDS = 1.2, 0.3
"""Widths of a cell: of the means in units of the smallest sd there, and of the logs of the sds."""
SDS = 8.5
"""Sds beyond the mean of any component at which the distribution ends."""
ROUGH = 1e-13
"""Largest mass that the last two terms of a panel's series may stand for."""
ROUNDS = 40
"""Largest number of times that panels are divided."""
BLOCK = 2**18
"""Places times components that are computed at once."""
_NODES, _NODE_WEIGHTS = legendre.leggauss(NODES)
_BASIS = (_NODE_WEIGHTS[:, None] * legendre.legvander(_NODES, NODES - 1) * (np.arange(NODES) + 0.5)).T
_X, _W = legendre.leggauss(ORDER)
_TO_SERIES = _W[:, None] * legendre.legvander(_X, ORDER - 1) * (np.arange(ORDER) + 0.5)

type Array = NDArray[np.float64]


def compressed(weights: Array, means: Array, sds: Array) -> tuple[Array, Array, Array]:
    """Return weights, means and sds of a mixture of fewer normals with the same density to rounding."""
    t = np.log(sds) / LOG_SDS
    row = np.floor(t)
    width = MEANS * np.exp(LOG_SDS * row)
    m = means / width
    column = np.floor(m)
    order = np.lexsort((column, row))
    starts = np.flatnonzero(np.diff(row[order], prepend=np.nan) + abs(np.diff(column[order], prepend=np.nan)) != 0)
    parts = []
    for cell in np.split(order, starts[1:]):
        i, j, one = row[cell[0]], column[cell[0]], width[cell[0]]
        in_t = legendre.legvander(2 * (t[cell] - i) - 1, NODES - 1) @ _BASIS
        in_m = legendre.legvander(2 * (m[cell] - j) - 1, NODES - 1) @ _BASIS
        cell_weights = (weights[cell][:, None] * in_t).T @ in_m
        cell_sds = np.exp(LOG_SDS * (i + (_NODES[:, None] + 1) / 2)) + 0 * cell_weights
        cell_means = one * (j + (_NODES + 1) / 2) + 0 * cell_weights
        parts.append([cell_weights.ravel(), cell_means.ravel(), cell_sds.ravel()])
    new_weights, new_means, new_sds = np.concatenate(parts, axis=1)
    return new_weights, new_means, new_sds


def density(x: Array, weights: Array, means: Array, sds: Array) -> Array:
    """Return the density of a mixture at places x (M,)."""
    values, scaled = np.empty(len(x)), weights / sds / np.sqrt(2 * np.pi)
    for block in np.array_split(np.arange(len(x)), 1 + x.size * len(means) // BLOCK):
        z = (x[block, None] - means) / sds
        z *= z
        values[block] = np.exp(np.multiply(z, -0.5, out=z), out=z) @ scaled
    return values


def tabulated(weights: Array, means: Array, sds: Array, log_density: Callable[[Array], Array]) -> Tabulated:
    """Return the distribution of a compressed mixture; ``log_density`` is the log density of any place."""
    mean = float(weights @ means)
    sd = float(np.sqrt(weights @ (sds**2 + (means - mean) ** 2)))
    reach = np.arcsinh(max(np.max(means + SDS * sds) - mean, mean - np.min(means - SDS * sds)) / sd)
    edges = mean + sd * np.sinh(np.linspace(-reach, reach, 2 * int(np.ceil(reach)) + 1))
    values = np.empty((0, ORDER))
    known: dict[tuple[float, float], Array] = {}
    for _ in range(ROUNDS):
        panels = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        new = np.array([panel for panel in panels if panel not in known]).reshape(-1, 2)
        x = new.mean(axis=1)[:, None] + np.diff(new, axis=1) / 2 * _X
        computed = density(x.ravel(), weights, means, sds).reshape(x.shape)
        known |= dict(zip(map(tuple, new.tolist()), computed, strict=True))
        values = np.array([known[panel] for panel in panels])
        half = np.diff(edges) / 2
        rough = np.max(abs((values @ _TO_SERIES)[:, -2:]), axis=1) * half > ROUGH
        if not rough.any():
            break
        edges = np.unique(np.concatenate([edges, (edges[:-1] + half)[rough]]))
    return Tabulated(edges, np.maximum(values, 0.0), log_density)
