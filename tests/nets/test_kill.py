"""Training killed at any moment, again and again, ends as training that was left alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from nets import runs

KILLS = 20
OPTIONS = ["--dataset", "digits", "--model", "mlp", "--hidden", "64", "--epochs", "150", "--batch-size", "32"]


def train(folder, *options):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "nets",
            "train",
            *OPTIONS,
            "--checkpoint-minutes",
            "0",
            "--run-dir",
            str(folder),
            *options,
        ],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def steps(folder):
    return sorted(int(name.name.removeprefix("step_")) for name in (folder / "checkpoints").glob("step_*[0-9]"))


def test_twenty_kills_change_nothing(tmp_path):
    with train(tmp_path / "whole") as whole:
        _, said = whole.communicate()
        assert whole.returncode == 0, said
    rng = np.random.default_rng(0)
    folder, killed, seen = tmp_path / "killed", 0, []
    for _ in range(KILLS):
        resume = ["--resume"] if steps(folder) else []
        with train(folder, *resume) as training:
            assert training.stderr
            while not training.stderr.readline().startswith("mlp with"):
                assert training.poll() is None, training.stderr.read()
            time.sleep(rng.uniform(0, 1))
            training.kill()
        killed += training.returncode == -signal.SIGKILL
        seen.append(max(steps(folder), default=0))
    with train(folder, "--resume") as training:
        _, rest = training.communicate()
        assert training.returncode == 0, rest
    print(killed, seen, said.splitlines()[-1])  # noqa: T201
    # What the kills were: nearly all of them landed, at different steps, some in the middle of an epoch.
    assert killed >= 0.8 * KILLS
    assert seen == sorted(seen)
    assert len(set(seen)) >= KILLS / 2
    assert any(step % 40 for step in seen)
    left_alone, resumed = runs.load_run(tmp_path / "whole"), runs.load_run(folder)
    for name, array in left_alone.predictions.items():
        np.testing.assert_array_equal(resumed.predictions[name], array)
