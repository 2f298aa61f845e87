"""The command ``predict``."""

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nets._terminal import progress_bar, wide_console
from nets.commands.trained_run import TrainedRun

if TYPE_CHECKING:
    from nets.evaluation.predictions import Predictions

MAX_ROWS = 100
"""Largest number of images in the table; --csv and --json have all."""


@dataclass(frozen=True, kw_only=True)
class Predict(TrainedRun):
    """Predict the class of image files with a trained network.

    Files of any size and mode are read as those of a training folder: cropped at the centre, resized and converted. The
    probabilities are those with the temperature fitted to the validation data of the run, if it differs significantly
    from 1. Exit code: 1 if a file cannot be decoded; the others are predicted all the same.
    """

    images: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE ...")]
    """Image files, or folders that are searched for some."""
    csv: bool = False
    """Print a line of CSV for each image, with the probabilities of all classes."""
    json: bool = False
    """Print all results as JSON."""


def run(options: Predict, console: Console) -> int:
    """Print the predictions, name damaged files on ``console``, and return the exit code."""
    from nets.data.decoding import image_files
    from nets.evaluation.predictions import predict_files

    if options.csv and options.json:
        raise ValueError("`--csv` and `--json` must not both be given; take one of them.")
    if not options.images:
        raise ValueError("`images` must be one image file or folder at least, got none.")
    files = image_files(options.images)
    with progress_bar(console) as progress:
        trained = options.load(options.run, progress)
        predictions = predict_files(trained, files, progress)
    for sentence in _remarks(predictions, trained.image_shape):
        console.print(sentence, markup=False)
    for sentence in predictions.damaged.values():
        console.print(f"error: {sentence}", style="red", markup=False)
    if options.json:
        sys.stdout.write(json.dumps(_record(options, predictions), indent=1) + "\n")
    elif options.csv:
        _write_csv(predictions)
    elif predictions.files:
        wide_console().print(_table(predictions))
    return 1 if predictions.damaged else 0


def _remarks(predictions: "Predictions", image_shape: tuple[int, int, int]) -> list[str]:
    """Return sentences on the temperature, and on images that were resized or converted."""
    height, width, channels = image_shape
    total, resized, converted = len(predictions.files), predictions.resized, predictions.converted
    damaged = len(predictions.damaged)
    mode = "gray" if channels == 1 else "RGB"
    return [
        f"probabilities with {predictions.temperature.words}",
        *([f"cropped and resized to {height} x {width} pixels: {resized:,} of {total:,}"] if resized else []),
        *([f"converted to {mode}: {converted:,} of {total:,}"] if converted else []),
        *([f"not decoded: {damaged:,}"] if damaged else []),
    ]


def _table(predictions: "Predictions") -> Table:
    table = Table("image", "class", "probability", "second", "probability", box=SIMPLE)
    names = predictions.class_names
    for file, probabilities in zip(predictions.files[:MAX_ROWS], predictions.probabilities, strict=False):
        second, first = probabilities.argsort(kind="stable")[-2:]
        cells = [names[first], f"{probabilities[first]:.3f}", names[second], f"{probabilities[second]:.3f}"]
        table.add_row(Text(str(file)), *map(Text, cells))
    if len(predictions.files) > MAX_ROWS:
        table.caption = f"{len(predictions.files) - MAX_ROWS:,} more; --csv or --json prints all"
    return table


def _write_csv(predictions: "Predictions") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "class", "probability", *predictions.class_names])
    for file, k, p in zip(predictions.files, predictions.predicted, predictions.probabilities, strict=True):
        writer.writerow([file, predictions.class_names[k], p[k], *p])


def _record(options: Predict, predictions: "Predictions") -> dict[str, Any]:
    names = predictions.class_names
    return {
        "run": str(options.run),
        "checkpoint": options.checkpoint,
        "temperature": predictions.temperature.value,
        "temperature_note": predictions.temperature.words,
        "images": [
            {
                "image": str(file),
                "class": names[k],
                "probability": p[k],
                "probabilities": dict(zip(names, p.tolist(), strict=True)),
            }
            for file, k, p in zip(predictions.files, predictions.predicted, predictions.probabilities, strict=True)
        ],
        "damaged": {str(file): sentence for file, sentence in predictions.damaged.items()},
    }
