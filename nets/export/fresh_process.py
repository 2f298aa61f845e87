"""The check of an exported file: a new process, without closedform, gets the logits of the run from it."""

import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import jax
import numpy as np

from nets.export import Format
from nets.training.runs import Run

BATCH_SIZES = (1, 7)
"""Numbers of images for which logits are compared."""
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
"""Largest difference of two logits, relative to the largest logit (1 at least): rounding of sums in another order."""

LOGITS = {
    "stablehlo": """
from jax import export

exported = export.deserialize(open(file, "rb").read())
logits = lambda images: exported.call(images)
""",
    "onnx": """
import onnxruntime

session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
logits = lambda images: session.run(["logits"], {"images": images})[0]
""",
}
"""Python code by the format: defines ``logits(images)`` for ``file``."""
SCRIPT = """
import sys
import numpy as np

file, inputs, outputs = sys.argv[1:]
{logits}
images = np.load(inputs)
np.savez(outputs, **{{name: np.asarray(logits(batch)) for name, batch in images.items()}})
ours = sorted({{"bayes", "closedform", "flax", "nets", "reports"}} & set(sys.modules))
assert not ours, f"the file needs {{ours}}"
"""


def require_same_logits(run: Run, content: bytes, format: Format) -> float:
    """Return the largest relative difference between the logits of a file with ``content`` and of ``run``.

    A new Python process with JAX (or ONNX Runtime) and NumPy, and without closedform, reads the file and computes the
    logits of random images. Raises ArithmeticError if they differ by more than rounding, or there are none.
    """
    rng = np.random.default_rng(0)
    # Of every contrast, since noise of full contrast is like no image.
    images = {
        str(size): (rng.random((size, 1, 1, 1)) * rng.integers(0, 256, (size, *run.image_shape))).astype(np.uint8)
        for size in BATCH_SIZES
    }
    # ONNX Runtime has no TF32, in which a GPU computes unless it is told not to.
    with jax.default_matmul_precision("highest") if format == "onnx" else nullcontext():
        expected = {name: run.logits(batch) for name, batch in images.items()}
    actual = _logits_in_a_new_process(content, format, images)
    difference = max(
        float(np.abs(actual[name] - expected[name]).max()) / max(1.0, float(np.abs(expected[name]).max()))
        if actual[name].shape == expected[name].shape
        else np.inf
        for name in images
    )
    if not difference <= TOLERANCE[run.config.precision]:
        raise ArithmeticError(
            f"the {format} file gives other logits than the run: they differ by {difference:.2g} of the largest, and "
            f"rounding explains {TOLERANCE[run.config.precision]:g}; use the other --format."
        )
    return difference


def _logits_in_a_new_process(content: bytes, format: Format, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        file, inputs, outputs = (Path(folder) / name for name in [f"model.{format}", "images.npz", "logits.npz"])
        file.write_bytes(content)
        np.savez(inputs, allow_pickle=False, **images)
        command = [sys.executable, "-I", "-c", SCRIPT.format(logits=LOGITS[format]), file, inputs, outputs]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if result.returncode:
            last_line = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise ArithmeticError(
                f"the {format} file cannot be run in a new process without closedform ({last_line}); use the other "
                "--format."
            )
        with np.load(outputs, allow_pickle=False) as logits:
            return dict(logits)
