"""The figure of a model, once for light and once for dark pages: prior and posterior, predictive and data."""

from math import ceil
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from bayes.exact.distribution import elements
from bayes.registry import Model, scalars
from reports.shared.page import drawing

COLUMNS = 4
TAIL = 5e-4
"""Probability on each side of what a panel shows."""
INKS = {"light": ("#1f2933", "#1f5fa8", "#c0392b", "#d9dee4"), "dark": ("#ced6dd", "#6fb1fc", "#ff8a7a", "#3a424c")}
"""Text and data, posterior, predictive, grid."""


def write(folder: Path, name: str, model: Model) -> None:
    """Write ``figures/NAME-light.svg`` and ``figures/NAME-dark.svg`` into ``folder``."""
    (folder / "figures").mkdir(exist_ok=True)
    for theme, (ink, posterior, predictive, grid) in INKS.items():
        colours: Any = {f"{part}.color": ink for part in ["text", "xtick", "ytick"]} | {
            "axes.edgecolor": ink,
            "axes.labelcolor": ink,
            "grid.color": grid,
        }
        with drawing(), plt.rc_context(colours):
            figure = draw(model, ink, posterior, predictive)
            metadata = {"Date": None, "Creator": None}
            figure.savefig(folder / "figures" / f"{name}-{theme}.svg", transparent=True, metadata=metadata)
            plt.close(figure)


def has_shares(model: Model) -> bool:
    """Whether the data are counts, several of them, which are drawn as shares beside the probabilities."""
    return model.y.ndim == 1 and len(model.y) > 1 and hasattr(model.exact.predictive(model.y), "pmf")


def with_prior(model: Model) -> list[str]:
    """Return the names of the parameters whose prior is drawn: those that have a marginal before any data."""
    priors = scalars(model.exact, model.y[:0])
    return [name for name in model.marginals if name in priors]


def draw(model: Model, ink: str, posterior: str, predictive: str) -> Figure:
    """Return the figure: a panel a parameter, and one a coordinate of an observation."""
    priors, posteriors, predictives = scalars(model.exact, model.y[:0]), model.marginals, _predictives(model)
    panels = len(posteriors) + len(predictives)
    columns = min(COLUMNS, panels)
    rows = ceil(panels / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.4 * columns, 0.3 + 1.8 * rows), squeeze=False)
    flat = list(axes.flat)
    for axis, (name, distribution) in zip(flat, posteriors.items(), strict=False):
        low, high = distribution.ppf([TAIL, 1 - TAIL])
        x = np.linspace(low, high, 300)
        axis.plot(x, distribution.pdf(x), color=posterior)
        if name in priors:
            axis.plot(x, priors[name].pdf(x), color=ink, linestyle="--", linewidth=1)
        axis.set(title=name, yticks=[], ylim=(0, None))
    data = np.reshape(model.y, (len(model.y), -1)).T
    for axis, (name, distribution), observed in zip(flat[len(posteriors) :], predictives.items(), data, strict=False):
        _predictive(axis, distribution, observed, ink, predictive, shares=has_shares(model))
        axis.set(title=name, yticks=[], ylim=(0, None))
    for axis in flat[panels:]:
        axis.remove()
    return figure


def _predictives(model: Model) -> dict[str, Any]:
    """Return the predictive of the next observation, or of each of its elements."""
    if model.y.ndim == 1:
        return {"next y": model.exact.predictive(model.y)}
    return elements("next y", model.exact.predictive_marginals(model.y))


def _predictive(axis: Any, distribution: Any, observed: np.ndarray, ink: str, colour: str, *, shares: bool) -> None:
    low, high = distribution.ppf([TAIL, 1 - TAIL])
    if hasattr(distribution, "pmf"):
        k = np.arange(low, high + 1)
        axis.vlines(k, 0, distribution.pmf(k), color=colour, linewidth=max(0.6, min(5.0, 100 / len(k))))
    else:
        x = np.linspace(low, high, 300)
        axis.plot(x, distribution.pdf(x), color=colour)
    if shares:
        values, counts = np.unique(observed, return_counts=True)
        axis.plot(values, counts / len(observed), "o", color=ink, fillstyle="none", markersize=5)
    else:
        axis.plot(observed, np.zeros(len(observed)), "|", color=ink, markersize=10, clip_on=False)
