"""Two processes on the loopback train as one does, and what stops one stops both."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from nets.distributed import processes as hosts
from nets.training import runs
from nets.training.fitting import fit
from tests.nets.distributed.in_two_processes import RUN
from tests.tolerances import SHARED_OUT

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")

ROOT = Path(__file__).parents[3]
PATIENCE = 200
"""Seconds until processes that should have ended count as hanging; most of what they take is starting."""


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def two(arguments_of, cwd):
    """Start ``python -m ARGUMENTS`` twice, with the arguments of process 0 and of process 1."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_NUMPY_RANK_PROMOTION": "allow"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *map(str, arguments_of(process))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=environment,
        )
        for process in range(2)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def train(config, cwd, *options):
    """Start training by command in two processes, with a small network."""
    coordinator = f"127.0.0.1:{free_port()}"
    hidden = map(str, config.hidden)
    command = ["nets", "train", "--dataset", "digits", "--model", "mlp", "--hidden", *hidden, "--run-dir", "run"]
    command += ["--batch-size", config.batch_size, "--learning-rate", config.learning_rate, "--epochs", config.epochs]
    command += ["--coordinator", coordinator, "--num-processes", "2", *options]
    return two(lambda process: [*command, "--process-id", process], cwd)


def assert_same(run, alone):
    for now, before in zip(run.metrics, alone.metrics, strict=True):
        for name in before.keys() - {"seconds", "images_per_second"}:
            np.testing.assert_allclose(now[name], before[name], rtol=SHARED_OUT)
    for now, before in zip(jax.tree.leaves(run.params), jax.tree.leaves(alone.params), strict=True):
        np.testing.assert_allclose(now, before, rtol=SHARED_OUT, atol=SHARED_OUT)
    for name, before in alone.predictions.items():
        if name.endswith("logits"):
            np.testing.assert_allclose(run.predictions[name], before, rtol=SHARED_OUT, atol=SHARED_OUT)


def test_a_signal_to_one_saves_and_stops_both_and_one_process_goes_on(tmp_path):
    config = replace(RUN, epochs=10, members=2, run_dir=tmp_path / "run")
    with train(config, tmp_path, "--members", "2", "--checkpoint-every", "1000") as processes:
        assert processes[0].stderr
        while not processes[0].stderr.readline().startswith("epoch 1"):
            assert processes[0].poll() is None
        processes[1].send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [130, 130], said
    for _, err in said:
        assert err.splitlines()[-1].endswith("--resume goes on from there")
    assert "epoch" not in said[1][1]  # the first says how it goes
    assert len(list((tmp_path / "run/checkpoints").iterdir())) == 1
    begun = runs.load_run(tmp_path / "run")
    assert 1 <= len(begun.metrics) < 10
    assert begun.params["logits"]["kernel"].shape == (2, 10, 16)  # a member on each process, and both are here
    config = replace(config, checkpoint_every=1000)
    assert_same(fit(config, resume=True), fit(replace(config, run_dir=tmp_path / "alone")))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What each of two processes saw, what became of them, and where they wrote."""
    folder, port = tmp_path_factory.mktemp("two"), free_port()
    with two(lambda process: ["tests.nets.distributed.in_two_processes", port, process, folder], ROOT) as processes:
        said = [process.communicate(timeout=PATIENCE) for process in processes]
    assert all(out for out, _ in said), said
    codes = [process.returncode for process in processes]
    return SimpleNamespace(by=[json.loads(out.splitlines()[-1]) for out, _ in said], codes=codes, folder=folder)


def test_two_processes_train_as_one(seen, tmp_path):
    run, alone = runs.load_run(seen.folder / "whole"), fit(replace(RUN, run_dir=tmp_path / "alone"))
    assert run.provenance["device"].endswith("as 2 devices in 2 processes")
    assert_same(run, alone)
    with pytest.raises(AssertionError):
        assert_same(run, replace(alone, metrics=[line | {"train_loss": 1.0} for line in alone.metrics]))


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("an error in one", ["ValueError", "process 1: bad `x`"]),
        ("of the system", ["OSError", "process 1: /data: Permission denied"]),
        ("in the first", ["ArithmeticError", "e" * hosts.LETTERS]),
        ("not the same", ["ValueError", "process 1 has other data than process 0; start every process with the same."]),
    ],
)
def test_what_happens_to_one_is_told_to_all(seen, what, error):
    first, second = seen.by
    assert first[what] == second[what] == error


def test_processes_are_of_one_mind(seen):
    first, second = seen.by
    assert first["the largest"] == second["the largest"] == [1, 0, 0.5]
    assert (first["no error"], second["no error"]) == (0, 1)
    assert (first["what the first does"], second["what the first does"]) == ([0], [])
    assert first["the same"] is second["the same"] is None


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("other options", "ValueError", "process 1 has other options than process 0"),
        (
            "no data in one",
            "ValueError",
            "process 1: data set 'digits' is not there; prepare it before, with `python -m nets prepare digits`",
        ),
        ("a folder that one does not see", "ValueError", "must be a folder that every process sees"),
        ("a loss that is lost", "NotFiniteError", "not finite at step 2"),
        ("a full disk", "OSError", "no room for a checkpoint"),
    ],
)
def test_training_that_fails_in_one_fails_in_both(seen, what, kind, words):
    for one in seen.by:
        assert one[what][0] == kind
        assert words in one[what][1]


def test_a_process_whose_first_vanishes_ends(seen):
    assert seen.codes[0] == 9
    assert seen.codes[1] not in (0, -signal.SIGKILL)  # which is what ends those that hang


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("host:1", 2, None), "`process_id` must be given, as every process needs coordinator, num_processes, process"),
        ((None, 2, 0), "`coordinator` must be given"),
        (("host", 2, 0), "`coordinator` must be HOST:PORT, where process 0 is to listen, got 'host'"),
        (("host:1", 0, 0), "`num_processes` must be 1 or more, got 0"),
        (("host:1", 2, 2), "`process_id` must be 0 to `num_processes` - 1 = 1, got 2"),
    ],
)
def test_a_place_among_processes_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        hosts.join(*options)


SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
    "CUDA_VISIBLE_DEVICES": "0,1,2,3",
}


@pytest.mark.parametrize(
    ("environment", "joined"),
    [
        ({}, None),
        (SLURM, [0, 1, 2, 3]),  # alone on its host: all of its GPUs
        (SLURM | {"SLURM_NTASKS": "8", "SLURM_STEP_TASKS_PER_NODE": "4(x2)"}, "by JAX"),
        (SLURM | {"JAX_LOCAL_DEVICE_IDS": "2"}, "by JAX"),
        (SLURM | {"SLURM_NTASKS": "1"}, None),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8"}, None),  # a batch script, before `srun`
        ({"OMPI_COMM_WORLD_SIZE": "4"}, "by JAX"),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
    ],
)
def test_a_launcher_of_several_processes_is_seen(monkeypatch, environment, joined):
    asked = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **options: asked.append(options))
    monkeypatch.setattr(hosts, "find_spec", lambda _: None)
    for name in [*SLURM, "JAX_LOCAL_DEVICE_IDS", "OMPI_COMM_WORLD_SIZE"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    hosts.join()
    assert [options["local_device_ids"] for options in asked] == (
        [] if joined is None else [None if joined == "by JAX" else joined]
    )


def test_where_a_tpu_may_be_jax_says_whether_there_are_others(monkeypatch):
    def initialize(**_):
        asked.append(True)
        raise ValueError("coordinator_address should be defined.")

    asked = []
    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setattr(hosts, "find_spec", lambda _: "libtpu")
    hosts.join()
    assert asked
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="coordinator_address"):
        hosts.join()
