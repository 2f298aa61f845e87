"""The section on deep ensembles: single networks, ensembles and temperature scaling compared."""

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
from reports.shared.page import Numbers

SINGLE, SINGLE_SCALED, ENSEMBLE = "single network", "single network, with temperature", "ensemble"


def ensembles_section(runs: list[ReportRun]) -> Numbers:
    """Return the scores of single networks, of ensembles, and of both with a temperature."""
    ensembles = [run for run in runs if run.run.config.members > 1]
    return {
        "ensembles": [_ensemble(run) for run in ensembles],
        "by_size": _plot_ensemble_size(ensembles) if ensembles else None,
    }


def _ensemble(run: ReportRun) -> Numbers:
    members = evaluate_members(run.run, "test")
    evaluations: dict[str, list[Evaluation]] = {SINGLE: members, ENSEMBLE: [run.test]}
    temperatures_error = ""
    try:
        validation = [*evaluate_members(run.run, "validation"), evaluate(run.run, "validation")]
        temperatures = [fit_temperature(evaluation.logits, evaluation.labels) for evaluation in validation]
        evaluations[SINGLE_SCALED] = [
            scale_temperature(member, temperature)
            for member, temperature in zip(members, temperatures[:-1], strict=True)
        ]
        evaluations["ensemble, with temperature"] = [scale_temperature(run.test, temperatures[-1])]
    except ValueError as error:
        temperatures_error = str(error)
    scores = {name: _scores(group) for name, group in evaluations.items()}
    scaled = evaluations.get(SINGLE_SCALED)
    return {
        "name": run.name,
        "members": len(members),
        "temperatures_error": temperatures_error,
        "scores": {"": list(scores)} | {column: [row[column] for row in scores.values()] for column in scores[SINGLE]},
        "nll_difference": _loss(members) - _loss([run.test]),
        "scaled_nll_difference": None if scaled is None else _loss(scaled) - _loss([run.test]),
    }


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
