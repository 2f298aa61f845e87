"""Worker of `test_processes`: two processes, with a signal and errors in one of them.

`python -m tests.nets.distributed.two_process_worker PORT FOLDER` prints the results of both and their exit codes, as
JSON. At last process 0 dies.
"""

import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from jax._src import xla_bridge

import nets.__main__
from nets.data.datasets import load
from nets.data.tfds_folder import NotPreparedError
from nets.distributed import processes
from nets.distributed.processes import max_over_processes, on_all_processes, on_first_process, require_equal
from nets.training import task
from nets.training.fitting import fit
from tests.nets.training.digits import CONFIG

RUN = replace(CONFIG, hidden=(16,), epochs=2)
TIMEOUT = 200
"""Seconds after which processes count as hanging."""


def result_or_error(function):
    """Return the result of ``function``, or the type and the message of its error."""
    try:
        return function()
    except (ValueError, OSError, ArithmeticError) as error:
        return [type(error).__name__, str(getattr(error, "strerror", None) or error)]


def fail(error, process, process_id):
    """Raise ``error`` in one of the processes."""
    if process_id == process:
        raise error


def stopped_by_a_signal(process_id, port, folder):
    """Train by command, with a signal to process 1 after an epoch; return the exit code and the standard error."""
    describe_epoch = nets.__main__._describe_epoch

    def interrupt(metrics, epochs):
        if process_id == 1:
            signal.raise_signal(signal.SIGTERM)
        return describe_epoch(metrics, epochs)

    nets.__main__._describe_epoch = interrupt
    options = ["--dataset", "digits", "--model", "mlp", "--hidden", *map(str, RUN.hidden), "--members", "2"]
    options += ["--batch-size", str(RUN.batch_size), "--learning-rate", str(RUN.learning_rate), "--epochs", "10"]
    options += ["--checkpoint-every", "1000", "--run-dir", str(folder / "stopped")]
    processes_options = ["--coordinator", f"127.0.0.1:{port}", "--num-processes", "2", "--process-id", str(process_id)]
    with redirect_stderr(io.StringIO()) as err:
        code = nets.__main__.main(["train", *options, *processes_options])
    return code, err.getvalue()


def main(port, process_id, folder):
    processes.HEARTBEAT_TIMEOUT = 10
    calls = []
    results = {
        "signal": stopped_by_a_signal(process_id, port, folder),
        "own GPU": xla_bridge.CUDA_VISIBLE_DEVICES.value,
        "maximum": result_or_error(lambda: max_over_processes(process_id, -process_id, 0.5)),
        "no error": result_or_error(lambda: on_all_processes(lambda: process_id)),
        "an error in one": result_or_error(
            lambda: on_all_processes(lambda: fail(ValueError("bad `x`"), 1, process_id))
        ),
        "an OSError in one": result_or_error(
            lambda: on_all_processes(lambda: fail(PermissionError(13, "Permission denied", "/data"), 1, process_id))
        ),
        "an error in the first": result_or_error(
            lambda: on_first_process(lambda: fail(ArithmeticError("e" * 5000), 0, process_id))
        ),
        "calls on the first": result_or_error(lambda: on_first_process(lambda: calls.append(process_id))) or calls,
        "equal": result_or_error(lambda: require_equal("data", "abc")),
        "not equal": result_or_error(lambda: require_equal("data", f"abc{process_id}")),
    }

    fit(replace(RUN, run_dir=folder / "finished"))
    small = replace(RUN, epochs=1, run_dir=folder / "run")
    results |= {
        "other options": result_or_error(lambda: fit(replace(small, seed=process_id))),
        "no data in one": result_or_error(lambda: without_data_in_one(small, process_id)),
        "a folder of each process": result_or_error(lambda: in_separate_folders(small, process_id, folder)),
        "a loss that is not finite": result_or_error(
            lambda: fit(replace(small, optimizer="sgd", schedule="constant", learning_rate=1e30))
        ),
        "a full disk": result_or_error(lambda: on_a_full_disk(small, process_id)),
    }
    (folder / f"results{process_id}.json").write_text(json.dumps(results))
    if process_id == 0:
        os._exit(9)
    max_over_processes(0.0)  # waits for process 0, which is dead


def without_data_in_one(config, process_id):
    def load_or_fail(*arguments):
        fail(NotPreparedError("data set 'digits' is not prepared"), 1, process_id)
        return load(*arguments)

    task.load = load_or_fail
    try:
        return fit(config)
    finally:
        task.load = load


def in_separate_folders(config, process_id, folder):
    host_folder = folder / f"host{process_id}"
    host_folder.mkdir()
    os.chdir(host_folder)
    return fit(replace(config, run_dir=Path("run")))


def on_a_full_disk(config, process_id):
    usage = shutil.disk_usage
    if process_id == 0:
        shutil.disk_usage = lambda _: SimpleNamespace(free=1000)
    try:
        return fit(config)
    finally:
        shutil.disk_usage = usage


if __name__ == "__main__":
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    fork = multiprocessing.get_context("fork")  # JAX has not started, and is imported once
    workers = [fork.Process(target=main, args=(port, process_id, folder)) for process_id in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIMEOUT)
        worker.kill()
        worker.join()
    files = [folder / f"results{process_id}.json" for process_id in range(2)]
    results = [json.loads(file.read_text()) for file in files if file.exists()]
    sys.stdout.write(json.dumps({"results": results, "codes": [worker.exitcode for worker in workers]}))
