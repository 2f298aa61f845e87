"""What data parallel training should do on 8 GPUs and on 64 hosts, by a cost model: `python -m benchmarks.scaling`.

Each of p devices computes the gradient of its share of a batch, all gradients are added up in one all-reduce, and each
device updates its own copy of the parameters (`nets.training.step`). A step of b images a device takes

    T(b, p) = t_0 + b t_1 + 2 log2(p) alpha + 2 (p - 1)/p 4 P / beta        seconds

with t_0 what does not depend on the batch (above all the update of P parameters of 4 bytes), t_1 an image, alpha the
latency and beta the bytes a second of the slowest link. The last two terms are the best known all-reduce, that of
Rabenseifner (Thakur, Rabenseifner & Gropp 2005, "Optimization of collective communication operations in MPICH", section
4.5; its additions are cheap and left out). The model is pessimistic in that nothing overlaps, and optimistic in that no
device is ever late. Data cost no step anything, for every device has all of them from the start: S bytes are read once
by each host and copied once to each device, in S / read + S / copy seconds.

t_0 and t_1 of the device at hand are measured, by steps of 8 and 128 images. Where there are several, in one process or
in more by --coordinator, alpha and beta between them are measured too, and the steps that the model predicts. Those of
a GPU are assumed, from the data sheet of an H100: no GPU was measured.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh, PartitionSpec

from nets.distributed import mesh as devices
from nets.distributed import processes as hosts
from nets.training.config import Model, TrainConfig
from nets.training.ensemble import initial_states
from nets.training.optimizers import optimizer
from nets.training.step import WHOLE, build, chunk_function, lay_out

BATCH = 128
SHAPE = (32, 32, 3)
CIFAR10 = 60_000 * (32 * 32 * 3 + 4)
"""Bytes of CIFAR-10: images and labels."""
FLOP_AN_IMAGE: dict[Model, float] = {"mlp": 18.3e6, "conv": 72e6}
"""Operations an image trained takes in matrix products, forward and backward."""


@dataclass(frozen=True)
class Compute:
    """How long a step takes on one device: ``a_step`` + images ``an_image`` seconds."""

    a_step: float
    an_image: float


@dataclass(frozen=True)
class Link:
    """What connects the devices: ``latency`` alpha in seconds, ``bandwidth`` beta in bytes a second each way."""

    latency: float
    bandwidth: float


NVLINK = Link(5e-6, 450e9)
"""H100 SXM data sheet: 900 GB/s both ways together."""
INFINIBAND = Link(10e-6, 50e9)
"""400 Gb/s a GPU."""
ETHERNET = Link(50e-6, 25e9 / 8)
"""25 Gb/s a host."""
READ, COPY = 1e9, 25e9
"""Bytes a second assumed for a disk, or a file system over a network, and for PCIe 5.0 x16 in practice."""


def all_reduce_seconds(parameters: int, p: int, link: Link) -> float:
    """Return how long it takes to add up ``parameters`` float32 numbers of each of ``p`` devices, everywhere."""
    return 2 * math.log2(p) * link.latency + 2 * (p - 1) / p * 4 * parameters / link.bandwidth


def step_seconds(batch: float, p: int, compute: Compute, parameters: int, link: Link) -> float:
    """Return how long a step with ``batch`` images takes on ``p`` devices that share them."""
    return compute.a_step + batch / p * compute.an_image + all_reduce_seconds(parameters, p, link)


def images_per_second(batch: float, p: int, compute: Compute, parameters: int, link: Link) -> float:
    """Return how many images ``p`` devices train on in a second."""
    return batch / step_seconds(batch, p, compute, parameters, link)


def start_seconds(size: int) -> float:
    """Return how long it takes until ``size`` bytes of data, read by each host, are on each device."""
    return size / READ + size / COPY


def line_through(few: tuple[int, float], many: tuple[int, float]) -> Compute:
    """Return the line through two measured steps, each (images, seconds)."""
    an_image = (many[1] - few[1]) / (many[0] - few[0])
    return Compute(a_step=few[1] - few[0] * an_image, an_image=an_image)


def gpu(model: Model, parameters: int) -> Compute:
    """Return what is assumed of an H100 SXM.

    Products at a fifth of the 495 TFLOP/s of its dense TF32; the update by AdamW reads and writes 7 numbers a parameter
    at 3.35 TB/s; and 50 kernels of a step are started in 3 microseconds each.
    """
    update = 7 * 4 * parameters / 3.35e12
    return Compute(a_step=update + 50 * 3e-6, an_image=FLOP_AN_IMAGE[model] / (0.2 * 495e12))


def measured_seconds(config: TrainConfig, repeats: int, mesh: Mesh | None = None) -> tuple[float, int]:
    """Return the median time of a step on one device, or on ``mesh``, and how many parameters there are."""
    steps = max(2, round(512 / config.batch_size))
    total = steps * config.batch_size
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (total, *SHAPE), np.uint8)
    labels = rng.integers(0, 10, total).astype(np.int32)
    update = optimizer(config, steps * (repeats + 1))
    chunk = chunk_function(nnx.graphdef(build(config, SHAPE, 10)), update, config, steps, mesh)
    state = initial_states(config, SHAPE, 10, update)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    if mesh is None:
        images, labels = jax.device_put((images, labels))
    else:
        images, labels = devices.put((images, labels), mesh, WHOLE)
        state = lay_out(state, config.members, mesh)
    return median_seconds(
        lambda state, n: chunk(state, images, labels, (n + 1) * steps), state, repeats
    ) / steps, parameters


def median_seconds(work: Callable[[Any, int], Any], start: Any, repeats: int) -> float:
    """Return the median time of ``value = work(value, n)`` for n = 1, 2, ..., after n = 0, which compiles."""
    value, times = jax.block_until_ready(work(start, 0)), []
    for repeat in range(repeats):
        started = time.perf_counter()
        value = jax.block_until_ready(work(value, repeat + 1))
        times.append(time.perf_counter() - started)
    return median(times)


def measured_link(mesh: Mesh, numbers: int, repeats: int) -> Link:
    """Return the link between the devices of a mesh, by all-reduces of one number and of so many on each device."""
    spec = PartitionSpec(devices.BATCH)

    def add_up(x: jax.Array) -> jax.Array:
        return jax.lax.pcast(jax.lax.psum(x, devices.BATCH), devices.BATCH, to="varying")

    add_up = jax.jit(jax.shard_map(add_up, mesh=mesh, in_specs=spec, out_specs=spec))
    few, many = (
        median_seconds(lambda x, _: add_up(x), devices.put(np.zeros((mesh.size, n), "f"), mesh, spec), repeats)
        for n in [1, numbers]
    )
    p = mesh.size
    return Link(few / (2 * math.log2(p)), 2 * (p - 1) / p * 4 * numbers / (many - few))


def main(repeats: int) -> None:
    """Measure the devices at hand, and print the tables of benchmarks/README.md."""
    say = print if hosts.is_first() else lambda *_: None
    say(f"One device, {devices.description()}, median of {repeats} repeats; AdamW, float32:\n")
    say("| network | parameters | step of 8 | of 128 | of 32 | of 32 by the line | images/s at 128 |")
    say("| --- | --- | --- | --- | --- | --- | --- |")
    computes: dict[Model, tuple[Compute, int]] = {}
    for model in FLOP_AN_IMAGE:
        seconds, parameters = {}, 0
        for batch in [8, 32, BATCH]:
            seconds[batch], parameters = measured_seconds(TrainConfig(model=model, batch_size=batch), repeats)
        here = line_through((8, seconds[8]), (BATCH, seconds[BATCH]))
        computes[model] = (here, parameters)
        cells = [seconds[8], seconds[BATCH], seconds[32], here.a_step + 32 * here.an_image]
        ms = " | ".join(f"{1000 * cell:.1f} ms" for cell in cells)
        say(f"| {model} | {parameters:,} | {ms} | {BATCH / seconds[BATCH]:,.0f} |")
    if jax.device_count() > 1:
        mesh = devices.make(jax.local_device_count(), 1, BATCH)
        link = measured_link(mesh, 4_000_000, repeats)
        between = f"alpha {1e6 * link.latency:.0f} us, beta {link.bandwidth / 1e9:.2f} GB/s"
        say(f"\nShared by {devices.description(mesh)}, {between}:\n")
        say("| network | batch | step predicted | measured | speed, one device being 1 |")
        say("| --- | --- | --- | --- | --- |")
        for model, (here, parameters) in computes.items():
            for batch in [BATCH, BATCH * mesh.size]:
                predicted = step_seconds(batch, mesh.size, here, parameters, link)
                measured, _ = measured_seconds(TrainConfig(model=model, batch_size=batch), repeats, mesh)
                speed = batch / measured / images_per_second(BATCH, 1, here, parameters, link)
                say(f"| {model} | {batch} | {1000 * predicted:.1f} ms | {1000 * measured:.1f} ms | {speed:.2f} |")
    for line in predictions(computes):
        say(line)


def predictions(computes: dict[Model, tuple[Compute, int]]) -> Iterator[str]:
    """Yield the lines of the table of what 8 GPUs and 64 hosts should do."""
    yield f"\nPredicted, with a batch of {BATCH} in all, and of {BATCH} a device:\n"
    yield "| network | devices | one | all-reduce | shared batch: images/s | ratio | a batch each: images/s | ratio |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for model, (here, parameters) in computes.items():
        for name, p, link, compute in [
            ("8 GPUs, NVLink", 8, NVLINK, gpu(model, parameters)),
            ("64 hosts of 8 GPUs, 400 Gb/s each", 512, INFINIBAND, gpu(model, parameters)),
            ("8 hosts like this, 25 Gb/s", 8, ETHERNET, here),
            ("64 hosts like this, 25 Gb/s", 64, ETHERNET, here),
        ]:
            one = images_per_second(BATCH, 1, compute, parameters, link)
            cells = [f"{one:,.0f}", f"{1000 * all_reduce_seconds(parameters, p, link):.2f} ms"]
            for batch in [BATCH, BATCH * p]:
                speed = images_per_second(batch, p, compute, parameters, link)
                cells += [f"{speed:,.0f}", f"{speed / one:.1f}"] if batch >= p else ["fewer images than devices", "-"]
            yield f"| {model} | {name} | {' | '.join(cells)} |"
    yield f"\nBefore the first step: {start_seconds(CIFAR10):.2f} s for CIFAR-10 to be read and copied to each device."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="timings of each step, of which the median is taken")
    parser.add_argument("--coordinator", help="HOST:PORT of process 0, as of `python -m nets train`")
    parser.add_argument("--num-processes", type=int)
    parser.add_argument("--process-id", type=int)
    options = parser.parse_args()
    hosts.join(options.coordinator, options.num_processes, options.process_id)
    main(options.repeats)
