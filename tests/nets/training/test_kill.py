"""Training killed at any moment, again and again, ends as training that was left alone."""

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


def train(folder, *options):
    """Start training and return the process once steps are about to be taken."""
    training = subprocess.Popen(
        [sys.executable, "-m", "nets", "train", *OPTIONS, "--run-dir", str(folder), *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert training.stderr
    said = [training.stderr.readline()]
    while not said[-1].startswith("mlp with"):
        assert said[-1], "".join(said)
        said.append(training.stderr.readline())
    return training


def finish(training):
    """Wait for training to end, and return its folder."""
    _, said = training.communicate()
    assert training.returncode == 0, said


def saved(folder):
    """Return the steps of the whole checkpoints."""
    return [int(step.name.removeprefix("step_")) for step in (folder / "checkpoints").glob("step_*[0-9]")]


def wait_for_a_new_one(training, folder):
    """Return when a checkpoint is there that was not there before, or training has ended."""
    before = set(saved(folder))
    while not set(saved(folder)) - before and training.poll() is None:
        time.sleep(0.005)


def test_twenty_kills_change_nothing(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(train(whole))

    rng = np.random.default_rng(0)
    reached = []
    for kill in range(KILLS):
        training = train(killed, *["--resume"] if saved(killed) else [])
        if kill % 2:  # soon after a checkpoint, or in the middle of the next; otherwise before the first steps
            wait_for_a_new_one(training, killed)
        time.sleep(rng.uniform(0, 0.3))
        training.kill()
        training.communicate()
        assert training.returncode == -signal.SIGKILL
        reached.append(max(saved(killed), default=0))
    finish(train(killed, "--resume"))

    # The kills were at different steps, some in the middle of an epoch, and none lost what had been saved.
    assert reached == sorted(reached)
    assert len(set(reached)) >= KILLS / 4
    assert any(step % STEPS_AN_EPOCH for step in reached)
    left_alone, resumed = runs.load_run(whole), runs.load_run(killed)
    assert resumed.finished
    for before, after in zip(left_alone.metrics, resumed.metrics, strict=True):
        assert {name: after[name] for name in after.keys() - TIMES} == {
            name: before[name] for name in before.keys() - TIMES
        }
    jax.tree.map(np.testing.assert_array_equal, resumed.params, left_alone.params)
    for name, array in left_alone.predictions.items():
        np.testing.assert_array_equal(resumed.predictions[name], array)
