"""How long a checkpoint stops training: `python -m benchmarks.checkpoints`.

The train state of the default conv net on CIFAR-10 is saved as `nets.training.fitting` saves it: in the background
(`checkpoint_writer`), and for comparison before training goes on (`Checkpoints.save`). The state is ready before each
timing, and each save is complete before the next.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import jax
import jax.numpy as jnp

from nets.distributed.mesh import describe_devices
from nets.training.checkpoint_writer import background_writer
from nets.training.checkpoints import open_checkpoints
from nets.training.config import TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.optimizers import optimizer
from nets.training.step import TrainState

SHAPE, CLASSES, STEPS, REPEATS = (32, 32, 3), 10, 3510, 6


def timings(save: Callable[[TrainState], None], wait: Callable[[], None], state: TrainState, first_step: int) -> str:
    """Return the wall times of ``save`` and the processor times until ``wait`` returns, in words."""
    stalls, processor = [], []
    for step in range(first_step, first_step + REPEATS):
        due = jax.block_until_ready(replace(state, step=jnp.asarray(step, jnp.int32)))
        started, processor_started = time.perf_counter(), time.process_time()
        save(due)
        stalls.append(time.perf_counter() - started)
        wait()
        processor.append(time.process_time() - processor_started)
    stall, least = 1000 * median(stalls), 1000 * min(stalls)
    return f"training stops for {stall:.0f} ms (at least {least:.0f}); {1000 * min(processor):.0f} ms of processor time"


def main() -> None:
    """Print both timings."""
    config = TrainConfig()
    state = init_ensemble_state(config, SHAPE, CLASSES, optimizer(config, STEPS))
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    print(f"{describe_devices()}, {size / 1e6:.0f} MB, medians of {REPEATS} saves")
    with tempfile.TemporaryDirectory() as folder, open_checkpoints(Path(folder) / "checkpoints") as checkpoints:
        print("before:    ", timings(lambda due: checkpoints.save(due, []), lambda: None, state, 1))
        with background_writer(checkpoints, -1, every_one=True) as writer:
            print("background:", timings(lambda due: writer.save(due, []), writer.wait, state, 1 + REPEATS))


if __name__ == "__main__":
    main()
