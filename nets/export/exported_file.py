"""The file of a run in one of the formats, checked, with what a reader needs to know beside it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedform.files import write_text, written_whole
from nets.evaluation.temperature import Temperature, temperature_of
from nets.export import Format
from nets.export.fresh_process import require_same_logits
from nets.training.runs import LOCK, RUN_FILES, Run


@dataclass(frozen=True)
class ExportedFile:
    """A file with a trained network, and its description in the file of the same name with ``.json``."""

    file: Path
    description: Path
    difference: float
    """Largest difference between its logits and those of the run, relative to the largest logit."""
    temperature: Temperature


def export(run: Run, format: Format, output: Path) -> ExportedFile:
    """Check the network of ``run`` as a file in a new process, and write it to ``output``.

    Beside it is ``output`` with ``.json``: class names, image shape, and the temperature by which logits are divided
    for calibrated probabilities. Nothing is written if the check fails. Raises ValueError if the run has no readable
    checkpoint or ``output`` is a folder or a file of a run, ArithmeticError if the file gives other logits,
    ModuleNotFoundError if an extra is missing, and OSError if the file cannot be written.
    """
    description = require_output(output)
    content = _content(run, format)
    difference = require_same_logits(run, content, format)
    temperature = temperature_of(run)
    about = _description(run, format) | {"temperature": temperature.value, "temperature_note": temperature.words}
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(output) as partial:
            partial.write_bytes(content)
        write_text(description, json.dumps(about, indent=1) + "\n")
    except OSError as error:
        way_out = "choose another with --output"
        raise OSError(error.errno, f"`output` {output} cannot be written ({error.strerror}); {way_out}") from error
    return ExportedFile(output, description, difference, temperature)


def require_output(output: Path) -> Path:
    """Return the file beside ``output`` for the description; raise ValueError if either is no place for an export."""
    description = output.with_name(f"{output.name}.json") if output.name else output
    for path in [output, description]:
        if path.is_dir():
            raise ValueError(f"`output` must be a file, and {path} is a folder; name a file in it.")
        in_checkpoints = any(
            parent.name == "checkpoints" and (parent.parent / "config.json").exists()
            for parent in path.resolve().parents
        )
        if path.name in (*RUN_FILES, LOCK) or in_checkpoints:
            raise ValueError(f"`output` must not be a file of a run, got {output}; choose another with --output.")
    return description


def _content(run: Run, format: Format) -> bytes:
    if format == "onnx":
        from nets.export.onnx_model import to_onnx

        return to_onnx(run)
    from nets.export.stablehlo import to_stablehlo

    return to_stablehlo(run)


def _description(run: Run, format: Format) -> dict[str, Any]:
    return {
        "format": format,
        "input": "images: uint8, (N, height, width, channels), any N",
        "output": "logits: float32, (N, classes); probabilities are softmax(logits / temperature)",
        "image_shape": run.image_shape,
        "class_names": run.class_names,
        "run": str(run.folder) if run.folder.exists() else None,  # in memory alone
        "checkpoint": run.checkpoint,
        "step": run.step,
        "versions": run.provenance["versions"],
    }
