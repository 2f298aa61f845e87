"""Train classifiers on images, on whatever device JAX finds.

`python -m nets train` trains a convolutional network on CIFAR-10; `python -m nets train --dataset digits` one on 8x8
digits, in seconds and without a download. `python -m nets prepare NAME` downloads and prepares a data set of
TensorFlow Datasets. `python -m nets runs` lists what was trained, and `python -m nets evaluate RUN` says what it got
right and wrong. Exit code: 0 if all is well, 1 if the loss is not finite, 2 for bad usage or a disk that fails, 130
after Ctrl-C.
"""

import json
import logging
import os
import sys
from dataclasses import asdict, dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import tyro
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closedform import command_line
from closedform.reasons import of_file
from nets._terminal import interrupt, progress_bar
from nets.data import preparation as prepare
from nets.data.datasets import data_directory
from nets.data.tfds_folder import NotPreparedError
from nets.training.config import PRESETS, TrainConfig

COMPILED_BYTES = 2**28
"""Most bytes of compiled programs that are kept; the one that was not used for longest goes first."""


@dataclass(frozen=True, kw_only=True)
class Train(TrainConfig):
    """Train a classifier and keep the run in a folder: configuration, metrics, checkpoints, predictions.

    Decoded images and compiled programs are kept for the next start, in CLOSEDFORM_CACHE or the user's cache folder.
    """

    preset: str = "default"
    """Options to start from: `default`, or `reference`, which reproduces published results; others override it."""
    resume: bool = False
    """Continue the run in the run folder from its last whole checkpoint; give the options it was started with. On a CPU
    the result is the same to the bit; on a GPU with XLA_FLAGS=--xla_gpu_deterministic_ops=true in both commands; on
    another number of devices within rounding."""
    coordinator: str | None = None
    """HOST:PORT where process 0 is to listen, if several processes train together, usually one a host. They are found
    without this option where SLURM, Open MPI or a TPU pod started them. Each needs the same options and data, and the
    run folder must be on a file system that all see."""
    num_processes: int | None = None
    """How many processes there are, with `--coordinator`."""
    process_id: int | None = None
    """Which of them this is, 0 to NUM_PROCESSES - 1; process 0 writes the run folder, and says how it goes."""


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Download a data set of TensorFlow Datasets and prepare it, as array_record files; needs TensorFlow."""

    name: Annotated[str, tyro.conf.Positional]
    """Data set by its name there, such as cifar10, mnist or fashion_mnist."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """List the runs in a folder: network, data set, epochs, accuracies, finished or not."""

    folder: Annotated[Path, tyro.conf.Positional] = Path("build/runs")
    """Folder whose subfolders are runs."""


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Say what a run got right and wrong, on train and test images, with 95 % intervals; compare it with another."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of the run, as `train` printed it."""
    against: Path | None = None
    """Folder of another run, to be compared on the same test images by McNemar's exact test."""
    json: bool = False
    """Print everything as JSON instead."""


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # TensorFlow Datasets and Orbax chat there
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what Orbax leaves behind when it fails
    try:
        preset = _preset(arguments)
        options = tyro.cli(
            Annotated[Train, tyro.conf.subcommand("train", default=preset)]
            | Annotated[Prepare, tyro.conf.subcommand("prepare")]
            | Annotated[Runs, tyro.conf.subcommand("runs")]
            | Annotated[Evaluate, tyro.conf.subcommand("evaluate")],
            prog="python -m nets",
            description=__doc__,
            args=arguments,
        )
        if isinstance(options, Runs):
            return _runs(options, console)
        if isinstance(options, Evaluate):
            return _evaluate(options)
        return _train(options, console) if isinstance(options, Train) else _prepare(options, console)
    except ArithmeticError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    except ValueError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    except BrokenPipeError:
        raise
    except OSError as error:
        console.print(f"error: {of_file(error)}", style="red", markup=False)
        return 2
    except KeyboardInterrupt as interrupt:
        console.print(str(interrupt) or "interrupted", style="red", markup=False)
        return 130


def _preset(arguments: list[str]) -> Train:
    """Return the options of the preset named on the command line, before the others are read."""
    name = "default"
    for word, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        if word == "--preset" or word.startswith("--preset="):
            name = word.partition("=")[2] or following
    if name not in PRESETS:
        raise ValueError(f"`--preset` must be one of {', '.join(PRESETS)}, got {name!r}.")
    return Train(**asdict(PRESETS[name]), preset=name)


def _train(options: Train, console: Console) -> int:
    config = TrainConfig(**{field.name: getattr(options, field.name) for field in fields(TrainConfig)})
    with interrupt() as (listen, interrupted):  # also while JAX is loaded, which takes seconds
        from nets.distributed import processes as hosts
        from nets.training.fitting import fit

        keep_compiled()
        hosts.join(options.coordinator, options.num_processes, options.process_id)
        if not hosts.is_first():
            console = Console(quiet=True)
        with hosts.failing_in_one_line(), progress_bar(console) as progress:

            def start(sentence: str) -> None:
                console.print(sentence, markup=False)
                listen()

            arguments = {
                "resume": options.resume,
                "progress": progress,
                "on_epoch": lambda line: console.print(_line(line, config.epochs), markup=False),
                "on_start": start,
                "stop": interrupted,
            }
            try:
                run = fit(config, **arguments)
            except NotPreparedError as missing:
                data_dir = data_directory(config.data_dir)
                prepare.check(config.dataset, data_dir)
                console.print(f"{missing}; preparing it in an environment with TensorFlow", markup=False)
                code = prepare.prepare_elsewhere(config.dataset, data_dir)
                if code:
                    return code
                run = fit(config, **arguments)
        if hosts.is_first():
            print(run.folder)
    return 0


def keep_compiled() -> None:
    """Let JAX keep what it compiles in the cache folder, for the next start, if it can be written.

    What takes a tenth of a second to compile is worth its file. The code is for the very processor it was compiled on,
    and a home folder may be that of many machines: each kind of processor has a folder of its own.
    """
    import jax

    from nets.data.image_cache import cache_directory
    from nets.distributed import mesh as devices

    folder = cache_directory() / "compiled" / devices.processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_compilation_cache_max_size", COMPILED_BYTES)


def _prepare(options: Prepare, console: Console) -> int:
    data_dir = data_directory(options.data_dir)
    try:
        folder = prepare.prepare(options.name, data_dir)
    except ModuleNotFoundError:  # after `check`
        console.print("TensorFlow is not in this environment; preparing in one that has it", markup=False)
        return prepare.prepare_elsewhere(options.name, data_dir)
    print(folder)
    return 0


def _runs(options: Runs, console: Console) -> int:
    from nets.training.runs import RUN_FILES, load_run

    if not options.folder.is_dir():
        raise ValueError(f"`folder` must be one that holds runs, got {options.folder}; `train` makes {Runs.folder}.")
    table = Table("run", "model", "data set", "epochs", "validation", "test", "finished", box=SIMPLE)
    for folder in sorted({file.parent for name in RUN_FILES for file in options.folder.glob(f"*/{name}")}):
        try:
            run = load_run(folder)
        except ValueError as error:
            console.print(str(error), style="red", markup=False)
            continue
        scores = [
            next((f"{100 * line[name]:.1f} %" for line in reversed(run.metrics) if name in line), "-")
            for name in ["validation_accuracy", "test_accuracy"]
        ]
        epochs = f"{len(run.metrics)}/{run.config.epochs}"
        finished = "yes" if run.finished else "no"
        model = run.config.model if run.config.members == 1 else f"{run.config.members} x {run.config.model}"
        table.add_row(Text(folder.name), model, run.config.dataset, epochs, *scores, finished)
    if not table.row_count:
        console.print(f"no runs in {options.folder}; `train` makes them in {Runs.folder}", markup=False)
        return 0
    _wide().print(table)
    return 0


def _evaluate(options: Evaluate) -> int:
    from nets.evaluation import tables as summary
    from nets.training.runs import load_run

    run = load_run(options.run)
    against = load_run(options.against) if options.against else None
    if options.json:
        print(json.dumps(summary.numbers(run, against), indent=1))
        return 0
    console = _wide()
    for part in summary.parts(run, against):
        console.print(part)
    return 0


def _wide() -> Console:
    """Return the standard output, wide enough for any table where it is not a terminal."""
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = 200
    return console


def _line(metrics: dict[str, float], epochs: int) -> str:
    """Return an epoch's metrics as a line."""
    scores = [
        f"{split} {metrics[f'{split}_loss']:.3f} {100 * metrics[f'{split}_accuracy']:.1f} %"
        for split in ["train", "validation", "test"]
        if f"{split}_loss" in metrics
    ]
    epoch = f"epoch {metrics['epoch']:.0f}/{epochs}"
    return f"{epoch}: {', '.join(scores)}; {metrics['seconds']:.1f} s, {metrics['images_per_second']:,.0f} images/s"


if __name__ == "__main__":
    sys.exit(command_line.run(main))
