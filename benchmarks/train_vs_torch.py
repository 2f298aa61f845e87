"""Training against PyTorch, in one run, in turn: `python -m benchmarks.train_vs_torch --torch-python PYTHON`.

Both networks at several batch sizes, in float32 and with products in bfloat16 (PyTorch: its autocast). Each side is a
process of its own, PyTorch's with the Python given, since it may live in another environment. Both start from the same
parameters and take the same batches with the same optimiser, SGD with momentum: before anything is timed their losses
must agree, and so must threads, malloc settings and device. Then they are timed in turn; what is printed, as a table
and with `--json` as JSON, are medians and the median ratio of neighbours. The first step, which compiles, is apart.

Where both find a GPU it is used, with the factors of float32 in TF32 on both sides, as JAX has them by default. PyTorch
then also runs through `torch.compile`, and with `--data-dir` (CIFAR-10) the time to the accuracy of `--preset
reference` is measured. Utilisation is against 18.3 MFLOP (mlp) and 72 MFLOP (conv) an image trained, and the speed of a
product of large matrices on the same device. Exit code: 2 where the sides differ.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

MFLOP = {"mlp": 18.3, "conv": 72.0}
"""Of an image trained: two a weight and place forward, and twice that for the gradients, less what the image needs none
of."""
ACCURACY = {"mlp": 0.53, "conv": 0.61}
"""Test accuracy that the preset has after ten epochs, less its spread between seeds."""
LOSS = {"float32": 1e-3, "bfloat16": 1e-2}
"""Largest difference of the losses of a step, in nats. In float32 sums are taken in another order, on a GPU of factors
in TF32; PyTorch's autocast rounds activations and gradients to bfloat16, this project only the factors of products."""
LEARNING_RATE, MOMENTUM = 5e-2, 0.9
IMAGES = 50_000
"""Training images that are made up: as many as CIFAR-10 has, which are more than a processor's caches hold."""
OTHERS = 0.1
"""Cores that other processes may use: threads that wait for each other lose far more time than what is taken."""
MALLOC = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_")
"""How the names of environment variables begin that change memory allocation."""


class UnlikeError(ValueError):
    """The two sides do not do the same."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is compared, and for how long."""

    torch_python: Path
    """Python that has PyTorch and NumPy."""
    models: tuple[Literal["mlp", "conv"], ...] = ("mlp", "conv")
    """Networks."""
    batches: tuple[int, ...] = (32, 128, 512)
    """Images a step."""
    precisions: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    """Of the products."""
    repeats: int = 7
    """How often each side is timed, in turn."""
    seconds: float = 1.0
    """How long a timing should take."""
    steps: int = 10
    """Steps whose losses are compared."""
    fused: bool = False
    """PyTorch's fused SGD, which is faster, instead of what `torch.optim.SGD` does by itself."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets with CIFAR-10 (default: made-up images of its size)."""
    json: Path | None = None
    """File for the numbers."""
    quick: bool = False
    """Only batch 128, two short timings: whether it runs, not how fast."""


class Worker:
    """A side: a process that answers a line of JSON with one."""

    def __init__(self, name: str, command: list[str], compiled: bool = False) -> None:
        self.name, self.command, self.compiled = name, command, compiled
        environment = os.environ | {"XLA_PYTHON_CLIENT_MEM_FRACTION": ".4"}  # of a GPU, which the sides share
        self.malloc = {name: value for name, value in sorted(environment.items()) if name.startswith(MALLOC)}
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        except OSError as error:
            raise ValueError(f"`{command[0]}` must be a Python that can be run: {error.strerror}.") from error

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and return the answer; ValueError with what the process said if it ended."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self.process.communicate()[1].strip().splitlines()
            raise ValueError(f"{self.name} ended ({' '.join(self.command)}): {said[-1] if said else 'it said nothing'}")
        return json.loads(line)


@contextmanager
def workers(options: Options) -> Iterator[tuple[Worker, list[Worker], dict[str, Any]]]:
    """Yield this project's side, PyTorch's, and what both are; UnlikeError unless they may be compared."""
    torch = [str(options.torch_python), str(Path(__file__).with_name("torch_worker.py"))]
    sides = [Worker("jax", [sys.executable, "-m", "benchmarks.jax_worker"])]
    try:
        sides.append(Worker("torch", torch))
        about = {side.name: side.ask("about") | {"malloc": side.malloc} for side in sides}
        require_alike(about["jax"], about["torch"])
        if about["jax"]["device"] != "cpu":
            sides.append(Worker("torch.compile", torch, compiled=True))
        yield sides[0], sides[1:], about
    finally:
        for side in sides:
            side.process.kill()
            side.process.communicate()


def require_alike(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Raise UnlikeError unless both sides have the same device, threads (on a CPU) and malloc settings."""
    names = ["device", "malloc", *(["threads"] if ours["device"] == "cpu" else [])]
    for name in names:
        if ours[name] != theirs[name]:
            raise UnlikeError(f"{name}: {ours[name]!r} here and {theirs[name]!r} in PyTorch; give both the same.")


def require_same_losses(ours: list[float], theirs: list[float], precision: str, name: str) -> None:
    """Raise UnlikeError unless the losses of each step agree, and change: networks that learn nothing always agree."""
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if not abs(a - b) <= LOSS[precision]:
            raise UnlikeError(
                f"{name}: the loss of step {step + 1} is {a:.5f} here and {b:.5f} in PyTorch, more than "
                f"{LOSS[precision]:g} apart: the sides do not train the same network on the same batches."
            )
    if not max(ours) - min(ours) > LOSS[precision]:
        raise UnlikeError(f"{name}: the losses {ours} hardly change, so that they say nothing; take more `steps`.")


def others_seconds(sides: list[Worker]) -> float:
    """Return the processor seconds of all other processes since the machine started (on Linux; else 0)."""
    if not Path("/proc/stat").exists():
        return 0.0
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    mine = sum(
        sum(map(int, Path(f"/proc/{side.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        for side in sides
    )
    return (user + nice + system - mine) / os.sysconf("SC_CLK_TCK")


def timed(side: Worker, seconds: float) -> int:
    """Return how many steps take about ``seconds``."""
    count = 1
    while (took := side.ask("time", steps=count)["seconds"]) < seconds / 4:
        count *= 2
    return max(1, round(count * seconds / took))


def compare(
    options: Options, model: str, batch: int, precision: str, ours: Worker, theirs: list[Worker], folder: Path
) -> dict[str, Any]:
    """Return the numbers of one case; UnlikeError if its losses differ."""
    name = f"{model}, batch {batch}, {precision}"
    case = {
        "arrays": str(folder / "case.npz"), "model": model, "batch": batch, "precision": precision,
        "learning_rate": LEARNING_RATE, "momentum": MOMENTUM, "fused": options.fused,
        "images": max(IMAGES, (options.steps + 1) * batch), "data_dir": options.data_dir and str(options.data_dir),
    }  # fmt: skip
    sides = [ours, *theirs]
    digests = [side.ask("start", **case, compile=side.compiled)["batch"] for side in sides]
    if len(set(digests)) > 1:
        raise UnlikeError(f"{name}: the first batches differ.")
    first, losses = {}, {}
    for side in sides:
        started = time.perf_counter()
        losses[side.name] = side.ask("losses", steps=1)["losses"]
        first[side.name] = time.perf_counter() - started
        losses[side.name] += side.ask("losses", steps=options.steps - 1)["losses"]
    for side in theirs:
        require_same_losses(losses["jax"], losses[side.name], precision, f"{name}, {side.name}")
    steps = {side.name: timed(side, options.seconds) for side in sides}
    speeds: dict[str, list[float]] = {side.name: [] for side in sides}
    started, before = time.perf_counter(), others_seconds(sides)
    for _ in range(options.repeats):
        for side in sides:
            side.ask("time", steps=-(-steps[side.name] // 5))  # threads that waited find their cores again
            seconds = side.ask("time", steps=steps[side.name])["seconds"]
            speeds[side.name].append(steps[side.name] * batch / seconds)
    others = (others_seconds(sides) - before) / (time.perf_counter() - started)
    ratios = {
        side.name: sorted(a / b for a, b in zip(speeds["jax"], speeds[side.name], strict=True)) for side in theirs
    }
    return {
        "model": model, "batch": batch, "precision": precision, "cores_of_others": others,
        "losses": losses, "first_step_seconds": first,
        "images_per_second": {name: median(values) for name, values in speeds.items()},
        "all_images_per_second": speeds,
        "ratio": {name: median(values) for name, values in ratios.items()},
        "ratio_range": {name: (values[0], values[-1]) for name, values in ratios.items()},
    }  # fmt: skip


def to_accuracy(options: Options, model: str, sides: list[Worker], folder: Path) -> dict[str, Any]:
    """Return how many epochs and seconds each side takes to the reference preset's accuracy, compilation among them."""
    found = {}
    case = {"arrays": str(folder / "case.npz"), "model": model, "batch": 32, "precision": "float32",
            "learning_rate": 1e-3, "momentum": MOMENTUM, "fused": options.fused,
            "data_dir": str(options.data_dir)}  # fmt: skip
    steps = 0
    for side in sides:
        answer = side.ask("start", **case, compile=side.compiled)
        steps = answer.get("steps_an_epoch", steps)  # this project's side comes first
        epochs, seconds, reached = 0, 0.0, 0.0
        while reached < ACCURACY[model] and epochs < 20:
            epochs += 1
            seconds += side.ask("time", steps=steps)["seconds"]
            reached = side.ask("accuracy")["accuracy"]
        found[side.name] = {"epochs": epochs, "seconds": seconds, "accuracy": reached, "of": ACCURACY[model]}
    return found


def table(rows: list[dict[str, Any]], peaks: dict[str, float]) -> Table:
    """Return the numbers as a table; utilisation is this project's, of the speed of a product of large matrices."""
    others = list(rows[0]["ratio"])
    columns = ["network", "batch", "precision", "images/s", *[f"{name} images/s" for name in others]]
    columns += [f"ratio to {name} (range)" for name in others] + ["first step, s", "utilisation"]
    made = Table(*columns, box=None)
    for row in rows:
        speed = row["images_per_second"]
        ratios = ["{:.2f} ({:.2f} to {:.2f})".format(row["ratio"][name], *row["ratio_range"][name]) for name in others]
        share = speed["jax"] * MFLOP[row["model"]] * 1e6 / peaks[row["precision"]]
        made.add_row(
            row["model"], str(row["batch"]), row["precision"], f"{speed['jax']:,.0f}",
            *[f"{speed[name]:,.0f}" for name in others], *ratios,
            ", ".join(f"{value:.1f}" for value in row["first_step_seconds"].values()), f"{100 * share:.0f} %",
        )  # fmt: skip
    return made


def main(options: Options, console: Console) -> dict[str, Any]:
    """Compare, print and return the numbers."""
    if options.repeats < 1 or not (options.models and options.batches and options.precisions):
        raise ValueError("`repeats` must be at least 1, and `models`, `batches` and `precisions` must not be empty.")
    if options.data_dir and (options.steps + 1) * max(options.batches) > IMAGES:
        raise ValueError(f"`steps` and `batches` ask for more than CIFAR-10's {IMAGES:,} images; lower one of them.")
    if options.json and not options.json.parent.is_dir():
        raise ValueError(f"`json` must be in a folder that there is, got {options.json}.")
    if "JAX_DEFAULT_MATMUL_PRECISION" in os.environ:
        raise ValueError("JAX_DEFAULT_MATMUL_PRECISION is set, of which PyTorch knows nothing; unset it.")
    if options.quick:
        options = Options(**{**vars(options), "batches": (128,), "repeats": 2, "seconds": 0.1})
    with workers(options) as (ours, theirs, about), tempfile.TemporaryDirectory() as folder:
        cases = list(product(options.models, options.batches, options.precisions))
        rows = [
            compare(options, *case, ours, theirs, Path(folder))
            for case in track(cases, "compare", console=console, disable=not console.is_terminal)
        ]
        size = 2048 if about["jax"]["device"] == "cpu" else 8192
        peaks = {name: ours.ask("peak", precision=name, size=size)["flops"] for name in options.precisions}
        found: dict[str, Any] = {"about": about, "peak_flops": peaks, "cases": rows}
        if options.data_dir and about["jax"]["device"] != "cpu":
            found["to_accuracy"] = {m: to_accuracy(options, m, [ours, *theirs], Path(folder)) for m in options.models}
    out = Console(width=160)
    busiest = max(row["cores_of_others"] for row in rows)
    if busiest > OTHERS:
        out.print(f"other processes used up to {busiest:.1f} cores meanwhile: these timings are of a busy machine")
    out.print(table(rows, peaks))
    for model, sides in found.get("to_accuracy", {}).items():
        for name, one in sides.items():
            reached = f"{one['epochs']} epochs, {one['seconds']:.2f} s, {one['accuracy']:.3f}"
            out.print(f"{model} to {one['of']}: {name} {reached}")
    for name, one in about.items():
        versions = ", ".join(f"{package} {version}" for package, version in one["versions"].items())
        out.print(f"{name} on {one['device']}, {one['threads']} threads, malloc {one['malloc'] or 'plain'}: {versions}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


if __name__ == "__main__":
    try:
        main(tyro.cli(Options, description=__doc__), Console(stderr=True))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
