"""The figure of a model: its exact posterior over the draws, and its exact predictive over the data."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

EXACT, DRAWS = "0.15", "C0"
COLUMNS = 4
TAIL = 2e-4


def posterior_and_predictive(
    marginals: Mapping[str, Any],
    draws: Mapping[str, NDArray[np.float64]],
    predictives: Mapping[str, Any],
    y: NDArray[Any],
) -> Figure:
    """Draw each exact marginal over a histogram of its draws, and each predictive over the data.

    ``y`` has a column for each of ``predictives``, or is a vector if there is one.
    """
    panels = len(marginals) + len(predictives)
    columns = min(COLUMNS, panels)
    rows = ceil(panels / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(10, 0.4 + 1.9 * rows), squeeze=False)
    flat = list(axes.flat)
    for axis, (name, distribution) in zip(flat, marginals.items(), strict=False):
        low, high = distribution.ppf([TAIL, 1 - TAIL])
        axis.hist(draws[name].ravel(), bins=60, range=(low, high), density=True, color=DRAWS, alpha=0.35)
        x = np.linspace(low, high, 400)
        axis.plot(x, distribution.pdf(x), color=EXACT)
        axis.set(title=name, yticks=[], ylim=(0, None))
    data = np.reshape(y, (len(y), -1)).T
    for axis, (name, distribution), observations in zip(
        flat[len(marginals) :], predictives.items(), data, strict=False
    ):
        if hasattr(distribution, "pmf"):
            _bars(axis, distribution, observations)
        else:
            low, high = distribution.ppf([TAIL, 1 - TAIL])
            x = np.linspace(low, high, 400)
            axis.plot(x, distribution.pdf(x), color="C1")
            axis.plot(observations, np.zeros(len(observations)), "|", color=EXACT, markersize=12)
        axis.set(title=name, yticks=[], ylim=(0, None))
    for axis in flat[panels:]:
        axis.remove()
    return figure


def _bars(axis: Any, distribution: Any, observations: NDArray[Any]) -> None:
    """Draw the probability of each whole number, and its relative frequency in the data."""
    k = np.arange(distribution.ppf(TAIL), distribution.ppf(1 - TAIL) + 1)
    axis.vlines(k, 0, distribution.pmf(k), color="C1", linewidth=max(0.8, min(6.0, 120 / len(k))))
    values, counts = np.unique(observations, return_counts=True)
    if len(observations) == 1:
        axis.plot(values, [0], "|", color=EXACT, markersize=12)
    else:
        axis.plot(values, counts / len(observations), "o", color=EXACT, fillstyle="none", markersize=5)
