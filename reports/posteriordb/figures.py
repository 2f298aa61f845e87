"""The figures of the page: the errors of the reference draws, and the smallest errors that they could have shown."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from scipy.stats import norm

from bayes.checking.results import UNITS, Check

COLOURS = {"location": "C0", "scale": "C1", "uniformity": "C2"}


def errors(judged: Mapping[str, Sequence[Check]]) -> Figure:
    """Draw the error of every check in standard errors, with a row for each posterior and the family's level."""
    figure, axis = plt.subplots(figsize=(10, 1.2 + 0.21 * len(judged)))
    for row, group in enumerate(judged.values()):
        for i, statistic in enumerate(COLOURS):
            z = [check.z for check in group if check.statistic == statistic]
            axis.plot(z, [row + 0.2 * (i - 1)] * len(z), ".", color=COLOURS[statistic], markersize=3)
    level = next(iter(judged.values()))[0].level
    for side in (-1, 1):
        axis.axvline(side * norm.isf(level / 2), color="0.15", linewidth=0.8, linestyle="--")
    for statistic in [name for name in UNITS if name in COLOURS]:
        axis.plot([], [], ".", color=COLOURS[statistic], label=statistic)
    axis.set(yticks=range(len(judged)), yticklabels=list(judged), xlabel="error / se", ylim=(len(judged) - 0.5, -0.5))
    axis.tick_params(axis="y", labelsize=7)
    axis.legend(loc="upper right")
    return figure


def effects(smallest: Mapping[str, float], small: float) -> Figure:
    """Draw the minimum detectable effect of the location, in posterior sds, for each posterior."""
    figure, axis = plt.subplots(figsize=(10, 1.2 + 0.21 * len(smallest)))
    rows = range(len(smallest))
    axis.barh(rows, list(smallest.values()), color="C0", height=0.6)
    axis.axvline(small, color="0.15", linewidth=0.8, linestyle="--")
    axis.set(
        yticks=rows,
        yticklabels=list(smallest),
        xlabel="minimum detectable effect of the location, posterior sds",
        ylim=(len(smallest) - 0.5, -0.5),
    )
    axis.tick_params(axis="y", labelsize=7)
    return figure
