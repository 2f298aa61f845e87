"""The figures of the page."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from bayes.calibration.results import Calibration
from bayes.checking.results import Check, most_extreme
from bayes.faults.calibrated_faults import Power as FaultPower
from reports.calibration.measurements import DATA_SETS, LEVEL, Power
from reports.shared.sampling_figures import matrix_of_shares, shares_with_intervals

MOST_PANELS = 12
"""Panels of ECDFs that a figure has at most."""
LINEAR = 0.1
"""Errors up to this are drawn on a linear axis, and larger ones on a logarithmic one."""


def errors(groups: Mapping[str, Sequence[Check]]) -> Figure:
    """Draw the error of every location and scale with its 95 % interval, in a row for each quantity."""
    rows = [(f"{label}: {check.parameter}", check) for label, checks in groups.items() for check in checks]
    names = list(dict.fromkeys(name for name, _ in rows))
    figure, axes = plt.subplots(1, 2, figsize=(10, 1.3 + 0.26 * len(names)), sharey=True)
    for axis, statistic, unit in zip(axes, ("location", "scale"), ("posterior sds", "parts of the sd"), strict=True):
        for name, check in rows:
            if check.statistic == statistic:
                colour = "C3" if check.verdict == "fail" else "C0"
                place = names.index(name)
                axis.errorbar(check.error, place, xerr=1.96 * check.null_error, fmt="o", color=colour, markersize=3)
        axis.axvline(0, color="0.15", linewidth=0.8)
        axis.set(xlabel=f"error of the {statistic}, {unit}", ylim=(len(names) - 0.5, -0.5))
    axes[0].set_yticks(range(len(names)), names)
    axes[0].tick_params(axis="y", labelsize=8)
    return figure


def ecdfs(calibrations: Sequence[Calibration]) -> Figure:
    """Draw the ECDF of the ranks of each parameter, less the uniform, with its simultaneous band."""
    panels = [(c, name) for c in calibrations for name in c.names][:MOST_PANELS]
    columns = min(4, len(panels))
    shape = (-(-len(panels) // columns), columns)
    figure, axes = plt.subplots(*shape, figsize=(10, 0.4 + 2.0 * shape[0]), sharex=True, squeeze=False)
    for axis, (calibration, name) in zip(axes.flat, panels, strict=False):
        ecdf = calibration.ecdf(name)
        axis.fill_between(ecdf.points, ecdf.low, ecdf.high, color="0.85", linewidth=0)
        axis.plot(ecdf.points, ecdf.difference, color="C0", linewidth=1.2)
        axis.set_title(f"{calibration.model}, {calibration.sampler}\n{name}", fontsize=8)
        axis.tick_params(labelsize=7)
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_visible(False)
    return figure


def needed(names: Sequence[str], pooled: Sequence[FaultPower], ranks: Sequence[FaultPower]) -> Figure:
    """Draw the share of families that fail, for each mistake and number of data sets: pooled checks and ranks."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 0.9 + 0.33 * len(names)), sharey=True)
    for axis, title, powers in zip(axes, ("pooled exact checks", "ranks (SBC)"), (pooled, ranks), strict=True):
        shares = np.array([np.divide(power.detected, power.families) for power in powers])
        matrix_of_shares(axis, shares, names, [str(n) for n in powers[0].sizes])
        axis.set(xlabel="data sets", title=title)
    return figure


def worst(run: Calibration, statistic: str) -> Check:
    """Return the check of a statistic, over the quantities of a run, with the smallest p-value."""
    return most_extreme([check for check in run.checks if check.statistic == statistic])


def budgets(pairs: Mapping[tuple[str, str], Sequence[tuple[int, Calibration]]]) -> Figure:
    """Draw the largest errors of a location and a scale with intervals, against the gradients of a run."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharex=True)
    for axis, statistic, unit in zip(axes, ("location", "scale"), ("posterior sds", "parts of the sd"), strict=True):
        for k, ((model, sampler), runs) in enumerate(pairs.items()):
            checks = [worst(run, statistic) for _, run in runs]
            axis.errorbar(
                [run.gradients.mean() for _, run in runs],
                [abs(check.error) for check in checks],
                yerr=[1.96 * check.null_error for check in checks],
                fmt="o-",
                color=f"C{k % 10}",
                markersize=3,
                linewidth=0.8,
                label=f"{model}, {sampler}",
            )
        axis.axhline(0, color="0.15", linewidth=0.8)
        axis.set_yscale("symlog", linthresh=LINEAR)
        axis.set(
            xscale="log", xlabel="gradients in a run, warm-up included", ylabel=f"error of the {statistic}, {unit}"
        )
        axis.xaxis.set_minor_formatter(NullFormatter())
    if len(pairs) <= MOST_PANELS:
        axes[1].legend(fontsize=8)
    return figure


def detected(powers: Sequence[Power]) -> Figure:
    """Draw the share of repeats in which an error is detected, against the number of data sets."""
    figure, axes = plt.subplots(1, len(powers), figsize=(10, 3.2), sharey=True, squeeze=False)
    for axis, power in zip(axes[0], powers, strict=True):
        for label, counts in (("pooled exact checks", power.pooled), ("ranks (SBC)", power.ranks)):
            shares_with_intervals(axis, DATA_SETS, counts, power.repeats, label)
        axis.axhline(LEVEL, color="0.15", linewidth=0.8, linestyle="--")
        axis.set(xscale="log", xlabel="data sets", title=power.name, ylim=(-0.03, 1.03))
        axis.set_xticks(DATA_SETS, [str(n) for n in DATA_SETS])
        axis.minorticks_off()
    axes[0][0].set_ylabel("share that is detected")
    axes[0][0].legend()
    return figure
