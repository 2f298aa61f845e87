"""The same training twice, and killed by SIGKILL and resumed: which of them end with the same bits.

In each case a first run is trained, then at the same time a second one and one that is killed after its second epoch
and resumed. Compiled programs are either shared, as in a user's cache, or compiled anew by each run: XLA chooses
kernels by timing them, and may choose others.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accelerator.parts.commands import epoch_lines, run, train_command
from benchmarks.accelerator.settings import Settings

CASES = {"deterministic": (True, False), "shared": (False, True), "anew": (False, False)}
"""Name of a case: whether XLA takes deterministic operations only, and whether compiled programs are shared."""
KILLED_AFTER = 2
"""Finished epochs after which a run is killed."""
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each case and network; with deterministic operations ``required`` is true."""
    cases = list(product(settings.programs, settings.models))
    with ThreadPoolExecutor(settings.processes) as pool:
        first = {case: pool.submit(train, settings, *case, "first") for case in cases}
        second, resumed = {}, {}
        for case in cases:
            first[case].result()
            second[case] = pool.submit(train, settings, *case, "second")
            resumed[case] = pool.submit(train_killed, settings, *case)
        for case in cases:
            name, model = case
            second[case].result()
            finished = resumed[case].result()
            expected = logits(run_folder(settings, *case, "first"))
            again, continued = (logits(run_folder(settings, *case, role)) for role in ["second", "resumed"])
            yield {
                "case": name,
                "model": model,
                "required": CASES[name][0],
                "again_equal": bool((expected == again).all()),
                "again_difference": float(np.abs(expected - again).max()),
                "killed_in_epoch": finished + 1,
                "resumed_equal": bool((expected == continued).all()),
                "resumed_difference": float(np.abs(expected - continued).max()),
            }


def run_folder(settings: Settings, case: str, model: str, role: str) -> Path:
    """Return the folder of a run; ``role`` is first, second or resumed."""
    return settings.folder / f"reproducibility-{case}-{model}-{role}"


def environment(case: str) -> dict[str, str]:
    """Return the environment variables of a case; GPU memory is taken as needed, because runs share the device."""
    deterministic, shared = CASES[case]
    flags = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC if deterministic else ''}".strip()
    return {
        "XLA_FLAGS": flags,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "JAX_ENABLE_COMPILATION_CACHE": str(shared).lower(),
    }


def train(settings: Settings, case: str, model: str, role: str) -> None:
    """Train a network to the end."""
    folder = run_folder(settings, case, model, role)
    run(train_command(settings, folder, model=model, epochs=settings.epochs), **environment(case))


def train_killed(settings: Settings, case: str, model: str) -> int:
    """Train a network, kill it, resume it, and return the number of epochs that were finished when it was killed."""
    folder = run_folder(settings, case, model, "resumed")
    command = train_command(settings, folder, model=model, epochs=settings.epochs)
    process = subprocess.Popen(
        command, env=os.environ | environment(case), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and (len(epoch_lines(folder)) < KILLED_AFTER or not has_checkpoint(folder)):
        time.sleep(0.001)
    process.kill()
    if process.wait() >= 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode} before it could be killed")
    finished = len(epoch_lines(folder))
    run([*command, "--resume"], **environment(case))
    return finished


def has_checkpoint(folder: Path) -> bool:
    """Say whether a checkpoint is complete; Orbax names an unfinished one "tmp"."""
    return any("tmp" not in path.name for path in folder.glob("checkpoints/step*"))


def logits(folder: Path) -> np.ndarray:
    """Return the logits of the final parameters for all images of a run."""
    with np.load(folder / "predictions.npz") as arrays:
        return np.concatenate([arrays[f"{split}_logits"] for split in ["train", "validation", "test"]])
