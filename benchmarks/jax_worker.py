"""The JAX worker of `benchmarks.train_vs_torch`: it reads commands as lines of JSON and answers each with a line.

Steps are those of `nets.training.fitting`: the compiled chunk of `nets.training.step`, with its shuffling and its sums.
"""

import hashlib
import json
import os
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from closedform.provenance import cpu_instruction_sets
from nets.data.datasets import load
from nets.training.config import PRESETS
from nets.training.ensemble import init_ensemble_state
from nets.training.inference import logits_function
from nets.training.networks import network_of
from nets.training.optimizers import optimizer
from nets.training.step import chunk_function, image_rows


def synthetic(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 32, 32, 3) uint8 of ten classes, a class pattern plus noise, and their labels."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).integers(0, 128, (10, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, count, np.int32)
    return patterns[labels] + rng.integers(0, 128, (count, 32, 32, 3), np.uint8), labels


class Trainer:
    """A network in training. Its data, order and initial parameters are written to ``case["arrays"]`` for PyTorch."""

    def __init__(self, case: dict[str, Any]) -> None:
        if case["data_dir"]:
            dataset = load("cifar10", Path(case["data_dir"]))
            images, labels = np.asarray(dataset.train.images), dataset.train.labels
            test_images, test_labels = np.asarray(dataset.test.images), dataset.test.labels
        else:
            images, labels = synthetic(case["images"], seed=1)
            test_images, test_labels = synthetic(1000, seed=2)
        self.config = replace(
            PRESETS["reference"],
            model=case["model"],
            batch_size=case["batch"],
            precision=case["precision"],
            learning_rate=case["learning_rate"],
            momentum=case["momentum"],
            final_relu=False,
        )
        self.batch, self.steps_per_epoch = case["batch"], len(images) // case["batch"]
        shape = images.shape[1:]
        transform = optimizer(self.config, 1)
        module = network_of(self.config, shape, 10)
        self.state = init_ensemble_state(self.config, shape, 10, transform)
        self.chunk = chunk_function(module, transform, self.config, shape, self.steps_per_epoch)
        self.logits = logits_function(module)
        self.images, self.labels = jnp.asarray(image_rows(images)), jnp.asarray(labels)
        self.test = test_images, test_labels
        order = self.first_order(len(images))
        self.digest = hashlib.sha256(images[order[: self.batch]].tobytes()).hexdigest()
        arrays = {"images": images, "labels": labels, "test_images": test_images, "test_labels": test_labels}
        np.savez(case["arrays"], order=order, **arrays, **parameters(self.state.params))

    def first_order(self, count: int) -> np.ndarray:
        """Return the order of the images in the first epoch, as the chunk derives it from the state's key."""
        shuffle, _ = jax.random.split(jax.random.fold_in(jax.random.wrap_key_data(self.state.key), 0))
        return np.asarray(jax.random.permutation(shuffle, count))

    def step_losses(self, count: int) -> list[float]:
        """Run steps one at a time and return their losses."""
        total, losses = float(self.state.epoch_loss), []
        for _ in range(count):
            self.run_steps(1)
            losses.append(float(self.state.epoch_loss) - total)
            total += losses[-1]
        return losses

    def run_steps(self, count: int) -> None:
        """Run steps in chunks within an epoch, as in training."""
        step, end = int(self.state.step), int(self.state.step) + count
        while step < end:
            stop = min(end, (step // self.steps_per_epoch + 1) * self.steps_per_epoch)
            self.state, step = self.chunk(self.state, self.images, self.labels, stop), stop
        jax.block_until_ready(self.state)

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        images, labels = self.test
        return float(np.mean(self.logits(self.state.params, images).argmax(axis=1) == labels))


def parameters(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters under flat names, with kernels as (inputs, outputs)."""
    head = params.get("head", params)
    linear = {**head["hidden"], len(head["hidden"]): head["logits"]}
    convs = params.get("conv", {})
    flat: dict[str, Any] = {"convs": len(convs), "linears": len(linear)}
    for i, layer in convs.items():
        flat |= {f"conv{i}_kernel": layer["kernel"], f"conv{i}_bias": layer["bias"]}
    for i, layer in linear.items():
        flat |= {f"linear{i}_kernel": layer["kernel"].T, f"linear{i}_bias": layer["bias"]}
    return flat


def peak_flops(precision: str, size: int) -> float:
    """Return the FLOP/s of a product of square matrices."""
    a = jax.random.normal(jax.random.key(0), (size, size), jnp.dtype(precision))
    times_three = jax.jit(lambda a: jnp.stack([(a + i) @ a for i in range(3)]))
    jax.block_until_ready(times_three(a))
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        jax.block_until_ready(times_three(a))
        best = min(best, (time.perf_counter() - started) / 3)
    return 2 * size**3 / best


def threads() -> int:
    """Return the number of XLA's compute threads on a CPU, by their names on Linux, else the number of cores."""
    names = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    return sum(name.startswith("tf_XLAEigen") for name in names) or os.cpu_count() or 1


def main() -> None:
    """Answer commands until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries is not an answer
    trainer: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        answer: dict[str, Any] = {}
        if command["command"] == "environment":
            packages = ["jax", "jaxlib", "flax", "optax", "numpy"]
            peak_flops("float32", 512)  # starts every thread
            device = jax.devices()[0]
            answer = {
                "device": device.device_kind if jax.default_backend() != "cpu" else "cpu",
                "threads": threads(),
                "instruction_sets": cpu_instruction_sets(),
                "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
            }
        elif command["command"] == "start":
            trainer = Trainer(command)
            answer = {"batch": trainer.digest, "steps_per_epoch": trainer.steps_per_epoch}
        elif command["command"] == "losses":
            answer = {"losses": trainer.step_losses(command["steps"])}
        elif command["command"] == "time":
            started = time.perf_counter()
            trainer.run_steps(command["steps"])
            answer = {"seconds": time.perf_counter() - started}
        elif command["command"] == "accuracy":
            answer = {"accuracy": trainer.accuracy()}
        elif command["command"] == "peak":
            answer = {"flops": peak_flops(command["precision"], command["size"])}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
