"""The section on deep ensembles: single networks, ensembles and temperature scaling."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nets.evaluation.calibration_error import fit_temperature
from nets.evaluation.metrics import Evaluation, evaluate, evaluate_members, scale_temperature
from nets.training.ensemble import ensemble_logits
from reports.classifiers.problem import ReportRun
from reports.classifiers.text import label
from reports.shared.page import Page

SINGLE, SINGLE_SCALED, ENSEMBLE = "single network", "single network, with temperature", "ensemble"


def add_ensembles(page: Page, runs: list[ReportRun]) -> None:
    """Compare single networks with ensembles and temperature scaling."""
    page.section("Deep ensembles")
    page.text(
        "The predictive of one network is a plug-in: it uses a point estimate of the parameters, like the MLE and the "
        "MAP on the page on the normal. Networks trained from other seeds differ where the data do not determine the "
        "prediction. The mean of their predictives, a deep ensemble, is less confident there, like a posterior "
        "predictive. A temperature changes the confidence of one network everywhere alike, and no predicted class."
    )
    ensembles = [run for run in runs if run.run.config.members > 1]
    if not ensembles:
        page.text("None of these runs is an ensemble; <code>python -m nets train --members 5</code> trains one.")
        return
    for run in ensembles:
        with page.about(run.key):
            _add_ensemble(page, run)
    page.figure(
        _plot_ensemble_size(ensembles),
        "Loss and accuracy on test images of ensembles of the first members, by their number.",
        "Two panels: loss and accuracy against the number of members.",
    )


def _add_ensemble(page: Page, run: ReportRun) -> None:
    members = evaluate_members(run.run, "test")
    evaluations: dict[str, list[Evaluation]] = {SINGLE: members, ENSEMBLE: [run.test]}
    try:
        validation = [*evaluate_members(run.run, "validation"), evaluate(run.run, "validation")]
        temperatures = [fit_temperature(evaluation.logits, evaluation.labels) for evaluation in validation]
        evaluations[SINGLE_SCALED] = [
            scale_temperature(member, temperature)
            for member, temperature in zip(members, temperatures[:-1], strict=True)
        ]
        evaluations["ensemble, with temperature"] = [scale_temperature(run.test, temperatures[-1])]
    except ValueError as error:
        page.text("{name} has no temperatures here: {temperatures_error}", temperatures_error=str(error))
    scores = {name: _scores(group) for name, group in evaluations.items()}
    page.table(
        "ensemble",
        "{name}: {members} networks on test images. The row of a single network has the mean over them, and the "
        "standard deviation of the loss. Accuracy in percent, ECE in bins of equal mass.",
        {"": list(scores)} | {column: [row[column] for row in scores.values()] for column in scores[SINGLE]},
        {"accuracy": ".2f"} | dict.fromkeys(["nll (nats)", "sd", "Brier", "ECE"], ".4f"),
        members=len(members),
    )
    difference = _loss(members) - _loss([run.test])
    sentence = (
        f"A single network of {{name}} is {_better_or_worse(difference)} than the ensemble by "
        "{nll_difference:.4f} nats an image"
    )
    numbers = {"nll_difference": abs(difference)}
    if SINGLE_SCALED in evaluations:
        difference = _loss(evaluations[SINGLE_SCALED]) - _loss([run.test])
        sentence += f"; with a temperature it is {_better_or_worse(difference)} by {{scaled_nll_difference:.4f}}"
        numbers["scaled_nll_difference"] = abs(difference)
    page.conclusion(sentence + ".", **numbers)


def _better_or_worse(loss_difference: float) -> str:
    return "worse" if loss_difference > 0 else "better"


def _loss(evaluations: list[Evaluation]) -> float:
    return float(np.mean([evaluation.calibration.nll for evaluation in evaluations]))


def _scores(evaluations: list[Evaluation]) -> dict[str, float | None]:
    """Return the mean scores of the evaluations, and the standard deviation of the loss if there are several."""
    losses = [evaluation.calibration.nll for evaluation in evaluations]
    return {
        "accuracy": 100 * float(np.mean([evaluation.accuracy.value for evaluation in evaluations])),
        "nll (nats)": _loss(evaluations),
        "sd": float(np.std(losses, ddof=1)) if len(losses) > 1 else None,
        "Brier": float(np.mean([evaluation.calibration.brier for evaluation in evaluations])),
        "ECE": float(np.mean([evaluation.calibration.equal_mass.ece for evaluation in evaluations])),
    }


def _plot_ensemble_size(ensembles: list[ReportRun]) -> Figure:
    figure, (losses, accuracies) = plt.subplots(1, 2, figsize=(10, 3))
    for run in ensembles:
        logits = run.run.predictions["test_member_logits"]
        counts = np.arange(1, len(logits) + 1)
        growing = [replace(run.test, logits=ensemble_logits(logits[:count])) for count in counts]
        style = {"color": run.colour, "marker": run.marker, "markersize": 4, "label": label(run.name)}
        losses.plot(counts, [evaluation.calibration.nll for evaluation in growing], **style)
        accuracies.plot(counts, [100 * evaluation.accuracy.value for evaluation in growing], **style)
    losses.set(title="loss (nats)", xlabel="members")
    accuracies.set(title="accuracy (%)", xlabel="members")
    losses.legend()
    for axis in (losses, accuracies):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
