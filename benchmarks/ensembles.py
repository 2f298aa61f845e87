"""An ensemble's step, vmapped over its members, against as many steps of one network: `python -m benchmarks.ensembles`.

Prints a line a network: milliseconds a step of one, of the ensemble, and the ensemble's over that of its members one
after another (below 1, side by side is faster). Compilation is not timed; the median of five repeats is shown.
"""

import time
from dataclasses import replace
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nets.distributed import mesh as devices
from nets.training.config import TrainConfig
from nets.training.ensemble import initial_states
from nets.training.optimizers import optimizer
from nets.training.step import build, chunk_function

MEMBERS, REPEATS = 5, 5
DIGITS = TrainConfig(dataset="digits", hidden=(64,), batch_size=32)
CIFAR10 = TrainConfig(dataset="cifar10")
CASES = [
    ("mlp, 8 x 8 digits", replace(DIGITS, model="mlp"), (8, 8, 1), 40),
    ("conv, 8 x 8 digits", replace(DIGITS, model="conv"), (8, 8, 1), 40),
    ("mlp, CIFAR-10", replace(CIFAR10, model="mlp"), (32, 32, 3), 10),
    ("conv, CIFAR-10", replace(CIFAR10, model="conv"), (32, 32, 3), 4),
]


def milliseconds(config: TrainConfig, shape: tuple[int, int, int], steps: int) -> float:
    """Return how long a step takes, the median of repeats of ``steps`` steps."""
    rng = np.random.default_rng(0)
    total = config.batch_size * steps * (REPEATS + 1)
    images = jnp.asarray(rng.integers(0, 256, (total, *shape), np.uint8))
    labels = jnp.asarray(rng.integers(0, 10, total), jnp.int32)
    update = optimizer(config, steps * (REPEATS + 1))
    chunk = chunk_function(nnx.graphdef(build(config, shape, 10)), update, config, steps * (REPEATS + 1))
    state = jax.block_until_ready(chunk(initial_states(config, shape, 10, update), images, labels, steps))
    times = []
    for repeat in range(REPEATS):
        started = time.perf_counter()
        state = jax.block_until_ready(chunk(state, images, labels, (repeat + 2) * steps))
        times.append((time.perf_counter() - started) / steps)
    return 1000 * median(times)


if __name__ == "__main__":
    print(f"{MEMBERS} members on {devices.description()}")
    for name, config, shape, steps in CASES:
        one = milliseconds(config, shape, steps)
        together = milliseconds(replace(config, members=MEMBERS), shape, steps)
        print(f"{name}: {one:.2f} ms, {together:.2f} ms, ratio {together / (MEMBERS * one):.2f}")
