"""Worker of `test_processes`: one of two processes, with errors in one of them.

`python -m tests.nets.distributed.two_process_worker PORT PROCESS FOLDER` prints its results as JSON. Then process 0
dies.
"""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from nets.data.datasets import load
from nets.data.tfds_folder import NotPreparedError
from nets.distributed import processes
from nets.distributed.processes import (
    initialize_processes,
    max_over_processes,
    on_all_processes,
    on_first_process,
    require_equal,
)
from nets.training import fitting
from nets.training.fitting import fit
from tests.nets.training.digits import CONFIG

RUN = replace(CONFIG, hidden=(16,), epochs=2)


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


def main(port, process_id, folder):
    processes.HEARTBEAT_TIMEOUT = 10
    initialize_processes(f"127.0.0.1:{port}", 2, process_id)
    calls = []
    results = {
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
    sys.stdout.write(json.dumps(results))
    sys.stdout.flush()
    if process_id == 0:
        os._exit(9)
    max_over_processes(0.0)  # waits for process 0, which is dead


def without_data_in_one(config, process_id):
    def load_or_fail(*arguments):
        fail(NotPreparedError("data set 'digits' is not prepared"), 1, process_id)
        return load(*arguments)

    fitting.load = load_or_fail
    try:
        return fit(config)
    finally:
        fitting.load = load


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
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
