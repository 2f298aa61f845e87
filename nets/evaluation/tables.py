"""An evaluation as tables for a terminal, and as a JSON record."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from nets.evaluation.calibration_error import fit_temperature
from nets.evaluation.comparison import Comparison, compare
from nets.evaluation.intervals import F1, Proportion
from nets.evaluation.metrics import (
    Evaluation,
    SplitName,
    evaluate,
    evaluate_members,
    fit_validation_temperature,
    scale_temperature,
)
from nets.evaluation.temperature import temperature_of
from nets.training.runs import Run

MAX_LISTED = 10
"""Number of confused pairs and confident errors in the output."""
MAX_MATRIX_CLASSES = 12
"""Largest number of classes for which the confusion matrix is printed; the JSON record always has it."""
BINNINGS = ("equal_mass", "equal_width")
SCORES = ("accuracy", "nll", "brier", "ece_equal_mass")


def evaluation_tables(run: Run, against: Run | None) -> Iterator[Table | Text]:
    """Yield the tables and texts that `python -m nets evaluate` prints."""
    evaluations = {split: evaluate(run, split) for split in _splits(run)}
    comparison = compare(evaluations["test"], evaluate(against, "test")) if against else None  # errors before output
    predictive_scores = _test_predictive_scores(run)
    networks = run.config.model if run.config.members == 1 else f"{run.config.members} x {run.config.model}"
    yield Text(f"{run.folder}: {networks} on {run.config.dataset}, {describe_checkpoint(run)}")
    table = Table("", *evaluations, box=SIMPLE)
    table.add_row("images", *[f"{len(evaluation.labels):,}" for evaluation in evaluations.values()])
    table.add_row("accuracy, %", *[_percent(evaluation.accuracy) for evaluation in evaluations.values()])
    calibrations = [evaluation.calibration for evaluation in evaluations.values()]
    table.add_row("loss, nats", *[f"{calibration.nll:.4f}" for calibration in calibrations])
    table.add_row("Brier score", *[f"{calibration.brier:.4f}" for calibration in calibrations])
    for name in BINNINGS:
        diagrams = [getattr(calibration, name) for calibration in calibrations]
        table.add_row(f"ECE, {name.replace('_', ' ')}", *[f"{diagram.ece:.4f}" for diagram in diagrams])
        table.add_row("  if calibrated", *[f"{diagram.ece_if_calibrated[0]:.4f}" for diagram in diagrams])
    table.add_row("calibration", *[calibration.equal_mass.verdict for calibration in calibrations])
    yield table
    yield Text(temperature_of(run).words)
    if len(predictive_scores) > 1:
        table = Table("test images", *["accuracy, %", "loss, nats", "Brier score", "ECE"], box=SIMPLE)
        for predictive, scores in predictive_scores.items():
            cells = [f"{scores[score]:.4f}" for score in SCORES[1:]]
            table.add_row(predictive, f"{100 * scores['accuracy']:.2f}", *cells)
        yield table
    for split in ["train", "test"]:
        yield _class_table(evaluations[split], split)
    for split in ["train", "test"]:
        if len(run.class_names) <= MAX_MATRIX_CLASSES:
            yield _confusion_table(evaluations[split], split)
    for split in ["train", "test"]:
        evaluation = evaluations[split]
        pairs = _lines(evaluation.describe_pair(pair) for pair in evaluation.most_confused_pairs(MAX_LISTED))
        yield Text(f"most confused pairs on {split} images\n{pairs}\n")
    for split in ["train", "test"]:
        evaluation = evaluations[split]
        names = evaluation.class_names
        errors = (
            f"{error.name}: {names[error.label]} predicted as {names[error.predicted]}, "
            f"with probability {error.probability:.4f}"
            for error in evaluation.most_confident_errors(MAX_LISTED)
        )
        yield Text(f"most confident errors on {split} images\n{_lines(errors)}\n")
    if comparison and against:
        yield Text(describe_comparison(comparison, str(run.folder), str(against.folder)))


def evaluation_record(run: Run, against: Run | None) -> dict[str, Any]:
    """Return the results of `evaluation_tables` as a JSON record in full precision; undefined values are None."""
    record: dict[str, Any] = {"run": str(run.folder), "classes": run.class_names, "members": run.config.members}
    record |= {"checkpoint": run.checkpoint, "step": run.step, "finished": run.finished}
    for split in _splits(run):
        evaluation = evaluate(run, split)
        calibration = evaluation.calibration
        record[split] = {
            "images": len(evaluation.labels),
            "accuracy": _interval_record(evaluation.accuracy),
            "nll": calibration.nll,
            "brier": calibration.brier,
            "ece_equal_width": calibration.equal_width.ece,
            "ece_equal_width_if_calibrated": calibration.equal_width.ece_if_calibrated,
            "ece_equal_mass": calibration.equal_mass.ece,
            "ece_equal_mass_if_calibrated": calibration.equal_mass.ece_if_calibrated,
            "calibration": calibration.equal_mass.verdict,
            "precision": [_interval_record(precision) for precision in evaluation.precision],
            "recall": [_interval_record(recall) for recall in evaluation.recall],
            "f1": [_interval_record(f1) for f1 in evaluation.f1],
            "confusion_matrix": evaluation.confusion_matrix.tolist(),
            "normalized_confusion_matrix": [
                [None if math.isnan(proportion) else proportion for proportion in row]
                for row in evaluation.normalized_confusion_matrix.tolist()
            ],
            "most_confused_pairs": [
                evaluation.describe_pair(pair) for pair in evaluation.most_confused_pairs(MAX_LISTED)
            ],
            "most_confident_errors": [vars(error) for error in evaluation.most_confident_errors(MAX_LISTED)],
        }
    record["test_predictives"] = _test_predictive_scores(run)
    temperature = temperature_of(run)
    fitted = temperature.fitted
    record |= {
        "temperature": fitted and fitted.value,
        "temperature_p_value": fitted and fitted.p_value,
        "temperature_used": temperature.value,
        "temperature_note": temperature.words,
    }
    if against is not None:
        comparison = compare(evaluate(run, "test"), evaluate(against, "test"))
        record["comparison"] = {
            "against": str(against.folder),
            **vars(comparison),
            "difference": comparison.difference,
            "interval": comparison.interval,
            "p_value": comparison.p_value,
            "verdict": comparison.verdict,
        }
    return record


def _test_predictive_scores(run: Run) -> dict[str, dict[str, float]]:
    """Return the scores on test images of each predictive of a run: plug-in or ensemble, also with temperature.

    Scores of a single network of an ensemble are means over the members, each with its own temperature.
    """
    test, members = evaluate(run, "test"), evaluate_members(run, "test")
    name = "ensemble" if len(members) > 1 else "network"
    evaluations = {"single network (mean)": members, name: [test]} if len(members) > 1 else {name: [test]}
    with suppress(ValueError):  # no validation data, or no temperature that fits them
        evaluations[f"{name}, with temperature"] = [scale_temperature(test, fit_validation_temperature(run))]
    with suppress(ValueError):
        if len(members) > 1:
            validation = evaluate_members(run, "validation")
            temperatures = [fit_temperature(evaluation.logits, evaluation.labels) for evaluation in validation]
            evaluations["single network, with temperature (mean)"] = [
                scale_temperature(evaluation, temperature)
                for evaluation, temperature in zip(members, temperatures, strict=True)
            ]
    return {predictive: _mean_scores(group) for predictive, group in evaluations.items()}


def _mean_scores(evaluations: list[Evaluation]) -> dict[str, float]:
    scores = [
        (
            evaluation.accuracy.value,
            evaluation.calibration.nll,
            evaluation.calibration.brier,
            evaluation.calibration.equal_mass.ece,
        )
        for evaluation in evaluations
    ]
    return dict(zip(SCORES, np.mean(scores, axis=0).tolist(), strict=True))


def _class_table(evaluation: Evaluation, split: str) -> Table:
    table = Table(f"{split} images", "number", "precision, %", "recall, %", "F1, %", box=SIMPLE)
    for k, name in enumerate(evaluation.class_names):
        metrics = [_percent(metric[k]) for metric in (evaluation.precision, evaluation.recall, evaluation.f1)]
        table.add_row(Text(name), f"{evaluation.recall[k].total:,}", *metrics)
    return table


def _confusion_table(evaluation: Evaluation, split: str) -> Table:
    """Return the confusion matrix: counts, and below each the percentage of the class."""
    table = Table(f"{split}, predicted as", box=SIMPLE)
    for name in evaluation.class_names:
        table.add_column(Text(name))
    rows = zip(evaluation.class_names, evaluation.confusion_matrix, evaluation.normalized_confusion_matrix, strict=True)
    for name, counts, proportions in rows:
        cells = [
            f"{count:,}\n{100 * proportion:.1f} %" if count else ""
            for count, proportion in zip(counts, proportions, strict=True)
        ]
        table.add_row(Text(name), *cells)
    return table


def describe_comparison(comparison: Comparison, first: str, second: str) -> str:
    """Return the result of a comparison in a sentence."""
    low, high = (100 * end for end in comparison.interval)
    verdict = {
        "first": f"{first} is better",
        "second": f"{second} is better",
        "undecided": "the difference is not significant",
    }
    return (
        f"{comparison.first_only:,} test images are correct only with {first}, {comparison.second_only:,} only with "
        f"{second}: {100 * comparison.difference:+.1f} points ({low:+.1f} to {high:+.1f}), McNemar's p = "
        f"{comparison.p_value:.2g}; {verdict[comparison.verdict]}."
    )


def describe_checkpoint(run: Run) -> str:
    """Return the checkpoint of a run in words: which it is, and after how many epochs."""
    names = {line["step"]: f"epoch {line['epoch']:.0f}" for line in run.metrics}
    unfinished = "" if run.finished else ", training is not finished"
    reached = names.get(run.step or 0, f"step {run.step}, within an epoch,")
    return f"{run.checkpoint} checkpoint (after {reached} of {run.config.epochs}{unfinished})"


def _splits(run: Run) -> list[SplitName]:
    return ["train", *(["validation"] if len(run.predictions["validation_labels"]) else []), "test"]


def _percent(metric: Proportion | F1) -> str:
    """Return a metric in percent with its 95 % interval, or "undefined"."""
    low, high = metric.interval
    if math.isnan(metric.value):
        return "undefined"
    return f"{100 * metric.value:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def _interval_record(metric: Proportion | F1) -> dict[str, float | None]:
    values = {"value": metric.value, "low": metric.interval[0], "high": metric.interval[1]}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _lines(texts: Iterator[str]) -> str:
    return "\n".join(f"  {text}" for text in texts) or "  none"
