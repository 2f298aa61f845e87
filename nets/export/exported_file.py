"""The file of a run in one of the formats, checked, with what a reader needs to know beside it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedform.files import write_text, written_whole
from nets.evaluation.metrics import fit_validation_temperature
from nets.export import Format
from nets.export.fresh_process import require_same_logits
from nets.training.runs import Run


@dataclass(frozen=True)
class ExportedFile:
    """A file with a trained network, and its description in the file of the same name with ``.json``."""

    file: Path
    description: Path
    difference: float
    """Largest difference between its logits and those of the run, relative to the largest logit."""


def export(run: Run, format: Format, file: Path) -> ExportedFile:
    """Write the network of ``run`` to ``file``, and check it in a new process.

    Beside it is ``file`` with ``.json``: class names, image shape, and the temperature by which logits are divided for
    calibrated probabilities. Nothing remains if the check fails. Raises ValueError if the run has no readable
    checkpoint, ArithmeticError if the file gives other logits, ModuleNotFoundError if an extra is missing, and OSError
    if the file cannot be written.
    """
    content = _content(run, format)
    file.parent.mkdir(parents=True, exist_ok=True)
    description = file.with_name(f"{file.name}.json")
    with written_whole(file) as partial:
        partial.write_bytes(content)
        difference = require_same_logits(run, partial, format)
    write_text(description, json.dumps(_description(run, format), indent=1) + "\n")
    return ExportedFile(file, description, difference)


def _content(run: Run, format: Format) -> bytes:
    if format == "onnx":
        from nets.export.onnx_model import to_onnx

        return to_onnx(run)
    from nets.export.stablehlo import to_stablehlo

    return to_stablehlo(run)


def _description(run: Run, format: Format) -> dict[str, Any]:
    try:
        temperature = fit_validation_temperature(run).value
    except ValueError:
        temperature = None
    return {
        "format": format,
        "input": "images: uint8, (N, height, width, channels), any N",
        "output": "logits: float32, (N, classes); probabilities are softmax(logits / temperature)",
        "image_shape": run.image_shape,
        "class_names": run.class_names,
        "temperature": temperature,
        "run": str(run.folder),
        "checkpoint": run.checkpoint,
        "step": run.step,
        "versions": run.provenance["versions"],
    }
