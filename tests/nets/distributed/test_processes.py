"""Two processes on the loopback train as one process does, and an error in one stops both."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import requests

from nets.distributed import processes
from nets.distributed.processes import initialize_processes
from nets.training import runs
from nets.training.fitting import fit
from tests.nets.distributed.two_process_worker import RUN
from tests.tolerances import SHARED_OUT

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")

ROOT = Path(__file__).parents[3]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def assert_same(run, reference):
    for actual, expected in zip(run.metrics, reference.metrics, strict=True):
        for name in expected.keys() - {"seconds", "images_per_second"}:
            np.testing.assert_allclose(actual[name], expected[name], rtol=SHARED_OUT)
    for actual, expected in zip(jax.tree.leaves(run.params), jax.tree.leaves(reference.params), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=SHARED_OUT, atol=SHARED_OUT)
    for name, expected in reference.predictions.items():
        if name.endswith("logits"):
            np.testing.assert_allclose(run.predictions[name], expected, rtol=SHARED_OUT, atol=SHARED_OUT)


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Results and exit codes of two processes, and their folder."""
    folder = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "tests.nets.distributed.two_process_worker", str(free_port()), str(folder)]
    environment = os.environ | {"JAX_NUMPY_RANK_PROMOTION": "allow"}
    completed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    outcome = json.loads(completed.stdout.splitlines()[-1])  # Gloo writes there too
    assert len(outcome["results"]) == 2, completed.stderr
    return SimpleNamespace(**outcome, folder=folder)


def test_a_signal_to_one_process_saves_and_stops_both_and_one_process_resumes(workers, tmp_path):
    (first_code, first_err), (second_code, second_err) = (result["signal"] for result in workers.results)
    assert (first_code, second_code) == (130, 130), (first_err, second_err)
    for err in [first_err, second_err]:
        assert err.splitlines()[-1].endswith("--resume continues from there")
    assert "epoch 1" in first_err
    assert "epoch" not in second_err  # only the first process reports progress
    stopped = runs.load_run(workers.folder / "stopped")
    assert len(list((stopped.folder / "checkpoints").iterdir())) == 1
    assert 1 <= len(stopped.metrics) < 10
    assert stopped.params["logits"]["kernel"].shape == (2, 10, 16)  # restored here, from one member on each process
    config = stopped.config
    assert_same(fit(config, resume=True), fit(replace(config, run_dir=tmp_path / "reference")))


def test_two_processes_train_as_one(workers, tmp_path):
    run, reference = runs.load_run(workers.folder / "finished"), fit(replace(RUN, run_dir=tmp_path / "reference"))
    assert run.provenance["device"].endswith("as 2 devices in 2 processes")
    assert [result["own GPU"] for result in workers.results] == ["0", "1"]
    assert_same(run, reference)
    with pytest.raises(AssertionError):
        assert_same(run, replace(reference, metrics=[line | {"train_loss": 1.0} for line in reference.metrics]))


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("an error in one", ["ValueError", "process 1: bad `x`"]),
        ("an OSError in one", ["OSError", "process 1: /data: Permission denied"]),
        ("an error in the first", ["ArithmeticError", "e" * processes.MESSAGE_BYTES]),
        ("not equal", ["ValueError", "process 1 has other data than process 0; start every process with the same."]),
    ],
)
def test_an_error_in_one_process_is_raised_in_all(workers, case, error):
    first, second = workers.results
    assert first[case] == second[case] == error


def test_processes_agree(workers):
    first, second = workers.results
    assert first["maximum"] == second["maximum"] == [1, 0, 0.5]
    assert (first["no error"], second["no error"]) == (0, 1)
    assert (first["calls on the first"], second["calls on the first"]) == ([0], [])
    assert first["equal"] is second["equal"] is None


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("other options", "ValueError", "process 1 has other options than process 0"),
        (
            "no data in one",
            "ValueError",
            "process 1: data set 'digits' is not prepared; prepare it first with `python -m nets prepare digits`",
        ),
        ("a folder of each process", "ValueError", "must be a folder on a file system that all processes share"),
        ("a loss that is not finite", "NonFiniteLossError", "not finite at step 2"),
        ("a full disk", "OSError", "no disk space for a checkpoint"),
    ],
)
def test_training_that_fails_in_one_process_fails_in_both(workers, case, kind, message):
    for result in workers.results:
        assert result[case][0] == kind
        assert message in result[case][1]


def test_a_process_ends_if_the_first_dies(workers):
    assert workers.codes[0] == 9
    assert workers.codes[1] not in (0, -signal.SIGKILL)  # a hanging process is killed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("host:1", 2, None), "`process_id` must be set, as every process needs coordinator, num_processes, process"),
        ((None, 2, 0), "`coordinator` must be set"),
        (("host", 2, 0), "`coordinator` must be HOST:PORT of process 0, a port of 1 to 65535, got 'host'"),
        (("host:0", 2, 0), "`coordinator` must be HOST:PORT of process 0, a port of 1 to 65535, got 'host:0'"),
        (("host:99999", 2, 0), "`coordinator` must be HOST:PORT"),
        (("host:²", 2, 0), "`coordinator` must be HOST:PORT"),
        (("host:1", 0, 0), "`num_processes` must be 1 or more, got 0"),
        (("host:1", 2, 2), "`process_id` must be 0 to `num_processes` - 1 = 1, got 2"),
    ],
)
def test_an_invalid_process_address_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        initialize_processes(*options)


SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
    "CUDA_VISIBLE_DEVICES": "0,1,2,3",
}


@pytest.mark.parametrize(
    ("environment", "device_ids"),
    [
        ({}, None),
        (SLURM, [0, 1, 2, 3]),  # alone on its host: all GPUs
        (SLURM | {"SLURM_NTASKS": "8", "SLURM_STEP_TASKS_PER_NODE": "4(x2)"}, "by JAX"),
        (SLURM | {"JAX_LOCAL_DEVICE_IDS": "2"}, "by JAX"),
        (SLURM | {"SLURM_NTASKS": "1"}, None),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8"}, None),  # a batch script, before `srun`
        ({"OMPI_COMM_WORLD_SIZE": "4"}, "by JAX"),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
    ],
)
def test_a_launcher_of_several_processes_is_detected(monkeypatch, environment, device_ids):
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **options: calls.append(options))
    monkeypatch.setattr(processes, "find_spec", lambda _: None)
    for name in [*SLURM, "JAX_LOCAL_DEVICE_IDS", "OMPI_COMM_WORLD_SIZE"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    initialize_processes()
    assert [options["local_device_ids"] for options in calls] == (
        [] if device_ids is None else [None if device_ids == "by JAX" else device_ids]
    )


def test_on_a_possible_tpu_jax_detects_other_processes(monkeypatch):
    def initialize(**_):
        calls.append(True)
        raise ValueError("coordinator_address should be defined.")

    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setattr(processes, "find_spec", lambda _: "libtpu")
    initialize_processes()
    assert calls
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="coordinator_address"):
        initialize_processes()


def test_a_tpu_host_without_a_metadata_server_trains_alone_and_says_so(monkeypatch, caplog):
    def initialize(**_):
        raise requests.ConnectionError("Failed to resolve 'metadata.google.internal'")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setattr(processes, "find_spec", lambda _: "libtpu")
    initialize_processes()
    assert "no metadata server" in caplog.text
    assert "it trains alone. On several, pass --coordinator" in caplog.text
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(requests.ConnectionError):
        initialize_processes()


class Client:
    """The key-value store of connected processes."""

    def __init__(self, values):
        self.values = values

    def key_value_set(self, key, value):
        self.values[key.rpartition("/")[2]] = value

    def blocking_key_value_get(self, key, _):
        return self.values[key.rpartition("/")[2]]


@pytest.mark.parametrize(
    ("process_id", "visible", "other_hosts", "own"),
    [
        (0, None, {}, "0"),
        (1, None, {}, "1"),
        (2, "0,1", {"0": "another boot 0,1"}, "1"),
        (1, "0,1", {"0": "another boot 0,1", "2": "another boot 0,1"}, "all"),  # alone on its host
    ],
)
def test_processes_that_see_the_same_gpus_take_one_each(monkeypatch, process_id, visible, other_hosts, own):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    client = Client({})
    monkeypatch.setattr(processes.distributed, "global_state", SimpleNamespace(client=client))
    updates = {}
    monkeypatch.setattr(jax.config, "update", updates.__setitem__)
    processes._take_own_gpu(0, 1)
    assert not updates  # alone
    (here,) = client.values.values()
    client.values |= {"0": here, "1": here, "2": here} | other_hosts
    processes._take_own_gpu(process_id, 3)
    assert updates.get("jax_cuda_visible_devices", "all") == own
