"""Quantiles of a distribution from its CDF and density, by Newton's method in a bracket."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEWTON_STEPS = 12
"""Largest number of steps, from the middle of a narrow bracket. Each step squares the error."""


def quantile(
    cdf: Callable[[Any], Any],
    pdf: Callable[[Any], Any],
    grid: NDArray[np.float64],
    values: NDArray[np.float64],
    q: Any,
) -> Any:
    """Return where ``cdf`` is q. As in SciPy, q = 0 gives -inf, q = 1 gives inf, and no probability gives nan."""
    q = np.asarray(q, dtype=float)
    roots = np.select([q == 0, q == 1], [-np.inf, np.inf], np.nan)
    inside = (q > 0) & (q < 1)
    roots[inside] = _invert(cdf, pdf, grid, values, q[inside])
    return roots


def _invert(
    f: Callable[[Any], Any],
    slope: Callable[[Any], Any],
    grid: NDArray[np.float64],
    values: NDArray[np.float64],
    level: Any,
) -> Any:
    """Return where the increasing ``f``, with ``values`` on a grid, reaches ``level``, element by element.

    Each element takes Newton steps inside a bracket until it moves by no more than rounding.
    """
    level = np.asarray(level, dtype=float)
    levels = level.ravel()
    upper = np.clip(np.searchsorted(np.maximum.accumulate(values), levels), 1, len(grid) - 1)
    low, high = grid[upper - 1], grid[upper]
    roots = (low + high) / 2
    active = np.arange(levels.size)
    for _ in range(NEWTON_STEPS):
        x = roots[active]
        excess = f(x) - levels[active]
        low, high = np.where(excess < 0, x, low), np.where(excess < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = x - excess / slope(x)
        # A root on the edge of its bracket is approached from inside and outside. A step that leaves the bracket by
        # less than its width goes to the edge, and a step that leaves it by more goes to the middle.
        width = high - low
        inside = (newton >= low - width) & (newton <= high + width)
        roots[active] = np.where(inside, np.clip(newton, low, high), (low + high) / 2)
        unconverged = abs(roots[active] - x) > 2 * np.finfo(float).eps * abs(x)
        active, low, high = active[unconverged], low[unconverged], high[unconverged]
        if not active.size:
            break
    return roots.reshape(level.shape)
