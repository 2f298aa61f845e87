"""The section on probabilities: reliability before and after a temperature, and proper scores."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nets.evaluation.calibration_error import BINS, Reliability, Temperature
from nets.evaluation.metrics import Evaluation, scaled, temperature_of
from reports.classifiers.problem import Subject
from reports.classifiers.text import label
from reports.shared.page import Page


def add_calibration(page: Page, subjects: list[Subject]) -> None:
    """Add reliability diagrams and scores of each run on test images, as trained and with a temperature."""
    page.section("Can the probabilities be believed")
    page.text(
        "Of the images to which a classifier gives its class the probability $c$, the share $c$ should be right. The "
        "expected calibration error is the mean distance, over {bins} bins, between the two. No sample has 0: beside "
        "it stands what a calibrated classifier with the same probabilities has on average, by simulation. The "
        "temperature $T$ by which logits are divided is fitted to the run's validation data, never to test data, by "
        "maximum likelihood; it changes no prediction.",
        bins=BINS,
    )
    rows: list[tuple[Subject, str, Evaluation, float]] = []
    after: dict[str, Evaluation | None] = {}
    for subject in subjects:
        rows.append((subject, "as trained", subject.test, 1.0))
        temperature = _temperature(page, subject)
        after[subject.key] = scaled(subject.test, temperature) if temperature else None
        if temperature:
            rows.append((subject, "with temperature", scaled(subject.test, temperature), temperature.value))
    page.figure(
        _diagrams(subjects, after),
        "Share of test images that are right against the mean probability of their class, in {bins} bins of equally "
        "many images. Bars: where 95&nbsp;% of samples of a calibrated classifier would lie.",
        "Reliability diagrams, as trained and with temperature: points beside the diagonal.",
    )
    page.table(
        "calibration",
        "Proper scores (smaller is better) and calibration errors on test images, in bins of equal mass and of equal "
        "width, each beside that of a calibrated classifier.",
        {
            "run": [subject.name for subject, *_ in rows],
            "": [what for _, what, *_ in rows],
            "$T$": [temperature for *_, temperature in rows],
            "nll (nats)": [one.calibration.nll for _, _, one, _ in rows],
            "Brier": [one.calibration.brier for _, _, one, _ in rows],
            "ECE, mass": [one.calibration.equal_mass.error for _, _, one, _ in rows],
            "if calibrated": [one.calibration.equal_mass.calibrated_error[0] for _, _, one, _ in rows],
            "ECE, width": [one.calibration.equal_width.error for _, _, one, _ in rows],
            "if calibrated ": [one.calibration.equal_width.calibrated_error[0] for _, _, one, _ in rows],
            "verdict": [one.calibration.equal_mass.verdict for _, _, one, _ in rows],
        },
        {"$T$": ".3f"}
        | dict.fromkeys(["nll (nats)", "Brier"], ".4f")
        | dict.fromkeys(["ECE, mass", "if calibrated", "ECE, width", "if calibrated "], ".4f"),
    )


def _temperature(page: Page, subject: Subject) -> Temperature | None:
    """Return the run's temperature, or say on the page why it has none."""
    try:
        return temperature_of(subject.run)
    except ValueError as error:
        with page.about(subject.key):
            page.text("There is no temperature for {name}: {no_temperature}", no_temperature=str(error))
        return None


def _diagrams(subjects: list[Subject], after: dict[str, Evaluation | None]) -> Figure:
    columns = [(subject, what) for subject in subjects for what in ["as trained", "with temperature"]]
    rows = -(-len(columns) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(10, 2.9 * rows), sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(columns) :]:
        axis.set_axis_off()
    for axis, (subject, what) in zip(axes.flat, columns, strict=False):
        evaluation = subject.test if what == "as trained" else after[subject.key]
        axis.set_title(f"{label(subject.name)},\n{what}")
        if evaluation is None:
            axis.text(0.5, 0.5, "none", ha="center", transform=axis.transAxes)
            continue
        _diagram(axis, evaluation.calibration.equal_mass, subject.colour)
    figure.supxlabel("mean probability of the predicted class", fontsize=9)
    figure.supylabel("share that is right", fontsize=9)
    return figure


def _diagram(axis: Axes, reliability: Reliability, colour: str) -> None:
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    axis.vlines(reliability.confidence, *np.moveaxis(reliability.expected, 1, 0), color="0.75", linewidth=3)
    axis.plot(reliability.confidence, reliability.accuracy, "o-", color=colour, markersize=3.5, linewidth=1)
    axis.set(xlim=(0, 1.02), ylim=(0, 1.02))
