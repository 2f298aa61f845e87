"""Training that is killed, anywhere and many times, has the same result as an uninterrupted run."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from nets.training import runs
from nets.training.fitting import fit
from tests.nets.training.digits import CONFIG
from tests.nets.training.kill_worker import PLACES, STEPS_AN_EPOCH
from tests.nightly import nightly_but

ROOT = Path(__file__).parents[3]
TMP = "orbax-checkpoint-tmp"
"""Part of the name of a checkpoint that is not complete."""
STATES = {
    "before the first checkpoint": ([], []),
    "in a chunk after a checkpoint within the epoch": ([3, 7], []),
    "between the metrics and the checkpoint of an epoch": ([40], []),
    "between files of the first checkpoint": ([], [40]),
    "between files of a checkpoint": ([40], [80]),
    "in a chunk, while a checkpoint is written": ([40], [80]),
    "before the files of a checkpoint are renamed": ([], [40]),
    "in the predictions": ([120, 160], []),
}
"""Where a run is killed -> the steps of its complete and of its incomplete checkpoints."""
PUSH = [
    "before the first checkpoint",
    "in a chunk after a checkpoint within the epoch",
    "in a chunk, while a checkpoint is written",
    "in the predictions",
]
KILLS = 20
OPTIONS = ["--dataset", "digits", "--model", "mlp", "--hidden", "64", "--epochs", "60", "--batch-size", "32"]
OPTIONS += ["--checkpoint-minutes", "0"]
TIMES = {"seconds", "images_per_second"}


def start_training(folder, *options):
    """Start training and return the process just before its first step."""
    training = subprocess.Popen(
        [sys.executable, "-m", "nets", "train", *OPTIONS, "--run-dir", str(folder), *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
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


def assert_same(actual, expected):
    """Assert that the results of two runs are equal to the bit."""
    assert actual.finished
    for line, expected_line in zip(actual.metrics, expected.metrics, strict=True):
        assert {name: line[name] for name in line.keys() - TIMES} == {
            name: expected_line[name] for name in expected_line.keys() - TIMES
        }
    jax.tree.map(np.testing.assert_array_equal, actual.params, expected.params)
    assert actual.predictions.keys() == expected.predictions.keys()
    for name, array in expected.predictions.items():
        np.testing.assert_array_equal(actual.predictions[name], array)


@pytest.fixture(scope="module")
def killed(request, tmp_path_factory):
    """The folder of the runs of `tests.nets.training.kill_worker`, killed where the selected tests look."""
    tests = [item for item in request.session.items if item.parent is request.node and hasattr(item, "callspec")]
    places = [test.callspec.params["place"] for test in tests]
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.nets.training.kill_worker", str(folder), *places]
    environment = os.environ | {"JAX_NUMPY_RANK_PROMOTION": "allow"}
    completed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert completed.returncode == 0, completed.stderr
    return folder


@pytest.mark.usefixtures("flax_promotes_ranks")
@pytest.mark.parametrize("place", nightly_but(PUSH, PLACES))
def test_a_run_that_is_killed_resumes_to_the_bit(killed, run, place):
    folder = killed / place
    complete, incomplete = STATES[place]
    assert sorted(checkpoint_steps(folder)) == complete
    unfinished = list((folder / "checkpoints").glob(f"step_*{TMP}*"))
    assert [int(step.name.removeprefix("step_").partition(".")[0]) for step in unfinished] == incomplete
    assert all(any(file.stat().st_size for file in step.rglob("*") if file.is_file()) for step in unfinished)
    assert not (folder / "predictions.npz").exists()
    with pytest.raises(ValueError, match="--resume" if complete else "leave --resume out"):
        fit(replace(CONFIG, run_dir=folder), resume=not complete)
    resumed = fit(replace(CONFIG, run_dir=folder), resume=bool(complete))
    assert_same(resumed, run)
    assert not list((folder / "checkpoints").glob(f"*{TMP}*"))


@pytest.mark.slow
def test_twenty_kills_at_random_times_do_not_change_the_result(tmp_path):
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
    assert_same(runs.load_run(killed), runs.load_run(uninterrupted))
