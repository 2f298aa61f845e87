"""A step of an ensemble, vmapped over its members, against steps of single networks: `python -m benchmarks.ensembles`.

Prints one line per network: milliseconds per step of one network and of the ensemble, and the ratio of the ensemble
to its members in sequence (below 1, the ensemble is faster). Compilation is not timed; times are medians of five
repeats.
"""

import time
from dataclasses import replace
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np

from nets.distributed.mesh import describe_devices
from nets.training.config import TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.networks import network_of
from nets.training.optimizers import optimizer
from nets.training.step import chunk_function, image_rows

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
    """Return the milliseconds of a step, the median over repeats of ``steps`` steps."""
    rng = np.random.default_rng(0)
    total = config.batch_size * steps * (REPEATS + 1)
    images = jnp.asarray(image_rows(rng.integers(0, 256, (total, *shape), np.uint8)))
    labels = jnp.asarray(rng.integers(0, 10, total), jnp.int32)
    transform = optimizer(config, steps * (REPEATS + 1))
    module = network_of(config, shape, 10)
    chunk = chunk_function(module, transform, config, shape, steps * (REPEATS + 1))
    state = jax.block_until_ready(chunk(init_ensemble_state(config, shape, 10, transform), images, labels, steps))
    times = []
    for repeat in range(REPEATS):
        started = time.perf_counter()
        state = jax.block_until_ready(chunk(state, images, labels, (repeat + 2) * steps))
        times.append((time.perf_counter() - started) / steps)
    return 1000 * median(times)


if __name__ == "__main__":
    print(f"{MEMBERS} members on {describe_devices()}")
    for name, config, shape, steps in CASES:
        single = milliseconds(config, shape, steps)
        ensemble = milliseconds(replace(config, members=MEMBERS), shape, steps)
        print(f"{name}: {single:.2f} ms, {ensemble:.2f} ms, ratio {ensemble / (MEMBERS * single):.2f}")
