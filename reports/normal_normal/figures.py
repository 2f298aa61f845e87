"""The figures of the normal-normal page: each function takes distributions and numbers and returns a figure."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bayes.exact.normal_normal import NormalNormal
from bayes.exact.normal_normal import Sequence as Beliefs

FULL, MLE, MAP, EXACT = "C0", "C1", "C2", "0.15"
MANY = 1000
"""With more points than this, they are drawn as pixels: as vectors they would make the page slow to open."""


def predictive_grid(model: NormalNormal, y: NDArray[np.float64], numbers: Sequence[int]) -> Figure:
    """Draw the three predictives, one panel for each number of points in ``numbers`` (at most 15), with the data."""
    rows, columns = math.ceil(len(numbers) / 5), min(5, len(numbers))
    figure, axes = plt.subplots(rows, columns, figsize=(10, 0.6 + 1.8 * rows), sharex=True, sharey=True, squeeze=False)
    final = model.predictive(y)
    low, high = (f([*y, *final.ppf([0.0005, 0.9995])]) for f in (min, max))
    x = np.linspace(low - 0.05 * (high - low), high + 0.05 * (high - low), 300)
    predictives: dict[str, tuple[Any, str, Any]] = {
        "full posterior predictive": (model.predictive, FULL, "-"),
        "plug-in at the MLE": (model.mle_predictive, MLE, "--"),
        "plug-in at the MAP": (model.map_predictive, MAP, ":"),
    }
    for panel, n in zip(axes.flat, numbers, strict=False):
        for name, (predictive, colour, line) in predictives.items():
            if n > 0 or predictive != model.mle_predictive:
                panel.plot(x, predictive(y[:n]).pdf(x), color=colour, linestyle=line, label=name)
        ticks = {"color": EXACT, "markersize": 8, "transform": panel.get_xaxis_transform()}
        panel.plot(y[:n], np.full(n, 0.05), "|", **ticks, rasterized=n > MANY, label="data so far")
        panel.set_title(f"n = {n}", pad=3)
        panel.set_yticks([])
    for panel in axes.flat[len(numbers) :]:
        panel.set_axis_off()
    for panel in axes.flat[max(0, len(numbers) - columns) : len(numbers)]:
        panel.tick_params(labelbottom=True)  # the lowest panel of a column, even if the last row is not full
    figure.legend(*axes.flat[1].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.supxlabel("value of the next observation", fontsize=9)
    return figure


def movement(beliefs: Beliefs, loss_mle: NDArray[np.float64], loss_map: NDArray[np.float64]) -> Figure:
    """Draw the means, the variances and the plug-ins' expected loss against n."""
    figure, (means, variances, losses) = plt.subplots(1, 3, figsize=(10, 3.2))
    n = beliefs.n
    style: dict[str, Any] = {"markersize": 3 if len(n) <= 50 else 0, "rasterized": len(n) > MANY}
    means.plot(n, beliefs.predictive.mean(), "o-", color=FULL, label="full = MAP", **style)
    means.plot(n, beliefs.mle_predictive.mean(), "s--", color=MLE, label="MLE", **style)
    means.set(title="mean of the predictive")
    variances.plot(n, beliefs.predictive.var(), "o-", color=FULL, label="full", **style)
    variances.plot(n, beliefs.map_predictive.var() * np.ones(len(n)), ":", color=MAP, label="MLE and MAP", **style)
    variances.set(title="variance of the predictive")
    if beliefs.predictive.var()[0] > 100 * beliefs.predictive.var()[-1]:
        variances.set_yscale("log")
    losses.plot(n, loss_mle, "s--", color=MLE, label="MLE", **style)
    losses.plot(n, loss_map, "^:", color=MAP, label="MAP", **style)
    losses.set(title="expected log score lost (nats a point)", yscale="log")
    for axis in (means, variances, losses):
        axis.legend()
        axis.set_xlabel("n")
        if len(n) > 50:
            axis.set_xscale("symlog", linthresh=1)  # most of the change comes with the first points
        else:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def orders(paths: Sequence[Beliefs], log_evidence: Sequence[NDArray[np.float64]]) -> Figure:
    """Draw the posterior mean and the log evidence so far, for the same data in several orders, the original first."""
    figure, (mean_axis, evidence_axis) = plt.subplots(1, 2, figsize=(10, 3.2))
    for i, (beliefs, evidence) in enumerate(zip(paths, log_evidence, strict=True)):
        style: dict[str, Any] = {"color": FULL, "linewidth": 2.2} if i == 0 else {"color": "0.6", "linewidth": 0.9}
        style |= {"zorder": 3 - (i > 0), "rasterized": len(beliefs.n) > MANY}
        mean_axis.plot(beliefs.n, beliefs.posterior.mean(), **style)
        evidence_axis.plot(beliefs.n, evidence, **style)
    mean_axis.plot(paths[0].n[-1], paths[0].posterior.mean()[-1], "o", color=EXACT, zorder=4)
    evidence_axis.plot(paths[0].n[-1], log_evidence[0][-1], "o", color=EXACT, zorder=4)
    mean_axis.set(title="posterior mean of mu", xlabel="points observed")
    evidence_axis.set(title="log evidence of the points observed (nats)", xlabel="points observed")
    original = Line2D([], [], color=FULL, linewidth=2.2, label="in the original order")
    shuffled = Line2D([], [], color="0.6", linewidth=0.9, label=f"in {len(paths) - 1} random orders")
    evidence_axis.legend(handles=[original, shuffled])
    return figure


def evidence_curve(
    variances: NDArray[np.float64], log_evidence: NDArray[np.float64], marks: dict[str, tuple[float, float]]
) -> Figure:
    """Draw log evidence against the prior variance; ``marks`` maps a label to a point (variance, log evidence)."""
    figure, axis = plt.subplots(figsize=(10, 3.4))
    axis.plot(variances, log_evidence, color=FULL)
    styles = [("o", MLE), ("s", MAP), ("*", EXACT)]
    for (label, (x, y)), (marker, colour) in zip(marks.items(), styles, strict=False):
        axis.plot(x, y, marker=marker, linestyle="", color=colour, markersize=10 if marker == "*" else 7, label=label)
    axis.set(xscale="log", xlabel="prior variance $\\tau^2$", ylabel="log evidence (nats)")
    axis.legend()
    return figure
