"""Worker of `test_kill`: trains one run for each place in the program, where it is killed.

`python -m tests.nets.training.kill_worker FOLDER PLACE ...` trains the runs FOLDER/PLACE, each in a fork of this
process, and fails unless all are killed.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp

from nets.training import fitting
from nets.training.checkpoint_writer import CheckpointWriter
from nets.training.checkpoints import Checkpoints
from tests.nets.training.digits import CONFIG

STEPS_AN_EPOCH = 1294 // 32


def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def in_a_chunk(number):
    """Return a `chunk_function` whose chunk ``number``, from 1 on, is started and not finished."""
    chunk_function = fitting.chunk_function

    def killed_chunk_function(*arguments):
        chunk, numbers = chunk_function(*arguments), iter(range(1, 10**6))

        def killed_chunk(*arguments):
            state = chunk(*arguments)
            if next(numbers) == number:
                kill()
            return state

        return killed_chunk

    return killed_chunk_function


def in_a_chunk_after_checkpoints(number):
    """Kill the process in chunk ``number``, when all checkpoints before it are written."""
    save = CheckpointWriter.save
    CheckpointWriter.save = lambda self, *arguments: (save(self, *arguments), self.wait())
    fitting.chunk_function = in_a_chunk(number)


def in_a_chunk_while_a_checkpoint_is_written():
    """Kill the process in the third epoch, while the checkpoint of the second is between its files."""
    finalize, chunk_function = ocp.StandardCheckpointHandler.finalize, fitting.chunk_function
    writing = threading.Event()

    def pause(*_):
        writing.set()
        time.sleep(1000)

    def killed_chunk_function(*arguments):
        chunk = chunk_function(*arguments)

        def killed_chunk(state, images, labels, stop):
            state = chunk(state, images, labels, stop)
            if stop > 2 * STEPS_AN_EPOCH:
                writing.wait()
                kill()
            return state

        return killed_chunk

    ocp.StandardCheckpointHandler.finalize = after(1, finalize, pause)
    fitting.chunk_function = killed_chunk_function


def after_one_array(file, **arrays):
    """As `np.savez` that is interrupted."""
    np.save(file, arrays["train_logits"])
    file.flush()
    kill()


def after(count, function, then=kill):
    """Return ``function``, whose call after ``count`` calls is one of ``then``, which kills the process."""
    calls = iter(range(10**6))
    return lambda *arguments: (then if next(calls) == count else function)(*arguments)


PLACES = {
    "before the first checkpoint": lambda: setattr(fitting, "chunk_function", in_a_chunk(3)),
    "in a chunk after a checkpoint within the epoch": lambda: in_a_chunk_after_checkpoints(4),
    "between the metrics and the checkpoint of an epoch": lambda: setattr(
        Checkpoints, "save", after(1, Checkpoints.save)
    ),
    "between files of the first checkpoint": lambda: setattr(ocp.StandardCheckpointHandler, "finalize", kill),
    "between files of a checkpoint": lambda: setattr(
        ocp.StandardCheckpointHandler, "finalize", after(1, ocp.StandardCheckpointHandler.finalize)
    ),
    "in a chunk, while a checkpoint is written": in_a_chunk_while_a_checkpoint_is_written,
    "before the files of a checkpoint are renamed": lambda: setattr(
        ocp.path.atomicity.AtomicRenameTemporaryPath, "finalize", kill
    ),
    "in the predictions": lambda: setattr(np, "savez", after_one_array),
}
WITHIN_AN_EPOCH = "in a chunk after a checkpoint within the epoch"


def train(folder, place):
    fitting.SECONDS_PER_CHUNK = 1e6  # a slow machine would have smaller chunks
    PLACES[place]()
    fitting.fit(replace(CONFIG, run_dir=folder / place, checkpoint_minutes=0 if place == WITHIN_AN_EPOCH else 5))


if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")  # JAX has not started, and is imported once
    processes = {place: fork.Process(target=train, args=(Path(sys.argv[1]), place)) for place in sys.argv[2:]}
    for process in processes.values():
        process.start()
        process.join()
    survived = [place for place, process in processes.items() if process.exitcode != -signal.SIGKILL]
    if survived:
        sys.exit(f"not killed: {', '.join(survived)}")
