"""The command ``export-run``, or ``export`` for short."""

import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from closedform.environments import command_with_extra
from nets._terminal import progress_bar
from nets.commands.trained_run import TrainedRun
from nets.export import Format


@dataclass(frozen=True, kw_only=True)
class ExportRun(TrainedRun):
    """Write a trained network to one file, which needs nothing of closedform, and check it in a new process.

    The file takes images as bytes, (N, height, width, channels) for any N, and returns logits. The names of the classes
    and the temperature are in a JSON file beside it. Exit code: 1 if the file gives other logits than the run.
    """

    format: Format = "stablehlo"
    """stablehlo: for JAX, on CPU, GPU and TPU. onnx: for ONNX Runtime and others; the converter, jax2onnx, has an
    environment of its own (the extra onnx), which pixi or uv creates by itself."""
    output: Path | None = None
    """The file (default: RUN/model.stablehlo or RUN/model.onnx). It is replaced if it exists."""


def run(options: ExportRun, console: Console) -> int:
    """Export the run and return the exit code; ONNX in an environment with its converter."""
    from nets.export.exported_file import export, require_output

    trained = options.load(options.run)
    file = options.output or options.run / f"model.{options.format}"
    require_output(file)
    if options.format == "onnx" and find_spec("jax2onnx") is None:
        arguments = ["export-run", str(options.run.resolve()), "--format", "onnx", "--output", str(file.resolve())]
        arguments += ["--checkpoint", options.checkpoint]
        if options.dataset is not None:
            arguments += ["--dataset", trained.config.dataset]  # an absolute path
        if options.data_dir is not None:
            arguments += ["--data-dir", str(options.data_dir.resolve())]
        command = command_with_extra(
            "onnx",
            "jax2onnx",
            "`--format onnx` needs jax2onnx, which needs an older Orbax than training",
            arguments,
        )
        console.print("jax2onnx is not in this environment; exporting in an environment with it", markup=False)
        return subprocess.run(command, check=False).returncode
    with progress_bar(console) as progress:
        exported = export(replace(trained, progress=progress), options.format, file)
    console.print(exported.temperature.words, markup=False)
    console.print(
        f"checked in a new process without closedform: logits differ by {exported.difference:.1g} of the largest; "
        f"class names and temperature are in {exported.description}",
        markup=False,
    )
    sys.stdout.write(f"{exported.file}\n")
    return 0
