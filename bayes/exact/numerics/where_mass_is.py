"""Where the mass of a density of one variable is, so that a quadrature has few panels."""

from collections.abc import Callable
from typing import Any

import numpy as np

DROP = 45.0
"""Nats below the peak at which an integrand is cut: e^-45 is 3e-20."""
PLACES = 400
"""Places at which the density is looked at in each round."""


def mass_between(
    log_density: Callable[[Any], Any], low: float, high: float, curvature: float, moments: int
) -> tuple[float, float]:
    """Return where exp(``log_density(v)``) is cut at both ends, between ``low`` and ``high``.

    The first two ``moments`` of exp(v) keep their digits too. ``curvature`` is a bound, about, of the second derivative
    of the log density near its peaks, so that no peak between two places is missed.
    """
    powers = np.arange(min(moments, 2) + 1)[:, None]
    while True:
        v = np.linspace(low, high, PLACES)
        f = log_density(v) + powers * v  # (powers, PLACES)
        step = v[1] - v[0]
        kept = np.flatnonzero(np.any(f > f.max(axis=1, keepdims=True) - DROP - 2 * curvature * step**2, axis=0))
        old = high - low
        low, high = float(v[max(kept[0] - 1, 0)]), float(v[min(kept[-1] + 1, PLACES - 1)])
        if high - low > 0.7 * old:
            return low, high
