"""An evaluation as tables for a terminal, and as numbers for JSON."""

import math
from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from nets.comparison import Comparison, compare
from nets.evaluate import SplitName, evaluate, temperature_of
from nets.proportions import F1, Proportion
from nets.runs import Run

SHOWN = 10
"""How many confusions and mistakes are listed."""


def parts(run: Run, against: Run | None) -> Iterator[Table | Text]:
    """Yield what `python -m nets evaluate` prints, part by part."""
    results = {split: evaluate(run, split) for split in _splits(run)}
    test = results["test"]
    yield Text(f"{run.folder}: {run.config.model} on {run.config.dataset}, {len(run.metrics)} epochs")
    table = Table("", *results, box=SIMPLE)
    table.add_row("images", *[f"{len(one.labels):,}" for one in results.values()])
    table.add_row("accuracy, %", *[_percent(one.accuracy) for one in results.values()])
    table.add_row("loss, nats", *[f"{one.calibration.nll:.4f}" for one in results.values()])
    table.add_row("Brier score", *[f"{one.calibration.brier:.4f}" for one in results.values()])
    reliability = [one.calibration.equal_mass for one in results.values()]
    table.add_row("calibration error", *[f"{one.error:.4f}" for one in reliability])
    table.add_row("  if calibrated", *[f"{one.calibrated_error[0]:.4f}" for one in reliability])
    table.add_row("probabilities", *[one.verdict for one in reliability])
    yield table
    yield Text(temperature_in_words(run))
    table = Table("test images", "number", "precision, %", "recall, %", "F1, %", box=SIMPLE)
    for k, name in enumerate(test.class_names):
        figures = [_percent(one[k]) for one in (test.precision, test.recall, test.f1)]
        table.add_row(Text(name), f"{test.recall[k].total:,}", *figures)
    yield table
    yield Text(f"wrong on test images, most frequent first\n{_lines(test.in_words(c) for c in test.confusions(SHOWN))}")
    mistakes = (
        f"image {one.index}: {test.class_names[one.true]} taken for {test.class_names[one.predicted]}, "
        f"with probability {one.probability:.4f}"
        for one in test.mistakes(SHOWN)
    )
    yield Text(f"\nwrong on test images, most confident first\n{_lines(mistakes)}")
    if against is not None:
        yield Text("\n" + in_words(compare(test, evaluate(against, "test")), str(run.folder), str(against.folder)))


def numbers(run: Run, against: Run | None) -> dict[str, Any]:
    """Return everything that `parts` shows, with every digit; what is undefined is None."""
    content: dict[str, Any] = {"run": str(run.folder), "classes": run.class_names}
    for split in _splits(run):
        one = evaluate(run, split)
        scores = one.calibration
        content[split] = {
            "images": len(one.labels),
            "accuracy": _numbers(one.accuracy),
            "nll": scores.nll,
            "brier": scores.brier,
            "ece_equal_width": scores.equal_width.error,
            "ece_equal_mass": scores.equal_mass.error,
            "ece_equal_mass_if_calibrated": scores.equal_mass.calibrated_error,
            "precision": [_numbers(figure) for figure in one.precision],
            "recall": [_numbers(figure) for figure in one.recall],
            "f1": [_numbers(figure) for figure in one.f1],
            "confusion": one.confusion.tolist(),
            "mistakes": [vars(mistake) for mistake in one.mistakes(SHOWN)],
        }
    try:
        content["temperature"] = temperature_of(run).value
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


def temperature_in_words(run: Run) -> str:
    """Return a sentence on the temperature that fits the run's validation data best."""
    try:
        temperature = temperature_of(run)
    except ValueError as error:
        return f"no temperature: {error}"
    size = "large" if temperature.value > 1 else "small"
    return f"temperature {temperature.value:.3f} by {temperature.images:,} validation images: its logits are too {size}"


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
