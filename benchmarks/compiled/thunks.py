"""What a GPU runs, from XLA's list of thunks: kernels, CUDA graphs ("command buffers"), and loops.

The list is a dump of XLA (`xla_dump_to`), one line a thunk, indented below the thunk that it is part of::

    000: kCommandBuffer [source | sink]
        001: kCustomKernel [source | next=002 (1)] loop_add_fusion grid: ...
    002: kWhile [prev=000 (1) | sink]
    condition:
        ...
      body:
        ...
"""

import re
from dataclasses import dataclass

_THUNK = re.compile(r"^( *)\d+: (k\w+)")
_GROUPS = {"kCommandBuffer", "kWhile", "kSequential", "kConditional"}


@dataclass(frozen=True)
class Thunks:
    """The number of ``kernels`` of a step, how many of them are ``graph_nodes``, and whether the host loops."""

    kernels: int
    graph_nodes: int
    host_loop: bool


def read_thunks(text: str) -> Thunks:
    """Return what a GPU runs, from the text of the thunks after XLA's passes over them.

    The loop is on the host unless it is part of a command buffer: then the host launches one CUDA graph for all steps.
    Raises ValueError unless there is one loop.
    """
    around: list[tuple[int, str]] = []  # indentation and kind of the thunks that this one is part of
    section, kernels, graph_nodes, host_loops = "", 0, 0, []
    for line in text.splitlines():
        if line.strip() in ("condition:", "body:"):
            section = line.strip()
        elif match := _THUNK.match(line):
            indent, kind = len(match[1]), match[2]
            around = [(outer, group) for outer, group in around if outer < indent]
            groups = {group for _, group in around}
            if kind == "kWhile":
                host_loops.append("kCommandBuffer" not in groups)
            if "kWhile" in groups and section == "body:" and kind not in _GROUPS:
                kernels += 1
                graph_nodes += "kCommandBuffer" in groups
            around.append((indent, kind))
    if len(host_loops) != 1:
        raise ValueError(f"`text` must have one loop, over the steps, and it has {len(host_loops)}.")
    return Thunks(kernels, graph_nodes, host_loops[0])
