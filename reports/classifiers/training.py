"""The sections on runs, architectures and learning curves."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from closedform.verdict import Verdict
from reports.classifiers.problem import ReportRun
from reports.classifiers.text import label
from reports.shared.page import Page

SPLITS = {"train": "-", "validation": ":", "test": "--"}
LOSS_TOLERANCE = 1e-4
"""Largest relative difference of the losses in metrics and from predictions, both in float32."""


def add_runs(page: Page, runs: list[ReportRun], trained_here: bool) -> Verdict:
    """Add the table of runs; fail if the losses in metrics and from predictions differ."""
    page.section("The runs")
    first = runs[0]
    if trained_here:
        page.text(
            "These runs were trained for this page: an ensemble of {members} networks of each architecture, on "
            "{images:,} training images of the handwritten digits in scikit-learn. <code>python -m reports "
            "classifiers --runs FOLDER ...</code> evaluates your own runs.",
            members=first.run.config.members,
            images=len(first.train.labels),
        )
    for run in runs:
        with page.about(run.key):
            page.record(name=run.name, metrics=run.run.metrics)
    rows = [_row(run) for run in runs]
    page.table(
        "runs",
        "Accuracies in percent, with Wilson's 95&nbsp;% intervals. Those of an ensemble are of its predictive. Train "
        "accuracy is that of the final parameters on all training images. “Metrics” passes if the loss in the metrics "
        "of the run is that of its predictions.",
        {name: [row[name] for row in rows] for name in rows[0]},
        {"parameters": ",", "seconds an epoch": ".3g", "train": ".2f", "test": ".2f", "gap": ".2f"},
    )
    return "fail" if any(row["metrics"] == "fail" for row in rows) else "pass"


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


def add_architectures(page: Page, runs: list[ReportRun]) -> None:
    """Add the layers of each architecture, with the shapes of their parameters."""
    page.section("Architectures")
    architectures = {str(run.run.parameter_shapes): run for run in reversed(runs)}
    for run in reversed(architectures.values()):
        shapes = run.run.parameter_shapes
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        with page.about(run.key):
            page.table(
                "parameters",
                "{model}: {size:,} parameters. The kernel of a convolution is (height, width, input channels, output "
                "channels), that of a linear layer (outputs, inputs).",
                {
                    "parameter": list(shapes),
                    "shape": [" x ".join(map(str, shape)) for shape in shapes.values()],
                    "size": sizes,
                    "percent": [100 * size / sum(sizes) for size in sizes],
                },
                {"parameter": "code", "size": ",", "percent": ".2f"},
                model=run.run.config.model,
                size=sum(sizes),
            )


def add_curves(page: Page, runs: list[ReportRun]) -> None:
    """Add learning curves: loss and accuracy by epoch, for train, validation and test."""
    page.section("Learning curves")
    page.figure(
        _curves(runs),
        "Loss and accuracy by epoch. Train: the mean over the augmented batches of the epoch, during the updates. "
        "Validation and test: with the parameters at the end of the epoch. The train curve of an ensemble is the mean "
        "over its members; the others are of its predictive.",
        "Two panels per run: loss and accuracy against the epoch, for train, validation and test.",
    )


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
