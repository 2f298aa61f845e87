"""The sections on the runs, their architectures and their learning curves."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.classifiers.problem import ReportRun
from reports.classifiers.text import label
from reports.shared.page import Numbers

SPLITS = {"train": "-", "validation": ":", "test": "--"}
LOSS_TOLERANCE = 1e-4
"""Largest relative difference between the loss in the metrics and the loss of the predictions, both in float32."""


def runs_section(runs: list[ReportRun], trained_here: bool) -> Numbers:
    """Return the table of runs; the verdict is ``fail`` if a loss in the metrics is not that of the predictions."""
    rows = [_row(run) for run in runs]
    return {
        "trained_here": trained_here,
        "members": runs[0].run.config.members,
        "images": len(runs[0].train.labels),
        "runs": {name: [row[name] for row in rows] for name in rows[0]},
        "metrics": {run.name: run.run.metrics for run in runs},
        "verdict": "fail" if any(row["metrics"] == "fail" for row in rows) else "pass",
    }


def _row(report_run: ReportRun) -> dict[str, object]:
    run, train, test = report_run.run, report_run.train.accuracy, report_run.test.accuracy
    low, high = test.interval
    agrees = np.isclose(
        run.metrics[-1]["test_loss"], report_run.test.calibration.nll, rtol=LOSS_TOLERANCE, atol=LOSS_TOLERANCE
    )
    return {
        "run": report_run.name,
        "network": run.config.model if run.config.members == 1 else f"{run.config.members} x {run.config.model}",
        "parameters": run.provenance["parameters"],
        "epochs": len(run.metrics),
        "seeds": " ".join(map(str, run.config.seeds)),
        "device": run.provenance["device"],
        "seconds an epoch": float(np.median([line["seconds"] for line in run.metrics])),
        "train": 100 * train.value,
        "test": 100 * test.value,
        "interval": f"{100 * low:.1f} – {100 * high:.1f}",
        "gap": 100 * (train.value - test.value),
        "metrics": "pass" if agrees else "fail",
        "commit": run.provenance["commit"],
    }


def architectures_section(runs: list[ReportRun]) -> Numbers:
    """Return the layers of each architecture, with the shapes of their parameters."""
    firsts = {str(run.run.parameter_shapes): run for run in reversed(runs)}
    return {"architectures": [_architecture(run) for run in reversed(firsts.values())]}


def _architecture(run: ReportRun) -> Numbers:
    shapes = run.run.parameter_shapes
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    return {
        "model": run.run.config.model,
        "ours": not run.run.config.own_network,
        "size": sum(sizes),
        "parameters": {
            "parameter": list(shapes),
            "shape": [" x ".join(map(str, shape)) for shape in shapes.values()],
            "size": sizes,
            "percent": [100 * size / sum(sizes) for size in sizes],
        },
    }


def curves_section(runs: list[ReportRun]) -> Numbers:
    """Return the learning curves: loss and accuracy by epoch, for train, validation and test."""
    return {"curves": _curves(runs)}


def _curves(runs: list[ReportRun]) -> Figure:
    figure, axes = plt.subplots(len(runs), 2, figsize=(10, 0.6 + 2.3 * len(runs)), sharex="row", squeeze=False)
    for (losses, accuracies), run in zip(axes, runs, strict=True):
        for split, line in SPLITS.items():
            epochs = [row["epoch"] for row in run.run.metrics if f"{split}_loss" in row]
            style = {"color": run.colour, "label": split, "marker": "." if len(epochs) == 1 else None}
            values = {
                metric: [row[f"{split}_{metric}"] for row in run.run.metrics if f"{split}_loss" in row]
                for metric in ["loss", "accuracy"]
            }
            if epochs:
                losses.plot(epochs, values["loss"], line, **style)
                accuracies.plot(epochs, 100 * np.array(values["accuracy"]), line, **style)
        losses.set(title=f"{label(run.name)}: loss (nats)", ylim=(0, 1.05 * losses.get_ylim()[1]))
        accuracies.set(title=f"{label(run.name)}: accuracy (%)")
        losses.legend()
        losses.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    return figure
