"""The command `python -m nets train`, as users start it, and what a run leaves."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.accelerator.settings import Settings


def train_command(settings: Settings, run_dir: Path, **options: Any) -> list[str]:
    """Return the command that trains a network with the default recipe, seed 0; ``options`` as in `TrainConfig`."""
    named = {"dataset": settings.dataset, "data_dir": settings.data_dir, "run_dir": run_dir} | options
    words = [f"--{name.replace('_', '-')}={value}" for name, value in named.items() if value is not None]
    return [sys.executable, "-m", "nets", "train", *words, "--hidden", *map(str, settings.hidden)]


def run(command: list[str], **environment: str) -> float:
    """Run a command and return its seconds; RuntimeError with its last line if it fails."""
    started = time.perf_counter()
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environment, stdin=subprocess.DEVNULL
    )
    if result.returncode:
        last_line = (result.stderr.strip().splitlines() or ["no error message"])[-1]
        raise RuntimeError(f"{' '.join(command)} ended with exit code {result.returncode}: {last_line}")
    return time.perf_counter() - started


def epoch_lines(run_dir: Path) -> list[dict[str, float]]:
    """Return the lines of metrics.jsonl that are complete."""
    file = run_dir / "metrics.jsonl"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]
