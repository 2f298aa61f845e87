"""The options of the page, and its runs with their evaluations: named by the options, or trained for the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reports.shared.options import Common

if TYPE_CHECKING:
    from nets.evaluation.metrics import Evaluation
    from nets.training.config import TrainConfig
    from nets.training.runs import Run

DIGITS = {
    "mlp": {"model": "mlp", "hidden": (64,)},
    "conv": {"model": "conv", "hidden": (64,), "channels": (12,)},
}
"""Configurations of the two networks that the page trains if the options name no runs."""


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Metrics, comparisons and calibration of trained classifiers. Without --runs, two are trained on digits."""

    runs: tuple[Path, ...] = ()
    """Folders of finished runs on one data set, written by `python -m nets train`; any number."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets with the images. If left out: $TFDS_DATA_DIR, else ~/tensorflow_datasets."""


@dataclass(frozen=True)
class Problem:
    """The runs that the options name, by their names on the page; empty if the page trains its own."""

    runs: "Mapping[str, Run]"


@dataclass(frozen=True)
class ReportRun:
    """A run with its name, colour and marker on the page."""

    name: str
    """Name on the page."""
    colour: str
    marker: str
    run: "Run"

    @cached_property
    def train(self) -> "Evaluation":
        """The evaluation on the training images."""
        return self._evaluate("train")

    @cached_property
    def test(self) -> "Evaluation":
        """The evaluation on the test images."""
        return self._evaluate("test")

    def _evaluate(self, split: str) -> "Evaluation":
        from nets.evaluation.metrics import evaluate

        return evaluate(self.run, split)  # pyright: ignore[reportArgumentType]


def read(options: Options) -> Problem:
    """Return the runs that the options name; raise ValueError, in one line, if an option is wrong."""
    if not options.runs:
        for name in DIGITS:
            digits_config(name, Path(name), options)  # validates the seed before JAX is imported
        return Problem({})
    from nets.training.runs import load_run

    folders = list(options.runs)
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError("`runs` must be different folders, got one of them twice.")
    runs = [load_run(folder) for folder in folders]
    first = runs[0]
    for run in runs:
        if not run.finished:
            raise ValueError(f"run {run.folder} is not finished; continue it with --resume.")
        for name in ["class_names", "test_index", "test_labels"]:
            if not np.array_equal(run.predictions[name], first.predictions[name]):
                raise ValueError(
                    f"`runs` must be of one data set, but {run.folder} ({run.config.dataset}) and {first.folder} "
                    f"({first.config.dataset}) differ; render them on pages of their own, with another --out."
                )
    return Problem(dict(zip(_names(folders), runs, strict=True)))


def report_runs(runs: "Mapping[str, Run]") -> list[ReportRun]:
    """Return the runs with name, colour and marker."""
    return [ReportRun(name, f"C{i % 5}", "os^Dv"[i // 5 % 5], run) for i, (name, run) in enumerate(runs.items())]


def train_on_digits(folder: str, options: Options) -> "dict[str, Run]":
    """Train an ensemble of each network on the digits, which takes seconds, and return the two runs."""
    from nets.training.fitting import fit

    return {name: fit(digits_config(name, Path(folder) / name, options)) for name in DIGITS}


def digits_config(name: str, folder: Path, options: Options) -> "TrainConfig":
    """Return the configuration of one of `DIGITS`; raise ValueError if the options do not fit it."""
    from nets.training.config import TrainConfig

    return TrainConfig(
        dataset="digits",
        **DIGITS[name],
        batch_size=32,
        learning_rate=3e-3,
        epochs=30 if options.full else 10,
        validation=360,
        members=5,
        seed=options.seed,
        run_dir=folder,
    )


def _names(folders: list[Path]) -> list[str]:
    """Return the shortest unique suffixes of the paths, all with the same number of parts."""
    parts = [folder.resolve().parts for folder in folders]
    length = next(n for n in range(1, 100) if len({path[-n:] for path in parts}) == len(parts))
    return ["/".join(path[-length:]) for path in parts]
