"""What one of two processes sees of what happens to the other, for `test_hosts`.

`python -m tests.nets.distributed.in_two_processes PORT PROCESS FOLDER` prints it as JSON; then process 0 vanishes.
"""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from nets.data import datasets as data
from nets.data.tfds_folder import NotPreparedError
from nets.distributed import processes as hosts
from nets.training import fitting as train
from nets.training.fitting import fit
from tests.nets.training.trained import CONFIG

RUN = replace(CONFIG, hidden=(16,), epochs=2)


def tried(work):
    """Return what ``work`` returned, or the kind of error it raised and its words."""
    try:
        return work()
    except (ValueError, OSError, ArithmeticError) as error:
        return [type(error).__name__, str(getattr(error, "strerror", None) or error)]


def fail(error, process, mine):
    """Raise ``error`` in one of the processes."""
    if mine == process:
        raise error


def main(port, mine, folder):
    hosts.SECONDS_UNTIL_LOST = 10
    hosts.join(f"127.0.0.1:{port}", 2, mine)
    begun = []
    seen = {
        "the largest": tried(lambda: hosts.largest(mine, -mine, 0.5)),
        "no error": tried(lambda: hosts.together(lambda: mine)),
        "an error in one": tried(lambda: hosts.together(lambda: fail(ValueError("bad `x`"), 1, mine))),
        "of the system": tried(
            lambda: hosts.together(lambda: fail(PermissionError(13, "Permission denied", "/data"), 1, mine))
        ),
        "in the first": tried(lambda: hosts.first(lambda: fail(ArithmeticError("e" * 5000), 0, mine))),
        "what the first does": tried(lambda: hosts.first(lambda: begun.append(mine))) or begun,
        "the same": tried(lambda: hosts.require_same("data", "abc")),
        "not the same": tried(lambda: hosts.require_same("data", f"abc{mine}")),
    }

    fit(replace(RUN, run_dir=folder / "whole"))
    small = replace(RUN, epochs=1, run_dir=folder / "run")
    seen |= {
        "other options": tried(lambda: fit(replace(small, seed=mine))),
        "no data in one": tried(lambda: without_data_in_one(small, mine)),
        "a folder that one does not see": tried(lambda: in_a_folder_of_its_own(small, mine, folder)),
        "a loss that is lost": tried(
            lambda: fit(replace(small, optimizer="sgd", schedule="constant", learning_rate=1e30))
        ),
        "a full disk": tried(lambda: on_a_full_disk(small, mine)),
    }
    sys.stdout.write(json.dumps(seen))
    sys.stdout.flush()
    if mine == 0:
        os._exit(9)
    hosts.largest(0.0)  # waits for process 0, in vain


def without_data_in_one(config, mine):
    def load(*arguments):
        fail(NotPreparedError("data set 'digits' is not there"), 1, mine)
        return data.load(*arguments)

    train.load = load
    try:
        return fit(config)
    finally:
        train.load = data.load


def in_a_folder_of_its_own(config, mine, folder):
    own = folder / f"host{mine}"
    own.mkdir()
    os.chdir(own)
    return fit(replace(config, run_dir=Path("run")))


def on_a_full_disk(config, mine):
    usage = shutil.disk_usage
    if mine == 0:
        shutil.disk_usage = lambda _: SimpleNamespace(free=1000)
    try:
        return fit(config)
    finally:
        shutil.disk_usage = usage


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
