"""Training that is killed many times has the same result as an uninterrupted run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np

from nets.training import runs

KILLS = 20
OPTIONS = ["--dataset", "digits", "--model", "mlp", "--hidden", "64", "--epochs", "60", "--batch-size", "32"]
OPTIONS += ["--checkpoint-minutes", "0"]
STEPS_AN_EPOCH = 1294 // 32
TIMES = {"seconds", "images_per_second"}


def start_training(folder, *options):
    """Start training and return the process just before its first step."""
    training = subprocess.Popen(
        [sys.executable, "-m", "nets", "train", *OPTIONS, "--run-dir", str(folder), *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert training.stderr
    lines = [training.stderr.readline()]
    while not lines[-1].startswith("mlp with"):
        assert lines[-1], "".join(lines)
        lines.append(training.stderr.readline())
    return training


def finish(training):
    """Wait for the end of training, and require success."""
    _, err = training.communicate()
    assert training.returncode == 0, err


def checkpoint_steps(folder):
    """Return the steps of the complete checkpoints."""
    return [int(step.name.removeprefix("step_")) for step in (folder / "checkpoints").glob("step_*[0-9]")]


def wait_for_checkpoint(training, folder):
    """Return as soon as there is a new checkpoint, or training has ended."""
    previous = set(checkpoint_steps(folder))
    while not set(checkpoint_steps(folder)) - previous and training.poll() is None:
        time.sleep(0.005)


def test_twenty_kills_do_not_change_the_result(tmp_path):
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    finish(start_training(uninterrupted))

    rng = np.random.default_rng(0)
    latest_steps = []
    for kill in range(KILLS):
        training = start_training(killed, *["--resume"] if checkpoint_steps(killed) else [])
        if kill % 2:  # soon after a checkpoint, or during the next; otherwise before the first steps
            wait_for_checkpoint(training, killed)
        time.sleep(rng.uniform(0, 0.3))
        training.kill()
        training.communicate()
        assert training.returncode == -signal.SIGKILL
        latest_steps.append(max(checkpoint_steps(killed), default=0))
    finish(start_training(killed, "--resume"))

    # The kills were at different steps, some within an epoch, and no checkpoint was lost.
    assert latest_steps == sorted(latest_steps)
    assert len(set(latest_steps)) >= KILLS / 4
    assert any(step % STEPS_AN_EPOCH for step in latest_steps)
    reference, resumed = runs.load_run(uninterrupted), runs.load_run(killed)
    assert resumed.finished
    for expected, actual in zip(reference.metrics, resumed.metrics, strict=True):
        assert {name: actual[name] for name in actual.keys() - TIMES} == {
            name: expected[name] for name in expected.keys() - TIMES
        }
    jax.tree.map(np.testing.assert_array_equal, resumed.params, reference.params)
    for name, array in reference.predictions.items():
        np.testing.assert_array_equal(resumed.predictions[name], array)
