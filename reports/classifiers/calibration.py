"""The section on calibration: reliability diagrams, proper scores and temperatures."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nets.evaluation.calibration_error import NUM_BINS, Reliability, TemperatureScaling
from nets.evaluation.metrics import Evaluation, fit_validation_temperature, scale_temperature
from reports.classifiers.problem import ReportRun
from reports.classifiers.text import label
from reports.shared.page import Page


def add_calibration(page: Page, runs: list[ReportRun]) -> None:
    """Add reliability diagrams and scores of each run on test images, with and without temperature scaling."""
    page.section("Calibration")
    page.text(
        "A calibrated classifier is correct on a proportion $c$ of the images whose predicted class has the "
        "probability $c$. The expected calibration error (ECE) is the mean absolute difference of the two over {bins} "
        "bins. It is positive even for a calibrated classifier, so its simulated mean for a calibrated classifier "
        "with the same probabilities is beside it. The temperature $T$ divides the logits. It is fitted to the "
        "validation data of the run, never to test data, by maximum likelihood, and changes no predicted class.",
        bins=NUM_BINS,
    )
    rows: list[tuple[ReportRun, str, Evaluation, float]] = []
    rescaled: dict[str, Evaluation | None] = {}
    for run in runs:
        rows.append((run, "without temperature", run.test, 1.0))
        temperature = _temperature(page, run)
        rescaled[run.key] = scale_temperature(run.test, temperature) if temperature else None
        if temperature:
            rows.append((run, "with temperature", scale_temperature(run.test, temperature), temperature.value))
    page.figure(
        _diagrams(runs, rescaled),
        "Accuracy against mean confidence on test images, in {bins} bins with equal numbers of images. Bars: 95&nbsp;% "
        "intervals of the accuracy of a calibrated classifier.",
        "Reliability diagrams, without and with temperature, beside the diagonal.",
    )
    page.table(
        "calibration",
        "Proper scores (smaller is better) and expected calibration errors on test images, in bins of equal mass and "
        "of equal width, each beside the mean ECE of a calibrated classifier.",
        {
            "run": [run.name for run, *_ in rows],
            "": [variant for _, variant, *_ in rows],
            "$T$": [temperature for *_, temperature in rows],
            "nll (nats)": [evaluation.calibration.nll for _, _, evaluation, _ in rows],
            "Brier": [evaluation.calibration.brier for _, _, evaluation, _ in rows],
            "ECE, mass": [evaluation.calibration.equal_mass.ece for _, _, evaluation, _ in rows],
            "if calibrated": [evaluation.calibration.equal_mass.ece_if_calibrated[0] for _, _, evaluation, _ in rows],
            "ECE, width": [evaluation.calibration.equal_width.ece for _, _, evaluation, _ in rows],
            "if calibrated ": [evaluation.calibration.equal_width.ece_if_calibrated[0] for _, _, evaluation, _ in rows],
            "verdict": [evaluation.calibration.equal_mass.verdict for _, _, evaluation, _ in rows],
        },
        {"$T$": ".3f"}
        | dict.fromkeys(["nll (nats)", "Brier"], ".4f")
        | dict.fromkeys(["ECE, mass", "if calibrated", "ECE, width", "if calibrated "], ".4f"),
    )


def _temperature(page: Page, run: ReportRun) -> TemperatureScaling | None:
    """Return the temperature of the run, or add the reason to the page why it has none."""
    try:
        return fit_validation_temperature(run.run)
    except ValueError as error:
        with page.about(run.key):
            page.text("There is no temperature for {name}: {temperature_error}", temperature_error=str(error))
        return None


def _diagrams(runs: list[ReportRun], rescaled: dict[str, Evaluation | None]) -> Figure:
    columns = [(run, variant) for run in runs for variant in ["without temperature", "with temperature"]]
    rows = -(-len(columns) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(10, 2.9 * rows), sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(columns) :]:
        axis.set_axis_off()
    for axis, (run, variant) in zip(axes.flat, columns, strict=False):
        evaluation = run.test if variant == "without temperature" else rescaled[run.key]
        axis.set_title(f"{label(run.name)},\n{variant}")
        if evaluation is None:
            axis.text(0.5, 0.5, "none", ha="center", transform=axis.transAxes)
            continue
        _add_diagram(axis, evaluation.calibration.equal_mass, run.colour)
    figure.supxlabel("mean confidence", fontsize=9)
    figure.supylabel("accuracy", fontsize=9)
    return figure


def _add_diagram(axis: Axes, reliability: Reliability, colour: str) -> None:
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    axis.vlines(reliability.confidence, *np.moveaxis(reliability.consistency_interval, 1, 0), color="0.75", linewidth=3)
    axis.plot(reliability.confidence, reliability.accuracy, "o-", color=colour, markersize=3.5, linewidth=1)
    axis.set(xlim=(0, 1.02), ylim=(0, 1.02))
