"""Train and evaluate image classifiers, on the device that JAX finds.

`python -m nets train` trains a convolutional network on CIFAR-10, `--dataset FOLDER` trains one on your own images, and
`--dataset digits` one on 8x8 digits, in seconds and without a download. `python -m nets prepare NAME` downloads and
prepares a data set of TensorFlow Datasets. `python -m nets runs` lists the runs, and `python -m nets evaluate RUN`
prints accuracy, calibration and confusions of a run. `python -m nets predict RUN IMAGE ...` predicts the class of image
files, and `python -m nets export-run RUN` (or `export`) writes the network to one file. Exit code: 0 for success, 1 if
the loss is not finite, an image cannot be decoded or an exported file is wrong, 2 for invalid usage, a file system
error, or a device that is missing or has too little memory, 130 after Ctrl-C.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closedform import command_line
from closedform.reasons import of_file
from nets._terminal import handle_interrupts, progress_bar, wide_console
from nets.commands import exporting, predicting
from nets.commands.trained_run import TrainedRun
from nets.data.datasets import data_directory
from nets.data.tfds_folder import NotPreparedError
from nets.data.tfds_preparation import prepare, prepare_in_subprocess, require_preparable
from nets.training.config import PRESETS, TrainConfig

if TYPE_CHECKING:
    from nets.training.runs import Run

type Log = Literal["tensorboard"]

COMPILATION_CACHE_BYTES = 2**28
"""Largest size of the compilation cache; the least recently used program is removed first."""


@dataclass(frozen=True, kw_only=True)
class Train(TrainConfig):
    """Train a classifier and write the run to a folder: configuration, metrics, checkpoints, predictions.

    Decoded images and compiled programs are cached in CLOSEDFORM_CACHE or the user's cache folder.
    """

    preset: str = "default"
    """Default values of the other options: `default`, or `reference`, which reproduces published results."""
    resume: bool = False
    """Continue the run in the run folder from its last intact checkpoint, with the same options. On a CPU the result is
    identical to the bit, on a GPU or another number of devices within rounding. With more --epochs a run goes on after
    its end, with the schedule of the larger number from the step where it stands. --patience may differ too; left out,
    it stays. If the folder of the data has moved, --dataset is where it is now."""
    log: Log | None = None
    """tensorboard: also write the metrics of each epoch into the folder `tensorboard` of the run, for
    `tensorboard --logdir` (extra tensorboard)."""
    profile: bool = False
    """Write a profile of some of the first steps after compilation, or of the last ones of a short run, into the folder
    `profile` of the run. https://ui.perfetto.dev opens its perfetto_trace.json.gz, and XProf the folder."""
    coordinator: str | None = None
    """HOST:PORT on which process 0 listens, for training in several processes, usually one on each host. Not needed
    under SLURM, under Open MPI and on a TPU pod. Each process needs the same options and data, and the run folder must
    be on a shared file system."""
    num_processes: int | None = None
    """Number of processes, with `--coordinator`."""
    process_id: int | None = None
    """Index of this process, from 0 to NUM_PROCESSES - 1. Process 0 writes the run folder and reports progress."""


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Download a data set of TensorFlow Datasets and prepare it as array_record files. This needs TensorFlow."""

    name: Annotated[str, tyro.conf.Positional]
    """Name of the data set in TensorFlow Datasets, such as cifar10, mnist or fashion_mnist."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """List the runs in a folder with network, data set, epochs and accuracies, and whether they are finished."""

    folder: Annotated[Path, tyro.conf.Positional] = Path("build/runs")
    """Folder whose subfolders are runs."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(TrainedRun):
    """Evaluate a run on train and test images, with 95 % intervals, and compare it with another run."""

    against: Path | None = None
    """Folder of another run, for McNemar's exact test on the same test images. The other options are for both runs."""
    json: bool = False
    """Print all results as JSON."""


COMMANDS = {
    "train": Train,
    "prepare": Prepare,
    "runs": Runs,
    "evaluate": Evaluate,
    "predict": predicting.Predict,
    "export-run": exporting.ExportRun,
}
ALIASES = {"export": "export-run"}
"""Short names; `closedform export` is a command of bayes, so the name of this one is longer."""


def main(arguments: list[str], prog: str = "python -m nets") -> int:
    """Run the command line of the program ``prog`` and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # TensorFlow Datasets and Orbax log there
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # tasks that Orbax abandons when it fails
    arguments = [*(ALIASES.get(name, name) for name in arguments[:1]), *arguments[1:]]
    try:
        preset = _preset(arguments)
        commands = (
            Annotated[Train, tyro.conf.subcommand("train", default=preset)]
            | Annotated[Prepare, tyro.conf.subcommand("prepare")]
            | Annotated[Runs, tyro.conf.subcommand("runs")]
            | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
            | Annotated[predicting.Predict, tyro.conf.subcommand("predict")]
            | Annotated[exporting.ExportRun, tyro.conf.subcommand("export-run")]
        )
        help_words = [prog, *arguments[:1], "--help"] if arguments and arguments[0] in COMMANDS else [prog, "--help"]
        options: Any = command_line.parsed(
            lambda: tyro.cli(commands, prog=prog, description=__doc__, args=arguments), " ".join(help_words)
        )
        if isinstance(options, Runs):
            return _list_runs(options, console)
        if isinstance(options, Evaluate):
            return _on_devices(lambda: _evaluate(options, console))
        if isinstance(options, predicting.Predict):
            return _on_devices(lambda: predicting.run(options, console))
        if isinstance(options, exporting.ExportRun):
            return _on_devices(lambda: exporting.run(options, console))
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


def _on_devices(command: Callable[[], int]) -> int:
    """Run a command that computes on JAX's devices, and return its exit code; their errors are in one line."""
    from nets.distributed.device_errors import report_device_errors, require_devices

    require_devices()
    with report_device_errors():
        return command()


def _preset(arguments: list[str]) -> Train:
    """Return the options of the preset on the command line, before the other options are parsed."""
    name = "default"
    for argument, next_argument in zip_longest(arguments, arguments[1:], fillvalue=""):
        if argument == "--preset" or argument.startswith("--preset="):
            name = argument.partition("=")[2] or next_argument
    if name not in PRESETS:
        raise ValueError(f"`--preset` must be one of {', '.join(PRESETS)}, got {name!r}.")
    return Train(**asdict(PRESETS[name]), preset=name)


def _train(options: Train, console: Console) -> int:
    config = TrainConfig(**{field.name: getattr(options, field.name) for field in fields(TrainConfig)})
    with handle_interrupts() as (defer_interrupts, interrupted):  # also while JAX is imported, which takes seconds
        from nets.distributed.device_errors import report_device_errors, require_devices
        from nets.distributed.processes import ends_without_lost_ones, initialize_processes, is_first_process
        from nets.training.early_stopping import stopped_early
        from nets.training.fitting import fit
        from nets.training.profiling import traces
        from nets.training.tensorboard import tensorboard_log

        enable_compilation_cache()
        initialize_processes(options.coordinator, options.num_processes, options.process_id)
        require_devices()
        if not is_first_process():
            console = Console(quiet=True)
        with ends_without_lost_ones(), report_device_errors(), progress_bar(console) as progress, ExitStack() as stack:
            log = lambda _: None  # noqa: E731
            if options.log == "tensorboard" and is_first_process():
                log = stack.enter_context(tensorboard_log(config.folder / "tensorboard"))

            def start(sentence: str) -> None:
                console.print(sentence, markup=False)
                defer_interrupts()

            def end_epoch(metrics: dict[str, float]) -> None:
                console.print(_describe_epoch(metrics, config.epochs), markup=False)
                log(metrics)

            arguments = {
                "resume": options.resume,
                "progress": progress,
                "on_epoch": end_epoch,
                "profile": options.profile,
                "on_start": start,
                "stop": interrupted,
            }
            traces_before = traces(config.folder / "profile")
            try:
                run = fit(config, **arguments)
            except NotPreparedError as error:
                data_dir = data_directory(config.data_dir)
                require_preparable(config.dataset, data_dir)
                console.print(f"{error}; preparing it in an environment with TensorFlow", markup=False)
                code = prepare_in_subprocess(config.dataset, data_dir)
                if code:
                    return code
                run = fit(config, **arguments)
        if is_first_process():
            if stopped_early(run.config, run.metrics):
                console.print(_describe_early_stop(run), markup=False)
            for trace, _ in traces(run.folder / "profile").items() - traces_before.items():
                console.print(f"profile of some steps: open {trace} at https://ui.perfetto.dev", markup=False)
            print(run.folder)
    return 0


def enable_compilation_cache() -> None:
    """Enable JAX's persistent compilation cache in the cache folder, if that can be written.

    Programs that take a tenth of a second to compile are cached. Compiled code is specific to a CPU, and machines may
    share a home folder, so each kind of CPU has its own folder.
    """
    import jax

    from closedform.provenance import cpu_fingerprint
    from nets.data.image_cache import cache_directory

    folder = cache_directory() / "compiled" / cpu_fingerprint()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_compilation_cache_max_size", COMPILATION_CACHE_BYTES)


def _prepare(options: Prepare, console: Console) -> int:
    data_dir = data_directory(options.data_dir)
    try:
        folder = prepare(options.name, data_dir)
    except ModuleNotFoundError as error:
        if error.name:  # an extra is missing, and not TensorFlow alone
            raise
        console.print(
            "TensorFlow is not in this environment; preparing in an environment with TensorFlow", markup=False
        )
        return prepare_in_subprocess(options.name, data_dir)
    print(folder)
    return 0


def _list_runs(options: Runs, console: Console) -> int:
    from nets.training.runs import RUN_FILES, load_run

    if not options.folder.is_dir():
        raise ValueError(f"`folder` must be a folder of runs, got {options.folder}; `train` writes to {Runs.folder}.")
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
        table.add_row(*map(Text, [folder.name, model, run.config.dataset, epochs, *scores, finished]))
    if not table.row_count:
        console.print(f"no runs in {options.folder}; `train` writes them to {Runs.folder}", markup=False)
        return 0
    wide_console().print(table)
    return 0


def _evaluate(options: Evaluate, console: Console) -> int:
    from nets.evaluation.tables import evaluation_record, evaluation_tables

    with progress_bar(console) as progress:
        run = options.load(options.run, progress)
        against = options.load(options.against, progress) if options.against else None
        record = evaluation_record(run, against) if options.json else None
        tables = [] if options.json else list(evaluation_tables(run, against))
    if record is not None:
        print(json.dumps(record, indent=1))
    for table in tables:
        wide_console().print(table)
    return 0


def _describe_early_stop(run: "Run") -> str:
    """Return why and when training stopped early, and the epoch of the best checkpoint."""
    from nets.training.early_stopping import epochs_without_improvement
    from nets.training.runs import load_run

    step = load_run(run.folder, "best").step
    best = next(line["epoch"] for line in run.metrics if line["step"] == step)
    return (
        f"stopped early after epoch {run.metrics[-1]['epoch']:.0f}: no better validation accuracy for "
        f"{epochs_without_improvement(run.metrics)} epochs; --checkpoint best has epoch {best:.0f}"
    )


def _describe_epoch(metrics: dict[str, float], epochs: int) -> str:
    """Return the metrics of an epoch in one line."""
    scores = []
    for split in ["train", "validation", "test"]:
        if f"{split}_loss" in metrics:
            scores.append(f"{split} {metrics[f'{split}_loss']:.3f} {100 * metrics[f'{split}_accuracy']:.1f} %")
        if f"{split}_balanced_accuracy" in metrics:  # classes are uneven
            balanced, macro_f1 = (metrics[f"{split}_{name}"] for name in ("balanced_accuracy", "macro_f1"))
            scores[-1] += f" (balanced {100 * balanced:.1f} %, macro F1 {100 * macro_f1:.1f} %)"
    epoch = f"epoch {metrics['epoch']:.0f}/{epochs}"
    return f"{epoch}: {', '.join(scores)}; {metrics['seconds']:.1f} s, {metrics['images_per_second']:,.0f} images/s"


if __name__ == "__main__":
    sys.exit(command_line.run(main))
