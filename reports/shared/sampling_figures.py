"""Figures that compare draws and evidence runs with exact answers, drawn with ArviZ where it has the plot."""

from collections.abc import Mapping, Sequence
from typing import Any

import arviz_plots as azp
import arviz_stats
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binomtest, kstwo

from bayes.evidence.estimates import Evidence
from bayes.exact.distribution import Distribution

EXACT = "0.1"


def density_and_trace(tree: xr.DataTree, marginals: Mapping[str, Distribution]) -> Figure:
    """Draw the density of each chain with the exact density over it, and the traces, with a row for each parameter."""
    plots: Any = azp.plot_trace_dist(
        tree,
        var_names=list(marginals),
        aes={"color": ["chain"]},
        aes_by_visuals={"dist": ["color"], "trace": ["color"]},
        visuals={"dist": {"width": 1.0}, "trace": {"width": 0.5}},
        figure_kwargs={"figsize": (10, 2.8 * len(marginals))},
    )
    for name, distribution in marginals.items():
        _overlay(plots.get_target(name, {"column": "dist"}), distribution)
        for line in plots.get_target(name, {"column": "trace"}).lines:
            line.set_rasterized(True)  # a line has thousands of points
    return plots.viz["figure"].item()


def histogram(sampled: xr.Dataset, name: str, distribution: Distribution) -> Figure:
    """Draw a histogram of the draws of all chains with the exact density over it."""
    plots: Any = azp.plot_dist(
        xr.DataTree.from_dict({"posterior": sampled}),
        var_names=[name],
        kind="hist",
        visuals={"point_estimate": False, "point_estimate_text": False, "credible_interval": False, "title": False},
        figure_kwargs={"figsize": (10, 2.8)},
    )
    axis = plots.get_target(name, {})
    axis.set_xlabel(name)
    _overlay(axis, distribution)
    return axis.figure


def pit(values: Mapping[str, NDArray[np.float64]], alpha: float) -> Figure:
    """Draw the ECDF minus the uniform CDF of PIT ``values`` (chain, draw), with Kolmogorov's band at ``alpha``.

    The values are thinned to their effective sample size first.
    """
    ess = [arviz_stats.ess(f, method="mean") for u in values.values() for f in (u, abs(u - 0.5))]
    (size,) = {u.size for u in values.values()}
    step = int(np.ceil(size / min(size, *ess)))
    thinned = xr.Dataset({name: (("chain", "draw"), u[:, ::step]) for name, u in values.items()})
    plots: Any = azp.plot_ecdf_pit(
        xr.DataTree.from_dict({"pit": thinned}),
        group="pit",
        sample_dims=["chain", "draw"],
        visuals={"p_value_text": False, "suspicious_points": False},  # the page has a verdict of its own
        figure_kwargs={"figsize": (10, 2.8)},
    )
    for name in values:
        axis = plots.get_target(name, {})
        for side in (-1, 1):
            band = kstwo.isf(alpha, thinned[name].size)
            axis.axhline(side * band, color=EXACT, linestyle="--", linewidth=0.9)
        axis.set(title=f"{name}: {thinned[name].size} of {size} draws", xlabel="PIT")
    return plots.viz["figure"].item()


def evidence_runs(
    runs: Mapping[str, NDArray[np.float64]], exact_log_evidence: Mapping[str, float], combined: Mapping[str, Evidence]
) -> Figure:
    """Draw the error of the log evidence of the runs, and of all runs combined, with a row for each model."""
    figure, axis = plt.subplots(figsize=(10, 0.9 + 0.6 * len(runs)))
    for row, (label, values) in enumerate(runs.items()):
        axis.plot(values - exact_log_evidence[label], np.full(len(values), row), "o", color=f"C{row}", alpha=0.6)
        estimate = combined[label]
        error = 2 * estimate.standard_error
        axis.errorbar(
            estimate.log_evidence - exact_log_evidence[label],
            row + 0.25,
            xerr=error,
            fmt="D",
            color=f"C{row}",
            capsize=4,
        )
    axis.axvline(0, color=EXACT)
    axis.set(xlabel="SMC log evidence minus the exact value (nats)", ylim=(-0.6, len(runs) - 0.3))
    axis.set_yticks(range(len(runs)), list(runs))
    axis.grid(visible=False, axis="y")
    return figure


def shares_with_intervals(axis: plt.Axes, x: Sequence[float], counts: Sequence[int], repeats: int, label: str) -> None:
    """Draw the share of ``repeats`` that each of ``counts`` is, with its 95 % interval (Clopper and Pearson 1934)."""
    shares = np.array(counts) / repeats
    intervals = [binomtest(count, repeats).proportion_ci() for count in counts]
    ends = [shares - [i.low for i in intervals], [i.high for i in intervals] - shares]
    axis.errorbar(x, shares, yerr=np.maximum(ends, 0), marker="o", markersize=4, capsize=3, label=label)


def matrix_of_shares(axis: plt.Axes, shares: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw shares as a matrix of colours with the numbers in per cent, none where a share is 0."""
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for row, column in np.ndindex(*shares.shape):
        if (share := shares[row, column]) > 0:
            colour = "white" if share > 0.6 else "black"
            axis.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)


def _overlay(axis: Any, distribution: Distribution) -> None:
    x = np.linspace(distribution.ppf(1e-4), distribution.ppf(1 - 1e-4), 400)
    axis.plot(x, distribution.pdf(x), color=EXACT, linewidth=2)
