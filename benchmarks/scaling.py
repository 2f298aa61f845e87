"""Data parallel training on 8 GPUs and on 64 hosts, predicted by a cost model: `python -m benchmarks.scaling`.

Each of p devices computes the gradient on its shard of a batch, one all-reduce sums the gradients, and each device
updates its own copy of the parameters (`nets.training.step`). A step with b images per device takes

    T(b, p) = t_0 + b t_1 + 2 log2(p) alpha + 2 (p - 1)/p 4 P / beta        seconds

t_0 is the time that does not depend on the batch (mainly the update of P parameters of 4 bytes), t_1 the time per
image, alpha the latency and beta the bandwidth in bytes a second of the slowest link. The last two terms are the
all-reduce of Rabenseifner (Thakur, Rabenseifner & Gropp 2005, "Optimization of collective communication operations in
MPICH", section 4.5; its additions are cheap and left out). The model is pessimistic because nothing overlaps, and
optimistic because no device is late. Steps need no data transfer, since every device has the full data set: S bytes are
read once by each host and copied once to each device, in S / read + S / copy seconds.

t_0 and t_1 of the local device are measured, by steps of 8 and 128 images. With several devices, in one process or with
--coordinator in several, alpha, beta and the predicted steps are measured too. The numbers of a GPU are assumptions
from the data sheet of an H100: no GPU was measured.
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
from jax.sharding import Mesh, PartitionSpec

from closedform.provenance import cpu_instruction_sets
from nets.distributed.mesh import BATCH_AXIS, REPLICATED, describe_devices, make_mesh, shard
from nets.distributed.processes import initialize_processes, is_first_process
from nets.training.config import Model, TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.networks import network_of
from nets.training.optimizers import optimizer
from nets.training.step import chunk_function, image_rows, shard_state

BATCH = 128
SHAPE = (32, 32, 3)
CIFAR10 = 60_000 * (32 * 32 * 3 + 4)
"""Bytes of CIFAR-10: images and labels."""
FLOP_PER_IMAGE: dict[Model, float] = {"mlp": 18.3e6, "conv": 72e6}
"""Floating point operations per training image in matrix products, forward and backward."""


@dataclass(frozen=True)
class ComputeTime:
    """Time of a step on one device: ``per_step`` + images ``per_image`` seconds."""

    per_step: float
    per_image: float


@dataclass(frozen=True)
class Link:
    """A link between devices: ``latency`` alpha in seconds, ``bandwidth`` beta in bytes a second in each direction."""

    latency: float
    bandwidth: float


NVLINK = Link(5e-6, 450e9)
"""H100 SXM data sheet: 900 GB/s in both directions together."""
INFINIBAND = Link(10e-6, 50e9)
"""400 Gb/s a GPU."""
ETHERNET = Link(50e-6, 25e9 / 8)
"""25 Gb/s a host."""
READ_BANDWIDTH, COPY_BANDWIDTH = 1e9, 25e9
"""Assumed bytes a second of a disk or a network file system, and of PCIe 5.0 x16 in practice."""


def all_reduce_seconds(parameters: int, p: int, link: Link) -> float:
    """Return the time of an all-reduce of ``parameters`` float32 numbers over ``p`` devices."""
    return 2 * math.log2(p) * link.latency + 2 * (p - 1) / p * 4 * parameters / link.bandwidth


def step_seconds(batch: float, p: int, compute: ComputeTime, parameters: int, link: Link) -> float:
    """Return the time of a step with ``batch`` images sharded over ``p`` devices."""
    return compute.per_step + batch / p * compute.per_image + all_reduce_seconds(parameters, p, link)


def images_per_second(batch: float, p: int, compute: ComputeTime, parameters: int, link: Link) -> float:
    """Return the training speed of ``p`` devices."""
    return batch / step_seconds(batch, p, compute, parameters, link)


def start_seconds(size: int) -> float:
    """Return the time until ``size`` bytes of data are read by each host and copied to each device."""
    return size / READ_BANDWIDTH + size / COPY_BANDWIDTH


def fit_compute_time(small: tuple[int, float], large: tuple[int, float]) -> ComputeTime:
    """Return the line through two measured steps, each (images, seconds)."""
    per_image = (large[1] - small[1]) / (large[0] - small[0])
    return ComputeTime(per_step=small[1] - small[0] * per_image, per_image=per_image)


def gpu_compute_time(model: Model, parameters: int) -> ComputeTime:
    """Return the assumed compute time of an H100 SXM.

    Products run at a fifth of the 495 TFLOP/s of dense TF32. The AdamW update reads and writes 7 numbers per parameter
    at 3.35 TB/s. A step launches 50 kernels of 3 microseconds each.
    """
    update = 7 * 4 * parameters / 3.35e12
    return ComputeTime(per_step=update + 50 * 3e-6, per_image=FLOP_PER_IMAGE[model] / (0.2 * 495e12))


def measure_step(config: TrainConfig, repeats: int, mesh: Mesh | None = None) -> tuple[float, int]:
    """Return the median time of a step on one device, or on ``mesh``, and the number of parameters."""
    steps = max(2, round(512 / config.batch_size))
    total = steps * config.batch_size
    rng = np.random.default_rng(0)
    images = image_rows(rng.integers(0, 256, (total, *SHAPE), np.uint8))
    labels = rng.integers(0, 10, total).astype(np.int32)
    transform = optimizer(config, steps * (repeats + 1))
    chunk = chunk_function(network_of(config, SHAPE, 10), transform, config, SHAPE, steps, mesh)
    state = init_ensemble_state(config, SHAPE, 10, transform)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    if mesh is None:
        images, labels = jax.device_put((images, labels))
    else:
        images, labels = shard((images, labels), mesh, REPLICATED)
        state = shard_state(state, config.members, mesh)
    return median_seconds(
        lambda state, n: chunk(state, images, labels, (n + 1) * steps), state, repeats
    ) / steps, parameters


def median_seconds(function: Callable[[Any, int], Any], initial: Any, repeats: int) -> float:
    """Return the median time of ``value = function(value, n)`` for n = 1, 2, ..., after n = 0, which compiles."""
    value, times = jax.block_until_ready(function(initial, 0)), []
    for repeat in range(repeats):
        started = time.perf_counter()
        value = jax.block_until_ready(function(value, repeat + 1))
        times.append(time.perf_counter() - started)
    return median(times)


def measure_link(mesh: Mesh, numbers: int, repeats: int) -> Link:
    """Return the link between the devices of a mesh, from all-reduces of 1 and of ``numbers`` numbers per device."""
    spec = PartitionSpec(BATCH_AXIS)

    def all_reduce(x: jax.Array) -> jax.Array:
        return jax.lax.pcast(jax.lax.psum(x, BATCH_AXIS), BATCH_AXIS, to="varying")

    all_reduce = jax.jit(jax.shard_map(all_reduce, mesh=mesh, in_specs=spec, out_specs=spec))
    small, large = (
        median_seconds(lambda x, _: all_reduce(x), shard(np.zeros((mesh.size, n), "f"), mesh, spec), repeats)
        for n in [1, numbers]
    )
    p = mesh.size
    return Link(small / (2 * math.log2(p)), 2 * (p - 1) / p * 4 * numbers / (large - small))


def main(repeats: int) -> None:
    """Measure the local devices, and print the tables of docs/performance.md."""
    log = print if is_first_process() else lambda *_: None
    instruction_sets = ", ".join(cpu_instruction_sets() or ["unknown"])
    log(f"One device, {describe_devices()}, processor with {instruction_sets}")
    log(f"Median of {repeats} repeats; AdamW, float32:\n")
    log("| network | parameters | step of 8 | of 128 | of 32 | of 32 by the model | images/s at 128 |")
    log("| --- | --- | --- | --- | --- | --- | --- |")
    compute_times: dict[Model, tuple[ComputeTime, int]] = {}
    for model in FLOP_PER_IMAGE:
        seconds, parameters = {}, 0
        for batch in [8, 32, BATCH]:
            seconds[batch], parameters = measure_step(TrainConfig(model=model, batch_size=batch), repeats)
        compute = fit_compute_time((8, seconds[8]), (BATCH, seconds[BATCH]))
        compute_times[model] = (compute, parameters)
        cells = [seconds[8], seconds[BATCH], seconds[32], compute.per_step + 32 * compute.per_image]
        ms = " | ".join(f"{1000 * cell:.1f} ms" for cell in cells)
        log(f"| {model} | {parameters:,} | {ms} | {BATCH / seconds[BATCH]:,.0f} |")
    if jax.device_count() > 1:
        mesh = make_mesh(jax.local_device_count(), 1, BATCH)
        link = measure_link(mesh, 4_000_000, repeats)
        link_text = f"alpha {1e6 * link.latency:.0f} us, beta {link.bandwidth / 1e9:.2f} GB/s"
        log(f"\nSharded over {describe_devices(mesh)}, {link_text}:\n")
        log("| network | batch | step predicted | measured | speed relative to one device |")
        log("| --- | --- | --- | --- | --- |")
        for model, (compute, parameters) in compute_times.items():
            for batch in [BATCH, BATCH * mesh.size]:
                predicted = step_seconds(batch, mesh.size, compute, parameters, link)
                measured, _ = measure_step(TrainConfig(model=model, batch_size=batch), repeats, mesh)
                speed = batch / measured / images_per_second(BATCH, 1, compute, parameters, link)
                log(f"| {model} | {batch} | {1000 * predicted:.1f} ms | {1000 * measured:.1f} ms | {speed:.2f} |")
    for line in predictions(compute_times):
        log(line)


def predictions(compute_times: dict[Model, tuple[ComputeTime, int]]) -> Iterator[str]:
    """Yield the lines of the table of predictions for 8 GPUs and 64 hosts."""
    yield f"\nPredicted, with a batch of {BATCH} in total, and of {BATCH} per device:\n"
    yield "| network | devices | one | all-reduce | fixed batch: images/s | ratio | per device: images/s | ratio |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for model, (local, parameters) in compute_times.items():
        for name, p, link, compute in [
            ("8 GPUs, NVLink", 8, NVLINK, gpu_compute_time(model, parameters)),
            ("64 hosts of 8 GPUs, 400 Gb/s each", 512, INFINIBAND, gpu_compute_time(model, parameters)),
            ("8 hosts like this, 25 Gb/s", 8, ETHERNET, local),
            ("64 hosts like this, 25 Gb/s", 64, ETHERNET, local),
        ]:
            single = images_per_second(BATCH, 1, compute, parameters, link)
            cells = [f"{single:,.0f}", f"{1000 * all_reduce_seconds(parameters, p, link):.2f} ms"]
            for batch in [BATCH, BATCH * p]:
                speed = images_per_second(batch, p, compute, parameters, link)
                cells += (
                    [f"{speed:,.0f}", f"{speed / single:.1f}"] if batch >= p else ["fewer images than devices", "-"]
                )
            yield f"| {model} | {name} | {' | '.join(cells)} |"
    yield f"\nBefore the first step: {start_seconds(CIFAR10):.2f} s to read CIFAR-10 and copy it to each device."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="number of timings of each step; the median is reported")
    parser.add_argument("--coordinator", help="HOST:PORT of process 0, as for `python -m nets train`")
    parser.add_argument("--num-processes", type=int)
    parser.add_argument("--process-id", type=int)
    options = parser.parse_args()
    initialize_processes(options.coordinator, options.num_processes, options.process_id)
    main(options.repeats)
