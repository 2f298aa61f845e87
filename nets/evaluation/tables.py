"""An evaluation as tables for a terminal, and as numbers for JSON."""

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
from nets.evaluation.intervals import CONFIDENCE, F1, Proportion
from nets.evaluation.metrics import Evaluation, SplitName, evaluate, evaluate_members, scaled, temperature_of
from nets.training.runs import Run

SHOWN = 10
"""How many confusions and mistakes are listed."""
COUNTED = 12
"""Up to so many classes a confusion matrix is printed; the JSON has it always."""
BINNINGS = ("equal_mass", "equal_width")
SCORES = ("accuracy", "nll", "brier", "ece_equal_mass")


def parts(run: Run, against: Run | None) -> Iterator[Table | Text]:
    """Yield what `python -m nets evaluate` prints, part by part."""
    results = {split: evaluate(run, split) for split in _splits(run)}
    comparison = compare(results["test"], evaluate(against, "test")) if against else None  # before anything is printed
    ways = _ways(run)
    networks = run.config.model if run.config.members == 1 else f"{run.config.members} x {run.config.model}"
    yield Text(f"{run.folder}: {networks} on {run.config.dataset}, {len(run.metrics)} epochs")
    table = Table("", *results, box=SIMPLE)
    table.add_row("images", *[f"{len(one.labels):,}" for one in results.values()])
    table.add_row("accuracy, %", *[_percent(one.accuracy) for one in results.values()])
    table.add_row("loss, nats", *[f"{one.calibration.nll:.4f}" for one in results.values()])
    table.add_row("Brier score", *[f"{one.calibration.brier:.4f}" for one in results.values()])
    for name in BINNINGS:
        reliability = [getattr(one.calibration, name) for one in results.values()]
        table.add_row(f"calibration error, {name.replace('_', ' ')}", *[f"{one.error:.4f}" for one in reliability])
        table.add_row("  if calibrated", *[f"{one.calibrated_error[0]:.4f}" for one in reliability])
    table.add_row("probabilities", *[one.calibration.equal_mass.verdict for one in results.values()])
    yield table
    yield Text(temperature_in_words(run))
    if len(ways) > 1:
        table = Table("test images", *["accuracy, %", "loss, nats", "Brier score", "calibration error"], box=SIMPLE)
        for name, scores in ways.items():
            table.add_row(name, f"{100 * scores['accuracy']:.2f}", *[f"{scores[one]:.4f}" for one in SCORES[1:]])
        yield table
    for split in ["train", "test"]:
        yield _class_table(results[split], split)
    for split in ["train", "test"]:
        if len(run.class_names) <= COUNTED:
            yield _confusion_table(results[split], split)
    for split in ["train", "test"]:
        one = results[split]
        listed = _lines(one.in_words(confusion) for confusion in one.confusions(SHOWN))
        yield Text(f"wrong on {split} images, most frequent first\n{listed}\n")
    for split in ["train", "test"]:
        one = results[split]
        mistakes = (
            f"image {mistake.index}: {one.class_names[mistake.true]} taken for {one.class_names[mistake.predicted]}, "
            f"with probability {mistake.probability:.4f}"
            for mistake in one.mistakes(SHOWN)
        )
        yield Text(f"wrong on {split} images, most confident first\n{_lines(mistakes)}\n")
    if comparison and against:
        yield Text(in_words(comparison, str(run.folder), str(against.folder)))


def numbers(run: Run, against: Run | None) -> dict[str, Any]:
    """Return everything that `parts` shows, with every digit; what is undefined is None."""
    content: dict[str, Any] = {"run": str(run.folder), "classes": run.class_names, "members": run.config.members}
    for split in _splits(run):
        one = evaluate(run, split)
        scores = one.calibration
        content[split] = {
            "images": len(one.labels),
            "accuracy": _numbers(one.accuracy),
            "nll": scores.nll,
            "brier": scores.brier,
            "ece_equal_width": scores.equal_width.error,
            "ece_equal_width_if_calibrated": scores.equal_width.calibrated_error,
            "ece_equal_mass": scores.equal_mass.error,
            "ece_equal_mass_if_calibrated": scores.equal_mass.calibrated_error,
            "probabilities": scores.equal_mass.verdict,
            "precision": [_numbers(figure) for figure in one.precision],
            "recall": [_numbers(figure) for figure in one.recall],
            "f1": [_numbers(figure) for figure in one.f1],
            "confusion": one.confusion.tolist(),
            "confusion_shares": [
                [None if math.isnan(share) else share for share in row] for row in one.confusion_shares.tolist()
            ],
            "confusions": [one.in_words(confusion) for confusion in one.confusions(SHOWN)],
            "mistakes": [vars(mistake) for mistake in one.mistakes(SHOWN)],
        }
    content["test_predictives"] = _ways(run)
    try:
        temperature = temperature_of(run)
        content |= {"temperature": temperature.value, "temperature_p_value": temperature.p_value}
    except ValueError as error:
        content |= {"temperature": None, "no_temperature_because": str(error)}
    if against is not None:
        comparison = compare(evaluate(run, "test"), evaluate(against, "test"))
        content["comparison"] = {
            "against": str(against.folder),
            **vars(comparison),
            "difference": comparison.difference,
            "interval": comparison.interval,
            "p_value": comparison.p_value,
            "verdict": comparison.verdict,
        }
    return content


def _ways(run: Run) -> dict[str, dict[str, float]]:
    """Return the scores on test images of each predictive that a run has: plug-in or ensemble, and with temperature.

    Those of one network of an ensemble are means over the members, each with a temperature of its own.
    """
    test, members = evaluate(run, "test"), evaluate_members(run, "test")
    whole = "ensemble" if len(members) > 1 else "network"
    ways = {"one network, on average": members, whole: [test]} if len(members) > 1 else {whole: [test]}
    with suppress(ValueError):  # no validation data, or none that fix a temperature
        ways[f"{whole}, with temperature"] = [scaled(test, temperature_of(run))]
    with suppress(ValueError):
        if len(members) > 1:
            temperatures = [fit_temperature(one.logits, one.labels) for one in evaluate_members(run, "validation")]
            ways["one, with temperature, on average"] = [
                scaled(one, temperature) for one, temperature in zip(members, temperatures, strict=True)
            ]
    return {name: _mean_scores(evaluations) for name, evaluations in ways.items()}


def _mean_scores(evaluations: list[Evaluation]) -> dict[str, float]:
    scores = [
        (one.accuracy.value, one.calibration.nll, one.calibration.brier, one.calibration.equal_mass.error)
        for one in evaluations
    ]
    return dict(zip(SCORES, np.mean(scores, axis=0).tolist(), strict=True))


def _class_table(one: Evaluation, split: str) -> Table:
    table = Table(f"{split} images", "number", "precision, %", "recall, %", "F1, %", box=SIMPLE)
    for k, name in enumerate(one.class_names):
        figures = [_percent(figure[k]) for figure in (one.precision, one.recall, one.f1)]
        table.add_row(Text(name), f"{one.recall[k].total:,}", *figures)
    return table


def _confusion_table(one: Evaluation, split: str) -> Table:
    """Return the counts, and below each the share of the class in percent."""
    table = Table(f"{split}, taken for", box=SIMPLE)
    for name in one.class_names:
        table.add_column(Text(name))
    for name, counts, shares in zip(one.class_names, one.confusion, one.confusion_shares, strict=True):
        cells = [f"{n:,}\n{100 * share:.1f} %" if n else "" for n, share in zip(counts, shares, strict=True)]
        table.add_row(Text(name), *cells)
    return table


def temperature_in_words(run: Run) -> str:
    """Return a sentence on the temperature that fits the run's validation data best."""
    try:
        temperature = temperature_of(run)
    except ValueError as error:
        return f"no temperature: {error}"
    size = "large" if temperature.value > 1 else "small"
    verdict = f"its logits are too {size}" if temperature.p_value < 1 - CONFIDENCE else "which may be 1"
    return (
        f"temperature {temperature.value:.3f} by {temperature.images:,} validation images: {verdict} "
        f"({f'p = {temperature.p_value:.2g}' if temperature.p_value else 'p < 1e-300'})"
    )


def in_words(comparison: Comparison, first: str, second: str) -> str:
    """Return what a comparison says, in a sentence."""
    low, high = (100 * end for end in comparison.interval)
    verdict = {"first": f"{first} is better", "second": f"{second} is better", "undecided": "it may be chance"}
    return (
        f"{first} gets {comparison.first_only:,} test images right that {second} gets wrong, and wrong "
        f"{comparison.second_only:,} that it gets right: {100 * comparison.difference:+.1f} points ({low:+.1f} to "
        f"{high:+.1f}), McNemar's p = {comparison.p_value:.2g}; {verdict[comparison.verdict]}."
    )


def _splits(run: Run) -> list[SplitName]:
    return ["train", *(["validation"] if len(run.predictions["validation_labels"]) else []), "test"]


def _percent(figure: Proportion | F1) -> str:
    """Return a share in percent with its interval of 95 % confidence, or that it is undefined."""
    low, high = figure.interval
    if math.isnan(figure.value):
        return "undefined"
    return f"{100 * figure.value:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def _numbers(figure: Proportion | F1) -> dict[str, float | None]:
    values = {"value": figure.value, "low": figure.interval[0], "high": figure.interval[1]}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _lines(sentences: Iterator[str]) -> str:
    return "\n".join(f"  {sentence}" for sentence in sentences) or "  none"
