"""Training of both networks by `python -m nets train`: seconds an epoch, accuracy, and the time of the command."""

from collections.abc import Iterator
from itertools import product
from statistics import median
from typing import Any

from benchmarks.accelerator.parts.commands import epoch_lines, run, train_command
from benchmarks.accelerator.settings import Settings

ACCURACY = {"mlp": 0.590, "conv": 0.665}
"""Mean test accuracy of the default recipe on CIFAR-10 after ten epochs (docs/tutorials/train_a_classifier.md)."""
ACCURACY_SD = 0.004
"""Its standard deviation over seeds."""
EPOCHS = 10
"""Epochs to this accuracy."""


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each network and precision.

    ``reached`` says whether the test accuracy is at most three standard deviations below that of the preset; it is None
    for other data or another number of epochs.
    """
    for precision, model in product(settings.precisions, settings.models):
        run_dir = settings.folder / f"training-{model}-{precision}"
        options = {"model": model, "precision": precision, "epochs": settings.epochs}
        wall_seconds = run(train_command(settings, run_dir, **options))
        lines = epoch_lines(run_dir)
        first, later = lines[0], lines[1:]
        accuracy = lines[-1]["test_accuracy"]
        comparable = settings.dataset == "cifar10" and settings.epochs == EPOCHS
        yield options | {
            "wall_seconds": wall_seconds,
            "first_epoch_seconds": first["seconds"],
            "epoch_seconds": median(line["seconds"] for line in later),
            "epoch_seconds_range": [f(line["seconds"] for line in later) for f in (min, max)],
            "images_per_second": median(line["images_per_second"] for line in later),
            "test_accuracy": accuracy,
            "reached": accuracy >= ACCURACY[model] - 3 * ACCURACY_SD if comparable else None,
        }
