"""The text of a compiled program: its computations, and what their instructions multiply and move.

A program of XLA is a list of computations, and a computation a list of instructions, each on one line::

    %name = f32[128,10]{1,0} opcode(%operand, ...), attribute=...
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_COMPUTATION = re.compile(r"^(?:ENTRY )?(%\S+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?(%\S+) = (\(.*?\)|\S+) ([a-z][a-z0-9-]*)\(([^)]*)\)(.*)$")
_ARRAY = re.compile(r"\b(pred|[suf]\d+|bf16)\[([\d,]*)\]")
_COLLECTIVES = (
    "all-reduce",
    "all-gather",
    "all-to-all",
    "collective-permute",
    "collective-broadcast",
    "reduce-scatter",
)
_BYTES = {"pred": 1, "bf16": 2} | {f"{kind}{8 * size}": size for kind in "suf" for size in (1, 2, 4, 8)}


@dataclass(frozen=True)
class Instruction:
    """One line of a computation; ``shape`` is that of its result, and a tuple has several arrays."""

    name: str
    shape: str
    opcode: str
    arguments: str
    attributes: str

    @property
    def operands(self) -> list[str]:
        """The names of the instructions whose results are the arguments."""
        return re.findall(r"%[\w.-]+", self.arguments)

    def attribute(self, pattern: str) -> str | None:
        """Return the first group of the first match of ``pattern`` in the attributes, or None."""
        match = re.search(pattern, self.attributes)
        return match[1] if match else None


@dataclass(frozen=True)
class Computation:
    """The instructions of a computation, by name and in their order."""

    instructions: dict[str, Instruction]

    def shape(self, operand: str) -> str:
        """Return the shape of the result of an instruction."""
        return self.instructions[operand].shape


@dataclass(frozen=True)
class Program:
    """A compiled program with one loop, whose body is one training step."""

    text: str

    @cached_property
    def computations(self) -> dict[str, Computation]:
        """The computations by name."""
        found: dict[str, Computation] = {}
        name, instructions = "", {}
        for line in self.text.splitlines():
            if match := _COMPUTATION.match(line):
                name, instructions = match[1], {}
            elif line == "}":
                found[name] = Computation(instructions)
            elif match := _INSTRUCTION.match(line):
                instructions[match[1]] = Instruction(*match.groups())
        return found

    @property
    def step(self) -> Computation:
        """The body of the loop over the steps, which has more instructions than that of any other loop."""
        bodies = [
            body
            for computation in self.computations.values()
            for instruction in computation.instructions.values()
            if instruction.opcode == "while" and (body := instruction.attribute(r"body=(%[\w.-]+)"))
        ]
        if not bodies:
            raise ValueError("`text` must be a program with a loop, and this has none.")
        return max((self.computations[body] for body in bodies), key=lambda body: len(body.instructions))

    def called(self, instruction: Instruction) -> Computation:
        """Return the computation of a fusion; an empty one for anything else."""
        name = instruction.attribute(r"calls=(%[\w.-]+)")
        return self.computations[name] if name else Computation({})

    def within(self, instruction: Instruction, computation: Computation) -> Iterator[tuple[Instruction, Computation]]:
        """Yield an instruction and those that it calls, each with its computation."""
        yield instruction, computation
        inner = self.called(instruction)
        for item in inner.instructions.values():
            yield from self.within(item, inner)


def collectives(program: Program) -> tuple[dict[str, int], dict[str, int]]:
    """Return the number of collective operations of each kind, in a step and in the rest of the program."""
    step = program.step
    items = [item for first in step.instructions.values() for item, _ in program.within(first, step)]
    everything = [item for part in program.computations.values() for item in part.instructions.values()]
    in_step, total = (
        Counter(kind for item in found if (kind := item.opcode.removesuffix("-start")) in _COLLECTIVES)
        for found in (items, everything)
    )
    return dict(in_step), dict(total - in_step)


def arrays(shape: str) -> list[tuple[str, list[int]]]:
    """Return type and dimensions of each array of a shape."""
    return [(kind, [int(size) for size in sizes.split(",") if size]) for kind, sizes in _ARRAY.findall(shape)]


def size_in_bytes(shape: str) -> int:
    """Return the bytes of a shape, without padding."""
    return sum(_BYTES[kind] * math.prod(sizes) for kind, sizes in arrays(shape))


def product_flops(instruction: Instruction, computation: Computation) -> int:
    """Return the floating point operations of a matrix product or convolution on a GPU; 0 for anything else.

    A product of (n, k) by (k, m) has 2 n k m. A convolution has 2 P Q C for each entry of y, its result; its gradients
    have as many, those for the image and for the kernel, with dy in place of y.
    """
    if instruction.opcode == "dot":
        (_, left), (_, result) = arrays(computation.shape(instruction.operands[0]))[0], arrays(instruction.shape)[0]
        axes = instruction.attribute(r"lhs_contracting_dims=\{([\d,]+)\}") or ""
        return 2 * math.prod(result) * math.prod(left[int(axis)] for axis in axes.split(","))
    target = instruction.attribute(r'custom_call_target="([^"]+)"') or ""
    if not target.startswith("__cudnn$conv"):
        return 0
    result = arrays(instruction.shape)[0][1]
    operands = [arrays(computation.shape(operand))[0][1] for operand in instruction.operands[:2]]
    y, kernel = {
        "__cudnn$convBackwardFilter": (operands[1], result),
        "__cudnn$convBackwardInput": (operands[0], operands[1]),
    }.get(target, (result, operands[1]))
    labels = instruction.attribute(r"dim_labels=\w+_(\w+)->") or ""
    return 2 * math.prod(y) * math.prod(kernel) // kernel[labels.index("o")]
