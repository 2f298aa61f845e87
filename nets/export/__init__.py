"""A trained network as one file that needs nothing of closedform: StableHLO by `jax.export`, or ONNX by jax2onnx.

In reading order:

- ``functions``: the trained network as a function from bytes to logits.
- ``stablehlo``: that function as a file of JAX.
- ``onnx_model``: that function as a file of ONNX.
- ``exported_file``: the file of a run in either format, and what is written beside it.
- ``fresh_process``: the check that a new process gets the same logits from the file.
"""

from typing import Literal

type Format = Literal["stablehlo", "onnx"]
