"""What the compilers of TPUs and GPUs say of the training chunk: memory, operations, kernels, cycles and a roofline.

    uv run --isolated --with "jax[tpu]" --with jax-cuda13-plugin python -m benchmarks.compiled --json compiled.json

No TPU and no GPU is needed: the chunk of `nets.training.step` is compiled for devices that are not there, with batches
of 128 images of CIFAR-10. Nothing is run. A program takes about half a minute for a GPU and up to two minutes
for a TPU, the defaults a quarter of an hour on two cores. The JSON file is written after each.

"memory" is the peak of a device, of which "temporary" is what a chunk needs beside state and data. "FLOP" are those of
a training image, relative to what its matrix products and convolutions need. "kernels" are those of a step, and the
host loops if it is asked after each step of a GPU whether there is another. "cycles" are the TPU compiler's own
estimate of a step. "roofline" is a least time of a step on a GPU, with the assumptions of
`benchmarks/compiled/roofline.py`.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

from benchmarks.agreement import table
from benchmarks.compiled.chunks import compile_chunk
from benchmarks.compiled.facts import facts_of, least_flops
from benchmarks.compiled.roofline import MEMORY_SHARE, PRODUCT_SHARE, START
from benchmarks.compiled.targets import GPUS, target_devices
from closedform.provenance import commit, versions
from nets.training.config import TrainConfig

BEST = TrainConfig(channels=(16, 32), hidden=(256,), augmentation="flip+crop", label_smoothing=0.1, epochs=20)
"""The recipe "conv net, best" of docs/tutorials/train_a_classifier.md."""
PROGRAMS = {
    "mlp": TrainConfig(model="mlp"),
    "mlp, bfloat16": TrainConfig(model="mlp", precision="bfloat16"),
    "mlp, muon": TrainConfig(model="mlp", optimizer="muon"),
    "conv": TrainConfig(),
    "conv, bfloat16": TrainConfig(precision="bfloat16"),
    "conv, best": BEST,
    "conv, best, bfloat16": replace(BEST, precision="bfloat16"),
}
"""Configurations by name."""
HEAD = [
    "target",
    "program",
    "memory",
    "temporary",
    "FLOP",
    "times least",
    "kernels",
    "host loops",
    "cycles",
    "roofline",
]


@dataclass(frozen=True)
class Config:
    """Compile the training chunk for devices that are not there."""

    target: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """h100, h200, a100, or a TPU topology such as v5e:1x1 (default: v5e:1x1 and h100)."""
    program: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Names of programs, such as "conv, bfloat16" (default: all)."""
    devices: int = 1
    """Number of devices that share each batch; on a TPU at most those of its topology."""
    json: Path | None = None
    """A JSON file of results."""


def record(target: str, program: str, devices: int) -> dict[str, Any]:
    """Compile a program for a target, and return what its compiler says."""
    config = PROGRAMS[program]
    available = target_devices(target, devices_per_host=devices)
    if devices > len(available):
        raise ValueError(f"`devices` must be at most {len(available)}, the devices of {target}, got {devices}.")
    facts = facts_of(compile_chunk(config, available[:devices]))
    return {"target": target, "program": program, "devices": devices, "least_flops": least_flops(config)} | asdict(
        facts
    )


def row(record: dict[str, Any]) -> list[str]:
    """Return the row of the table of a record."""
    thunks, cycles, seconds = record["thunks"], record["cycles"], record["roofline_seconds"]
    return [
        record["target"] + (f" x {record['devices']}" if record["devices"] > 1 else ""),
        record["program"],
        f"{record['peak_bytes'] / 1e6:,.0f} MB",
        f"{record['temporary_bytes'] / 1e6:,.0f} MB",
        f"{record['flops_per_image'] / 1e6:.1f} M",
        f"{record['flops_per_image'] / record['least_flops']:.2f}",
        f"{record['kernels']}",
        "-" if thunks is None else "yes" if thunks["host_loop"] else "no",
        "-" if cycles is None else f"{cycles:,}",
        "-" if seconds is None else f"{1e6 * seconds:.0f} us",
    ]


def main(config: Config) -> None:
    """Compile all programs for all targets, print the table and write the JSON file."""
    for name in config.program:
        if name not in PROGRAMS:
            raise ValueError(f"`program` must be one of {'; '.join(PROGRAMS)}; got {name!r}.")
    jax.config.update("jax_platforms", "cpu")  # or JAX would look for the devices
    targets, records = config.target or ("v5e:1x1", "h100"), []
    packages = ["jax", "jaxlib", *{"jax-cuda13-plugin" if target in GPUS else "libtpu" for target in targets}]
    provenance = {"commit": commit(), "versions": versions(packages)}
    for target in targets:
        for program in config.program or PROGRAMS:
            records.append(record(target, program, config.devices))
            print("| " + " | ".join(row(records[-1])) + " |", flush=True)
            if config.json:
                config.json.write_text(json.dumps(provenance | {"records": records}, indent=1) + "\n", encoding="utf-8")
    print("\n" + table(HEAD, [row(record) for record in records]))
    print(f"\n{provenance}")
    if GPUS.keys() & targets:
        print(
            f"Roofline: {MEMORY_SHARE:.0%} of the memory bandwidth, {PRODUCT_SHARE:.0%} of the speed of products in "
            f"TF32 or bfloat16 by the data sheet, and at least {1e6 * START:g} us a kernel."
        )


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
