"""The section on deep ensembles: one network is a plug-in, several are nearer to a full predictive."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nets.evaluation.calibration_error import fit_temperature
from nets.evaluation.metrics import Evaluation, evaluate, evaluate_members, scaled
from nets.training.ensemble import combine
from reports.classifiers.problem import Subject
from reports.classifiers.text import label
from reports.shared.page import Page

ONE, ONE_SCALED, ALL = "one network", "one, with temperature", "ensemble"


def add_ensembles(page: Page, subjects: list[Subject]) -> None:
    """Add single networks, ensembles and temperature-scaled networks side by side."""
    page.section("One network, or several")
    page.text(
        "A network is one point estimate of its parameters put in place of all that the data allow: a plug-in "
        "predictive, like the MLE and the MAP on the page on the normal. Trained again from other seeds, the networks "
        "differ where the data leave room, and the mean of their predictives, a deep ensemble, is less bold there, as "
        "a full posterior predictive is. A temperature makes one network bolder or less bold everywhere alike, and "
        "corrects no prediction."
    )
    ensembles = [subject for subject in subjects if subject.run.config.members > 1]
    if not ensembles:
        page.text("None of these runs is an ensemble; <code>python -m nets train --members 5</code> trains one.")
        return
    for subject in ensembles:
        with page.about(subject.key):
            _add_ensemble(page, subject)
    page.figure(
        _growth(ensembles),
        "Loss and accuracy on test images of the first so many members together.",
        "Two panels: loss falls and accuracy rises, steeply at first, with the number of members.",
    )


def _add_ensemble(page: Page, subject: Subject) -> None:
    members = evaluate_members(subject.run, "test")
    ways: dict[str, list[Evaluation]] = {ONE: members, ALL: [subject.test]}
    try:
        held = [*evaluate_members(subject.run, "validation"), evaluate(subject.run, "validation")]
        temperatures = [fit_temperature(one.logits, one.labels) for one in held]
        ways[ONE_SCALED] = [scaled(one, t) for one, t in zip(members, temperatures[:-1], strict=True)]
        ways["ensemble, with temperature"] = [scaled(subject.test, temperatures[-1])]
    except ValueError as error:
        page.text("{name} has no temperatures here: {no_temperatures}", no_temperatures=str(error))
    scores = {name: _scores(evaluations) for name, evaluations in ways.items()}
    page.table(
        "ensemble",
        "{name}: {members} networks on test images; for one network, the mean over them, and the standard deviation of "
        "the loss. Accuracy in percent, ECE in bins of equal mass.",
        {"": list(scores)} | {column: [row[column] for row in scores.values()] for column in scores[ONE]},
        {"accuracy": ".2f"} | dict.fromkeys(["nll (nats)", "sd", "Brier", "ECE"], ".4f"),
        members=len(members),
    )
    lost = _loss(members) - _loss([subject.test])
    sentence = f"One network of {{name}} is {_compared(lost)} the ensemble of all by {{lost:.4f}} nats an image"
    numbers = {"lost": abs(lost)}
    if ONE_SCALED in ways:
        lost = _loss(ways[ONE_SCALED]) - _loss([subject.test])
        sentence += f"; with its temperature it is {_compared(lost)} it by {{lost_scaled:.4f}}"
        numbers["lost_scaled"] = abs(lost)
    page.conclusion(sentence + ".", **numbers)


def _compared(lost: float) -> str:
    return "worse than" if lost > 0 else "better than"


def _loss(evaluations: list[Evaluation]) -> float:
    return float(np.mean([one.calibration.nll for one in evaluations]))


def _scores(evaluations: list[Evaluation]) -> dict[str, float | None]:
    """Return the mean scores of the evaluations, and the standard deviation of the loss if there are several."""
    losses = [one.calibration.nll for one in evaluations]
    return {
        "accuracy": 100 * float(np.mean([one.accuracy.value for one in evaluations])),
        "nll (nats)": _loss(evaluations),
        "sd": float(np.std(losses, ddof=1)) if len(losses) > 1 else None,
        "Brier": float(np.mean([one.calibration.brier for one in evaluations])),
        "ECE": float(np.mean([one.calibration.equal_mass.error for one in evaluations])),
    }


def _growth(ensembles: list[Subject]) -> Figure:
    figure, (losses, accuracies) = plt.subplots(1, 2, figsize=(10, 3))
    for subject in ensembles:
        logits = subject.run.predictions["test_member_logits"]
        counts = np.arange(1, len(logits) + 1)
        together = [replace(subject.test, logits=combine(logits[:count])) for count in counts]
        look = {"color": subject.colour, "marker": subject.marker, "markersize": 4, "label": label(subject.name)}
        losses.plot(counts, [one.calibration.nll for one in together], **look)
        accuracies.plot(counts, [100 * one.accuracy.value for one in together], **look)
    losses.set(title="loss (nats)", xlabel="members")
    accuracies.set(title="accuracy (%)", xlabel="members")
    losses.legend()
    for axis in (losses, accuracies):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
