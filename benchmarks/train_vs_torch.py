"""Training speed against PyTorch, timed alternately: `python -m benchmarks.train_vs_torch --torch-python PYTHON`.

Both networks at several batch sizes, in float32 and with products in bfloat16 (PyTorch: its autocast). Each framework
runs in a worker process, PyTorch with the Python of `--torch-python`, which may belong to another environment. Both
start from the same parameters and train on the same batches with the same optimizer, SGD with momentum. Before any
timing their losses must agree, and so must threads, malloc settings and device. Then they are timed alternately. The
output, a table and with `--json` a JSON file, has medians and the median ratio of consecutive timings. The first step,
which compiles, is separate.

If both have a GPU it is used, with TF32 factors for float32 in both, the default of JAX. PyTorch then also runs with
`torch.compile`, and with its whole step in a CUDA graph (channels last, fused SGD). With `--data-dir` (CIFAR-10) the
time to the accuracy of `--preset reference` is measured.

Utilisation is relative to 18.3 MFLOP (mlp) and 72 MFLOP (conv) per training image and the speed of a product of large
matrices on the same device. Exit code: 2 if the workers are not comparable.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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
"""Per training image: two per weight and position in the forward pass and four in the backward pass, without the
gradient of the image."""
ACCURACY = {"mlp": 0.53, "conv": 0.61}
"""Test accuracy of the preset after ten epochs, minus its variation over seeds."""
LOSS_TOLERANCE = {"float32": 1e-3, "bfloat16": 1e-2}
"""Largest difference of the losses of a step, in nats. In float32 the order of sums differs, on a GPU with TF32
factors. PyTorch's autocast rounds activations and gradients to bfloat16, this project only the factors of products."""
LEARNING_RATE, MOMENTUM = 5e-2, 0.9
IMAGES = 50_000
"""Number of synthetic training images: as in CIFAR-10, more than the caches of a processor hold."""
MAX_OTHER_CORES = 0.1
"""Cores that other processes may use. Threads that wait for each other lose far more time than that."""
GPU_MODES = ("compile", "cuda graph")
"""Modes of `benchmarks.torch_worker` on a GPU, beside eager."""
MALLOC_PREFIXES = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_")
"""Prefixes of the environment variables that change memory allocation."""


class WorkerError(ValueError):
    """A worker ended: ``worker`` is its name."""

    def __init__(self, message: str, worker: str | None = None) -> None:
        super().__init__(message)
        self.worker = worker


class NotComparableError(WorkerError):
    """The two workers do not run the same training; ``worker`` is the name of the one that differs, if it is one."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Cases of the comparison, and its length."""

    torch_python: Path
    """Python with PyTorch and NumPy."""
    models: tuple[Literal["mlp", "conv"], ...] = ("mlp", "conv")
    """Networks."""
    batches: tuple[int, ...] = (32, 128, 512)
    """Images a step."""
    precisions: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    """Precisions of products."""
    repeats: int = 7
    """Number of timings of each worker."""
    seconds: float = 1.0
    """Target duration of a timing."""
    steps: int = 10
    """Number of steps whose losses are compared."""
    fused: bool = False
    """Use PyTorch's fused SGD, which is faster than the default of `torch.optim.SGD`."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets with CIFAR-10 (default: synthetic images of its size)."""
    json: Path | None = None
    """File for the results."""
    quick: bool = False
    """Only batch 128 with two short timings, as a smoke test."""


class Worker:
    """A worker process that answers each command, a line of JSON, with a line."""

    def __init__(self, name: str, command: list[str], mode: str | None = None) -> None:
        self.name, self.command, self.mode = name, command, mode
        environment = os.environ | {"XLA_PYTHON_CLIENT_MEM_FRACTION": ".4"}  # of a GPU, which the workers share
        self.malloc = {name: value for name, value in sorted(environment.items()) if name.startswith(MALLOC_PREFIXES)}
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # not a pipe, which fills up
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env=environment,
            )
        except OSError as error:
            self.errors.close()
            raise ValueError(f"`{command[0]}` must be an executable Python: {error.strerror}.") from error

    def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and return the answer; WorkerError with the last line of standard error if the process
        ended."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.process.wait()
            self.errors.seek(0)
            errors = self.errors.read().strip().splitlines()
            reason = errors[-1] if errors else "no error message"
            raise WorkerError(f"{self.name} ended ({' '.join(self.command)}): {reason}", self.name)
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@contextmanager
def workers(
    options: Options, gpu_modes: Sequence[str] = GPU_MODES
) -> Iterator[tuple[Worker, list[Worker], dict[str, Any]]]:
    """Yield the JAX worker, the PyTorch workers, and the environments; NotComparableError if these differ.

    On a GPU there is a PyTorch worker for eager mode and for each of ``gpu_modes``.
    """
    torch = [str(options.torch_python), str(Path(__file__).with_name("torch_worker.py"))]
    started = [Worker("jax", [sys.executable, "-m", "benchmarks.jax_worker"])]
    try:
        started.append(Worker("torch", torch, "eager"))
        environments = {worker.name: worker.request("environment") | {"malloc": worker.malloc} for worker in started}
        require_same_environment(environments["jax"], environments["torch"])
        if environments["jax"]["device"] != "cpu":
            started += [Worker(f"torch, {mode}", torch, mode) for mode in gpu_modes]
        yield started[0], started[1:], environments
    finally:
        for worker in started:
            worker.close()


def require_same_environment(jax: dict[str, Any], torch: dict[str, Any]) -> None:
    """Raise NotComparableError unless both workers have the same device, threads (on a CPU) and malloc settings."""
    names = ["device", "malloc", *(["threads"] if jax["device"] == "cpu" else [])]
    for name in names:
        if jax[name] != torch[name]:
            raise NotComparableError(f"{name}: {jax[name]!r} in JAX and {torch[name]!r} in PyTorch; set both the same.")


def require_same_losses(jax: list[float], torch: list[float], precision: str, name: str) -> None:
    """Raise NotComparableError unless the losses of each step agree, and change over the steps."""
    for step, (a, b) in enumerate(zip(jax, torch, strict=True)):
        if not abs(a - b) <= LOSS_TOLERANCE[precision]:
            raise NotComparableError(
                f"{name}: the loss of step {step + 1} is {a:.5f} in JAX and {b:.5f} in PyTorch, more than "
                f"{LOSS_TOLERANCE[precision]:g} apart: the workers do not train the same network on the same batches."
            )
    if not max(jax) - min(jax) > LOSS_TOLERANCE[precision]:
        raise NotComparableError(
            f"{name}: the losses {jax} hardly change, so the comparison is not informative; take more `steps`."
        )


def other_process_seconds(workers: list[Worker]) -> float:
    """Return the processor seconds of all other processes since the machine started (on Linux; else 0)."""
    if not Path("/proc/stat").exists():
        return 0.0
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    own = sum(
        sum(map(int, Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        for worker in workers
    )
    return (user + nice + system - own) / os.sysconf("SC_CLK_TCK")


def count_steps(worker: Worker, seconds: float) -> int:
    """Return the number of steps that take about ``seconds``."""
    count = 1
    while (duration := worker.request("time", steps=count)["seconds"]) < seconds / 4:
        count *= 2
    return max(1, round(count * seconds / duration))


def compare(
    options: Options,
    model: str,
    batch: int,
    precision: str,
    jax_worker: Worker,
    torch_workers: list[Worker],
    folder: Path,
) -> dict[str, Any]:
    """Return the results of one case; NotComparableError if its losses differ."""
    name = f"{model}, batch {batch}, {precision}"
    case = {
        "arrays": str(folder / "case.npz"), "model": model, "batch": batch, "precision": precision,
        "learning_rate": LEARNING_RATE, "momentum": MOMENTUM, "fused": options.fused,
        "images": max(IMAGES, (options.steps + 1) * batch), "data_dir": options.data_dir and str(options.data_dir),
    }  # fmt: skip
    all_workers = [jax_worker, *torch_workers]
    digests = [worker.request("start", **case, mode=worker.mode)["batch"] for worker in all_workers]
    if len(set(digests)) > 1:
        raise NotComparableError(f"{name}: the first batches differ.")
    first_step_seconds, losses = {}, {}
    for worker in all_workers:
        started = time.perf_counter()
        losses[worker.name] = worker.request("losses", steps=1)["losses"]
        first_step_seconds[worker.name] = time.perf_counter() - started
        losses[worker.name] += worker.request("losses", steps=options.steps - 1)["losses"]
    for worker in torch_workers:
        try:
            require_same_losses(losses["jax"], losses[worker.name], precision, f"{name}, {worker.name}")
        except NotComparableError as error:
            raise NotComparableError(str(error), worker.name) from None
    steps = {worker.name: count_steps(worker, options.seconds) for worker in all_workers}
    speeds: dict[str, list[float]] = {worker.name: [] for worker in all_workers}
    started, other_seconds = time.perf_counter(), other_process_seconds(all_workers)
    for _ in range(options.repeats):
        for worker in all_workers:
            worker.request("time", steps=-(-steps[worker.name] // 5))  # so that idle threads are back on their cores
            seconds = worker.request("time", steps=steps[worker.name])["seconds"]
            speeds[worker.name].append(steps[worker.name] * batch / seconds)
    other_cores = (other_process_seconds(all_workers) - other_seconds) / (time.perf_counter() - started)
    ratios = {
        worker.name: sorted(a / b for a, b in zip(speeds["jax"], speeds[worker.name], strict=True))
        for worker in torch_workers
    }
    return {
        "model": model, "batch": batch, "precision": precision, "other_process_cores": other_cores,
        "losses": losses, "first_step_seconds": first_step_seconds,
        "images_per_second": {name: median(values) for name, values in speeds.items()},
        "all_images_per_second": speeds,
        "ratio": {name: median(values) for name, values in ratios.items()},
        "ratio_range": {name: (values[0], values[-1]) for name, values in ratios.items()},
    }  # fmt: skip


def time_to_accuracy(options: Options, model: str, all_workers: list[Worker], folder: Path) -> dict[str, Any]:
    """Return the epochs and seconds of each worker to the accuracy of the reference preset, with compilation."""
    results = {}
    case = {"arrays": str(folder / "case.npz"), "model": model, "batch": 32, "precision": "float32",
            "learning_rate": 1e-3, "momentum": MOMENTUM, "fused": options.fused,
            "data_dir": str(options.data_dir)}  # fmt: skip
    steps = 0
    for worker in all_workers:
        answer = worker.request("start", **case, mode=worker.mode)
        steps = answer.get("steps_per_epoch", steps)  # from the JAX worker, which comes first
        epochs, seconds, accuracy = 0, 0.0, 0.0
        while accuracy < ACCURACY[model] and epochs < 20:
            epochs += 1
            seconds += worker.request("time", steps=steps)["seconds"]
            accuracy = worker.request("accuracy")["accuracy"]
        results[worker.name] = {"epochs": epochs, "seconds": seconds, "accuracy": accuracy, "target": ACCURACY[model]}
    return results


def results_table(rows: list[dict[str, Any]], peaks: dict[str, float]) -> Table:
    """Return the results as a table; utilisation is that of JAX, relative to a product of large matrices."""
    torch_names = list(rows[0]["ratio"])
    columns = ["network", "batch", "precision", "images/s", *[f"{name} images/s" for name in torch_names]]
    columns += [f"ratio to {name} (range)" for name in torch_names] + ["first step, s", "utilisation"]
    result_table = Table(*columns, box=None)
    for row in rows:
        speed = row["images_per_second"]
        ratios = [
            "{:.2f} ({:.2f} to {:.2f})".format(row["ratio"][name], *row["ratio_range"][name]) for name in torch_names
        ]
        utilisation = speed["jax"] * MFLOP[row["model"]] * 1e6 / peaks[row["precision"]]
        result_table.add_row(
            row["model"], str(row["batch"]), row["precision"], f"{speed['jax']:,.0f}",
            *[f"{speed[name]:,.0f}" for name in torch_names], *ratios,
            ", ".join(f"{value:.1f}" for value in row["first_step_seconds"].values()), f"{100 * utilisation:.0f} %",
        )  # fmt: skip
    return result_table


def main(options: Options, console: Console) -> dict[str, Any]:
    """Run the comparison, print and return the results."""
    if options.repeats < 1 or not (options.models and options.batches and options.precisions):
        raise ValueError("`repeats` must be at least 1, and `models`, `batches` and `precisions` must not be empty.")
    if options.data_dir and (options.steps + 1) * max(options.batches) > IMAGES:
        raise ValueError(f"`steps` and `batches` need more than CIFAR-10's {IMAGES:,} images; lower one of them.")
    if options.json and not options.json.parent.is_dir():
        raise ValueError(f"`json` must be in an existing folder, got {options.json}.")
    if "JAX_DEFAULT_MATMUL_PRECISION" in os.environ:
        raise ValueError("JAX_DEFAULT_MATMUL_PRECISION is set, and has no effect on PyTorch; unset it.")
    if options.quick:
        options = Options(**{**vars(options), "batches": (128,), "repeats": 2, "seconds": 0.1})
    with workers(options) as (jax_worker, torch_workers, environments), tempfile.TemporaryDirectory() as folder:
        cases = list(product(options.models, options.batches, options.precisions))
        rows = [
            compare(options, *case, jax_worker, torch_workers, Path(folder))
            for case in track(cases, "compare", console=console, disable=not console.is_terminal)
        ]
        size = 2048 if environments["jax"]["device"] == "cpu" else 8192
        peaks = {name: jax_worker.request("peak", precision=name, size=size)["flops"] for name in options.precisions}
        results: dict[str, Any] = {"environments": environments, "peak_flops": peaks, "cases": rows}
        if options.data_dir and environments["jax"]["device"] != "cpu":
            results["time_to_accuracy"] = {
                m: time_to_accuracy(options, m, [jax_worker, *torch_workers], Path(folder)) for m in options.models
            }
    out = Console(width=160)
    busiest = max(row["other_process_cores"] for row in rows)
    if busiest > MAX_OTHER_CORES:
        out.print(f"other processes used up to {busiest:.1f} cores: these timings are from a busy machine")
    out.print(results_table(rows, peaks))
    for model, by_worker in results.get("time_to_accuracy", {}).items():
        for name, result in by_worker.items():
            text = f"{result['epochs']} epochs, {result['seconds']:.2f} s, {result['accuracy']:.3f}"
            out.print(f"{model} to {result['target']}: {name} {text}")
    for name, environment in environments.items():
        versions = ", ".join(f"{package} {version}" for package, version in environment["versions"].items())
        malloc = environment["malloc"] or "default"
        out.print(f"{name} on {environment['device']}, {environment['threads']} threads, malloc {malloc}: {versions}")
    out.print(f"instruction sets of the processor: {', '.join(environments['jax']['instruction_sets'] or ['unknown'])}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return results


if __name__ == "__main__":
    try:
        main(tyro.cli(Options, description=__doc__), Console(stderr=True))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
