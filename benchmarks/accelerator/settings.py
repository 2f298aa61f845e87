"""The sizes of all measurements, and where their data are: what a part is told by the command."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nets.training.config import Model, Precision


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sizes and data of all parts."""

    folder: Path
    """Folder for runs, decoded images and compiled programs."""
    dataset: str = "digits"
    """Data set to train on."""
    data_dir: Path | None = None
    """Its folder of TensorFlow Datasets, or None if it needs none."""
    torch_python: Path | None = None
    """Python with PyTorch, or None."""
    models: tuple[Model, ...] = ("mlp", "conv")
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    hidden: tuple[int, ...] = (1000, 1000)
    """Widths of the hidden layers, but for PyTorch."""
    batches: tuple[int, ...] = (128, 512)
    """Images a step. The first is that of every comparison."""
    images: int = 50_000
    """Number of synthetic images in an epoch that is only timed."""
    epochs: int = 10
    """Epochs of a training run, as in the preset."""
    repeats: int = 5
    """Timings of each variant."""
    seconds: float = 0.3
    """Duration of a timing beside PyTorch."""
    product: int = 8192
    """Rows of the matrices whose product gives the peak."""
    copied_bytes: int = 2**28
    """Bytes of the copies whose bandwidth is measured."""
    programs: tuple[str, ...] = ("deterministic", "shared", "anew")
    """Cases of `parts.reproducibility`."""
    processes: int = 8
    """Training runs at the same time, where nothing is timed."""

    def write(self, file: Path) -> None:
        """Write the settings as JSON."""
        file.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")


QUICK: dict[str, Any] = {
    "models": ("conv",),
    "precisions": ("float32",),
    "hidden": (16,),
    "batches": (32,),
    "images": 128,
    "epochs": 3,
    "repeats": 2,
    "seconds": 0.05,
    "product": 512,
    "copied_bytes": 2**20,
    "programs": ("shared",),
    "processes": 2,
}
"""Sizes of a smoke test, in which no number means anything."""


def read_settings(file: Path) -> Settings:
    """Return the settings that `Settings.write` wrote."""
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    for name in ["folder", "data_dir", "torch_python"]:
        values[name] = values[name] and Path(values[name])
    for name in ["models", "precisions", "hidden", "batches", "programs"]:
        values[name] = tuple(values[name])
    return Settings(**values)
