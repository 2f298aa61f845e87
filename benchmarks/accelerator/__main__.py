"""Everything about training that needs a GPU or TPU to be measured: `python -m benchmarks.accelerator`.

Under ten minutes in all. Each part runs in a process of its own with a limit of time. What it measured before it failed
or was ended is kept, and its status is reported. The results are printed as Markdown tables, and written after each
part to the JSON file of `--json`. `--quick` is a smoke test on any device, whose numbers mean nothing.

- device: what it is, and what it reaches in large products and copies
- training: both networks with `python -m nets train`, to the accuracy of the preset
- steps: images a second and utilisation, for networks, precisions, batches, CUDA graphs, forms of the convolution
- pytorch: the same training in PyTorch, eager, with `torch.compile` and in a CUDA graph
- reproducibility: the same training twice, and killed and resumed
- epochs: what a checkpoint and an evaluation add to an epoch
- optimizers: a step with Muon beside one with AdamW
- scaling: several devices

Exit code: 0 if every part is complete and what must hold holds, 1 if not or after Ctrl-C, 2 for invalid usage.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import tyro

from benchmarks.accelerator import jpeg_files
from benchmarks.accelerator.process import run_part
from benchmarks.accelerator.settings import QUICK, Settings
from benchmarks.accelerator.tables import add_utilisation, lines
from closedform import command_line
from closedform.reasons import one_line

COMMAND = "python -m benchmarks.accelerator"
type Part = Literal["device", "training", "steps", "pytorch", "reproducibility", "epochs", "optimizers", "scaling"]
SHARES: dict[Part, float] = {
    "device": 0.1,
    "training": 0.25,
    "steps": 0.35,
    "pytorch": 0.35,
    "reproducibility": 0.25,
    "epochs": 0.15,
    "optimizers": 0.1,
    "scaling": 0.15,
}
"""The largest share of the whole time that a part may take, in the order in which they run. They exceed 1 together:
most parts take less, and the whole time is a limit too."""
TRAINED_PARTS = {"training", "reproducibility", "epochs"}
"""Parts that train on a data set. The others use synthetic images of the size of CIFAR-10."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure, with which data, and for how long."""

    data: Path | None = None
    """CIFAR-10: a data folder of TensorFlow Datasets, or a folder or tar file of JPEG files `train|test/CLASS/*.jpg`
    (default: the digits of scikit-learn, which need no file and have no accuracy to reach)."""
    json: Path | None = None
    """File for the results, written after each part. Beside it is a log, `.log`, with every row as it is measured."""
    parts: tuple[Part, ...] = tuple(SHARES)
    """Parts to run."""
    minutes: float = 8.0
    """Limit of the whole time."""
    torch_python: Path | None = None
    """Python with PyTorch and NumPy (default: this Python, if it has PyTorch)."""
    quick: bool = False
    """Smallest sizes, as a smoke test."""


def main(options: Options) -> int:
    """Run the parts, print and write the results, and return the exit code."""
    require_valid(options)
    end = time.monotonic() + 60 * options.minutes
    results: dict[str, Any] = {"command": sys.argv, "parts": {}}
    with tempfile.TemporaryDirectory(prefix="accelerator-") as temporary:
        settings = prepare(options, Path(temporary))
        log = options.json.with_suffix(".log") if options.json else settings.folder / "log"
        for part in sorted(options.parts, key=list(SHARES).index):
            seconds = min(60 * options.minutes * SHARES[part], end - time.monotonic())
            if seconds > 0:
                result = run_part(part, settings, seconds, log)
            else:
                result = {"status": "skipped", "reason": "no time was left", "seconds": 0.0, "rows": []}
            results["parts"][part] = result
            device_rows = results["parts"].get("device", {"rows": []})["rows"]
            peaks = {row["precision"]: row["flops"] for row in device_rows if row["fact"] == "peak"}
            if part in ("steps", "optimizers"):
                add_utilisation(result["rows"], peaks)
            print("\n".join(lines(part, result)), flush=True)
            if options.json:
                try:
                    options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
                except OSError as error:  # the other parts are still printed
                    print(f"warning: the results are not in {options.json}: {error.strerror}", file=sys.stderr)
    return 0 if all(passed(result) for result in results["parts"].values()) else 1


def require_valid(options: Options) -> None:
    """Raise ValueError for an option that would fail only after a part was measured."""
    if not options.minutes > 0:
        raise ValueError(f"`minutes` must be positive, got {options.minutes}.")
    if not options.parts:
        raise ValueError(f"`parts` must be one or more of {', '.join(SHARES)}, got none.")
    if options.data and not options.data.exists():
        raise ValueError(f"`data` must be a folder or a tar file, got {options.data}, which does not exist.")
    json_file = options.json
    if json_file and (not json_file.parent.is_dir() or json_file.is_dir() or json_file.suffix == ".log"):
        raise ValueError(f"`json` must be a file in an existing folder, and not a .log, got {json_file}.")
    if options.torch_python and "pytorch" in options.parts:
        try:
            subprocess.run([options.torch_python, "-c", "import numpy, torch"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            given = f"{options.torch_python} ({one_line(error)})"
            raise ValueError(f"`torch_python` must be a Python with PyTorch and NumPy, got {given}.") from error


def prepare(options: Options, folder: Path) -> Settings:
    """Return the settings of all parts; the data are read, and caches are in ``folder``."""
    os.environ["CLOSEDFORM_CACHE"] = str(folder / "cache")
    torch_python = options.torch_python or (Path(sys.executable) if find_spec("torch") else None)
    settings: dict[str, Any] = {"folder": folder, "torch_python": torch_python}
    settings |= QUICK if options.quick else {}
    if options.data is None or not TRAINED_PARTS & set(options.parts):
        return Settings(**settings)
    data_dir = options.data
    if not list(options.data.glob(f"{jpeg_files.NAME}/*/dataset_info.json")):
        data_dir = folder / "data"
        jpeg_files.prepare(options.data, data_dir)
    return Settings(**settings, dataset=jpeg_files.NAME, data_dir=data_dir)


def passed(result: dict[str, Any]) -> bool:
    """Say whether a part is complete, the accuracy of the preset is reached, and what must be reproducible is."""
    rows = result["rows"]
    return result["status"] == "complete" and not any(
        "error" in row
        or row.get("reached") is False
        or (row.get("required") and not (row["again_equal"] and row["resumed_equal"]))
        for row in rows
    )


if __name__ == "__main__":
    try:
        sys.exit(main(command_line.parsed(lambda: tyro.cli(Options, description=__doc__), f"{COMMAND} --help")))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("interrupted; the parts before are in the file of --json")
