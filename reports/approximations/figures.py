"""The figures of the page."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayes.checking.leave_one_out import LeaveOneOut
from reports.approximations.problem import POINT_ESTIMATES

SMALLEST = 1e-6
"""Nats that a logarithmic axis begins at: what is smaller, or 0, is drawn there."""
SMALLEST_K = -0.5
"""Pareto k that an axis begins at: what is smaller, or -inf where all ratios are equal, is drawn there."""
MARKERS = "os^Dv<>Ph*X"
GREYS = dict(zip(POINT_ESTIMATES, ("0.6", "0.2"), strict=True))
"""Colours of the plug-ins, which are no approximate posteriors."""


def evidence_errors(rmse: Mapping[tuple[str, str], float]) -> Figure:
    """Draw the RMSE of each estimator on each model as a matrix."""
    labels = list(dict.fromkeys(label for label, _ in rmse))
    methods = list(dict.fromkeys(method for _, method in rmse))
    values = np.array([[rmse.get((label, method), np.nan) for label in labels] for method in methods])
    figure, axis = plt.subplots(figsize=(10, 1.9 + 0.42 * len(methods)))
    axis.imshow(np.maximum(values, SMALLEST), norm=LogNorm(1e-4, 10), cmap="YlOrRd", aspect="auto")
    for row, of_method in enumerate(values):
        for column, value in enumerate(of_method):
            if not np.isnan(value):
                text = "0" if value == 0 else f"{value:.1g}" if value < 0.01 else f"{value:.2g}"
                axis.text(column, row, text, ha="center", va="center", fontsize=8, color="w" if value > 1 else "k")
    axis.set_xticks(range(len(labels)), labels, rotation=30, ha="right", fontsize=8)
    axis.set_yticks(range(len(methods)), [method.replace("_", " ") for method in methods])
    axis.grid(visible=False)
    return figure


def claims(cells: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]]) -> Figure:
    """Draw the error of every estimate against the error that it claims, with the line of 1.96 claimed errors."""
    figure, axis = plt.subplots(figsize=(10, 4))
    methods = list(dict.fromkeys(method for method, _, claimed in cells if not np.isnan(claimed[0])))
    for k, method in enumerate(methods):
        error, claimed = (np.concatenate([cell[i] for cell in cells if cell[0] == method]) for i in (1, 2))
        axis.plot(
            np.maximum(claimed, SMALLEST),
            np.maximum(abs(error), SMALLEST),
            MARKERS[k],
            markersize=3,
            alpha=0.6,
            label=method.replace("_", " "),
        )
    axis.set(xscale="log", yscale="log", xlabel="claimed standard error, nats", ylabel="error, nats")
    ends = np.array(axis.get_xlim())
    axis.plot(ends, 1.96 * ends, color="0.15", linewidth=0.8, linestyle="--")
    axis.legend()
    return figure


def predictive_losses(lost: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> Figure:
    """Draw the nats lost per new observation by each approximation, in a column for each model."""
    figure, axis = plt.subplots(figsize=(10, 4))
    labels = list(lost)
    for i in range(0, len(labels), 2):
        axis.axvspan(i - 0.5, i + 0.5, color="0.96", zorder=0)
    for k, name in enumerate(names):
        places = [i for i, label in enumerate(labels) if name in lost[label]]
        values = [max(lost[labels[i]][name], SMALLEST) for i in places]
        shift = 0.7 * (k / max(1, len(names) - 1) - 0.5)
        color = GREYS[name] if name in GREYS else f"C{k - len(GREYS)}"
        axis.plot(np.array(places) + shift, values, MARKERS[k], markersize=5, color=color, label=name)
    axis.grid(visible=False, axis="x")
    axis.set(
        yscale="log",
        ylabel="nats lost per new observation",
        xlim=(-0.5, len(labels) - 0.5),
        ylim=(SMALLEST / 2, None),
    )
    axis.set_xticks(range(len(labels)), labels, rotation=30, ha="right", fontsize=8)
    axis.legend(fontsize=8, ncols=4, loc="upper left", bbox_to_anchor=(0, 1.22))
    return figure


def divergences(rows: Sequence[tuple[str, float, float]]) -> Figure:
    """Draw the divergence of each approximation against the Pareto k of its importance ratios."""
    figure, axis = plt.subplots(figsize=(10, 3.6))
    for i, name in enumerate(dict.fromkeys(name for name, *_ in rows)):
        k, kl = (np.array([row[j] for row in rows if row[0] == name]) for j in (1, 2))
        axis.plot(np.maximum(k, SMALLEST_K), np.maximum(kl, SMALLEST), MARKERS[i], markersize=4, label=name)
    axis.axvline(0.7, color="0.15", linewidth=0.8, linestyle="--")
    axis.set(yscale="log", xlabel="Pareto k", ylabel="KL divergence, nats")
    axis.legend(fontsize=8)
    return figure


def pareto_k(results: Mapping[str, LeaveOneOut]) -> Figure:
    """Draw the error of PSIS-LOO of every observation against its Pareto k."""
    figure, axis = plt.subplots(figsize=(10, 4))
    high = {label: loo for label, loo in results.items() if np.any(loo.pareto_k > loo.good_k)}
    others = [loo for label, loo in results.items() if label not in high]
    for i, (label, group) in enumerate(
        {"all other data": others, **{label: [loo] for label, loo in high.items()}}.items()
    ):
        k = np.concatenate([np.empty(0), *(loo.pareto_k for loo in group)])
        errors = np.concatenate([np.empty(0), *(abs(loo.estimate - loo.exact) for loo in group)])
        color = f"C{(i - 1) % 5}" if i else "0.7"
        axis.plot(k, np.maximum(errors, SMALLEST), MARKERS[i], color=color, markersize=4, label=label)
    axis.axvline(next(iter(results.values())).good_k, color="0.15", linewidth=0.8, linestyle="--")
    axis.set(yscale="log", xlabel="Pareto k", ylabel="error of the observation, nats")
    axis.legend(fontsize=8, loc="upper left")
    return figure
