"""A roofline of a training step on a GPU that is not there: the least time that its kernels can take.

A kernel takes the longest of three times: to read and write its arrays, to multiply, and to start. Kernels run one
after the other. Speeds are those of data sheets, times what kernels of this size attain. Not in it: caches, which make
it too long; and kernels that are far from the roofline, such as reductions and sorts, which make it too short.
"""

from dataclasses import dataclass

from benchmarks.compiled.hlo import Computation, Instruction, Program, arrays, product_flops, size_in_bytes
from benchmarks.compiled.targets import Gpu

MEMORY_SHARE, PRODUCT_SHARE, START = 0.85, 0.4, 2e-6
"""Assumptions: shares of the memory bandwidth and of the speed of products that are attained, and seconds between two
kernels of a CUDA graph of which one needs the other's result."""
_KERNELS = {"fusion", "custom-call", "copy", "dot", "all-reduce", "all-reduce-start"}


@dataclass(frozen=True)
class Roofline:
    """The least time of a step in seconds, its floating point operations in products, and the bytes that it moves."""

    seconds: float
    flops: int
    bytes: int


def roofline(program: Program, gpu: Gpu) -> Roofline:
    """Return the roofline of a step."""
    step, seconds, total_flops, total_bytes = program.step, 0.0, 0, 0
    for kernel in step.instructions.values():
        if kernel.opcode not in _KERNELS:
            continue
        moved = bytes_read(kernel, program.called(kernel), step) + size_in_bytes(kernel.shape)
        multiplying = 0.0
        for item, computation in program.within(kernel, step):
            if flops := product_flops(item, computation):
                bfloat16 = arrays(computation.shape(item.operands[0]))[0][0] == "bf16"
                multiplying += flops / (PRODUCT_SHARE * (gpu.bfloat16 if bfloat16 else gpu.tf32))
                total_flops += flops
        seconds += max(moved / (MEMORY_SHARE * gpu.bandwidth), multiplying, START)
        total_bytes += moved
    return Roofline(seconds, total_flops, total_bytes)


def bytes_read(kernel: Instruction, inner: Computation, step: Computation) -> int:
    """Return the bytes of the operands of a kernel; of an operand that is gathered or sliced, those that are taken."""
    taken: dict[int, int] = {}
    for item in inner.instructions.values():
        source = inner.instructions.get(item.operands[0]) if item.operands else None
        if item.opcode in ("gather", "dynamic-slice") and source is not None and source.opcode == "parameter":
            taken[int(source.arguments)] = size_in_bytes(item.shape)
    sizes = [size_in_bytes(step.shape(operand)) for operand in kernel.operands]
    return sum(min(size, taken.get(n, size)) for n, size in enumerate(sizes))
