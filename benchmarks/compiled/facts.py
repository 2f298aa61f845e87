"""What the compilers say of a training chunk: memory, operations, collectives, kernels, cycles and a roofline."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.compiled.chunks import CLASSES, SHAPE, CompiledChunk
from benchmarks.compiled.hlo import Program, collectives
from benchmarks.compiled.roofline import roofline
from benchmarks.compiled.targets import GPUS
from benchmarks.compiled.thunks import Thunks, read_thunks
from nets.training.config import TrainConfig

_UNKNOWN_CYCLES = 2**40
"""Estimates of the TPU compiler from here on mean that it has none."""


@dataclass(frozen=True)
class Facts:
    """What the compiler says of a chunk on one of its devices."""

    peak_bytes: int
    """Arguments, results that are not in their place, and temporary arrays."""
    temporary_bytes: int
    donated: float
    """The share of the results that are in place of arguments."""
    flops_per_image: float
    """Floating point operations of a training image: all of a TPU, those of products and convolutions of a GPU."""
    collectives: dict[str, int]
    """Collective operations of a step, by kind."""
    other_collectives: dict[str, int]
    """Those of a chunk before and after its steps."""
    kernels: int
    """Kernels of a step."""
    cycles: int | None
    """The TPU compiler's own estimate for a step; None for a GPU."""
    thunks: Thunks | None
    """What a GPU runs; None for a TPU."""
    roofline_seconds: float | None
    """The least time of a step by `benchmarks.compiled.roofline`; None for a TPU."""


def facts_of(chunk: CompiledChunk) -> Facts:
    """Return what the compiler says of a chunk."""
    memory: Any = chunk.executable.memory_analysis()
    text = chunk.executable.as_text() or ""
    program, images = Program(text), chunk.config.batch_size / len(chunk.devices) * chunk.config.members
    in_step, others = collectives(program)
    common = {
        "peak_bytes": memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "donated": memory.alias_size_in_bytes / memory.output_size_in_bytes,
        "collectives": in_step,
        "other_collectives": others,
    }
    if chunk.thunks is None:
        estimates = step_cycles(program)
        flops = float((chunk.executable.cost_analysis() or {})["flops"])
        return Facts(
            **common,
            flops_per_image=flops / images,
            kernels=len(estimates),
            cycles=sum(estimates),
            thunks=None,
            roofline_seconds=None,
        )
    thunks = read_thunks(chunk.thunks)
    (gpu,) = [gpu for gpu in GPUS.values() if gpu.name == chunk.devices[0].device_kind]
    least = roofline(program, gpu)
    return Facts(
        **common,
        flops_per_image=least.flops / images,
        kernels=thunks.kernels,
        cycles=None,
        thunks=thunks,
        roofline_seconds=least.seconds,
    )


def step_cycles(program: Program) -> list[int]:
    """Return the TPU compiler's estimates of the kernels of a step, in cycles, of those for which it has one."""
    found = [item.attribute(r'"estimated_cycles":"(\d+)"') for item in program.step.instructions.values()]
    return [cycles for text in found if text and (cycles := int(text)) < _UNKNOWN_CYCLES]


def least_flops(config: TrainConfig) -> float:
    """Return the floating point operations that a training image needs: those of products and convolutions.

    A layer has three: the forward one, and the gradients for its kernel and for its inputs. The first layer has no
    gradient for its inputs.
    """
    height, width, inputs = SHAPE
    multiplications = []  # of the forward product of each layer
    for outputs in config.channels if config.model == "conv" else ():
        height, width = height - 2, width - 2
        multiplications.append(height * width * 9 * inputs * outputs)
        inputs = outputs
    widths = [height * width * inputs, *config.hidden, CLASSES]
    multiplications += [m * n for m, n in pairwise(widths)]
    return 2.0 * (3 * sum(multiplications) - multiplications[0])
