"""The section on calibration: reliability diagrams, proper scores and temperatures."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nets.evaluation.calibration_error import NUM_BINS, Reliability
from nets.evaluation.metrics import Evaluation, fit_validation_temperature, scale_temperature
from reports.classifiers.problem import ReportRun
from reports.classifiers.text import label
from reports.shared.page import Numbers


def calibration_section(runs: list[ReportRun]) -> Numbers:
    """Return reliability diagrams and scores of each run on test images, with and without temperature scaling."""
    rows: list[tuple[ReportRun, str, Evaluation, float]] = []
    rescaled: dict[str, Evaluation] = {}
    without_temperature: list[tuple[str, str]] = []
    for run in runs:
        rows.append((run, "without temperature", run.test, 1.0))
        try:
            temperature = fit_validation_temperature(run.run)
        except ValueError as error:
            without_temperature.append((run.name, str(error)))
            continue
        rescaled[run.name] = scale_temperature(run.test, temperature)
        rows.append((run, "with temperature", rescaled[run.name], temperature.value))
    scores = [evaluation.calibration for _, _, evaluation, _ in rows]
    return {
        "bins": NUM_BINS,
        "without_temperature": without_temperature,
        "diagrams": _diagrams(runs, rescaled),
        "scores": {
            "run": [run.name for run, *_ in rows],
            "": [variant for _, variant, *_ in rows],
            "T": [temperature for *_, temperature in rows],
            "nll (nats)": [score.nll for score in scores],
            "Brier": [score.brier for score in scores],
            "ECE, mass": [score.equal_mass.ece for score in scores],
            "if calibrated": [score.equal_mass.ece_if_calibrated[0] for score in scores],
            "ECE, width": [score.equal_width.ece for score in scores],
            "if calibrated ": [score.equal_width.ece_if_calibrated[0] for score in scores],
            "verdict": [score.equal_mass.verdict for score in scores],
        },
    }


def _diagrams(runs: list[ReportRun], rescaled: dict[str, Evaluation]) -> Figure:
    columns = [(run, variant) for run in runs for variant in ["without temperature", "with temperature"]]
    rows = -(-len(columns) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(10, 2.9 * rows), sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(columns) :]:
        axis.set_axis_off()
    for axis, (run, variant) in zip(axes.flat, columns, strict=False):
        evaluation = run.test if variant == "without temperature" else rescaled.get(run.name)
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
