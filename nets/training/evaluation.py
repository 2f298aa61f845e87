"""Evaluation of a network in training, on the devices.

Images go there once, and only numbers come back. Images that do not fit there (`nets.training.streaming`) go batch by
batch.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

from nets.distributed.mesh import REPLICATED, shard
from nets.models.losses import accuracy, cross_entropy
from nets.training.class_balance import balanced_scores, confusion_counts
from nets.training.ensemble import predictive_logits
from nets.training.inference import device_logits_function, streamed_logits
from nets.training.step import TrainState, image_rows
from nets.training.task import Task


class NonFiniteLossError(ArithmeticError):
    """The loss of a step or of an evaluation was infinite or nan; the last checkpoint is from an earlier step."""


@dataclass(frozen=True)
class DeviceImages:
    """All images and labels of a run on every device of its mesh, as rows of bytes (`image_rows`).

    The images for validation and test are one array, in this order, so that one program evaluates both.
    """

    train: tuple[jax.Array, jax.Array]
    evaluation: tuple[jax.Array, jax.Array]


def put_on_devices(task: Task) -> DeviceImages | None:
    """Copy the images of ``task`` to its devices, unless it streams them."""
    if task.streamed:
        return None
    train, validation, test = (task.splits[name] for name in ["train", "validation", "test"])
    images = np.concatenate([np.asarray(validation.images), np.asarray(test.images)])
    labels = np.concatenate([validation.labels, test.labels])
    pairs = [(np.asarray(train.images), train.labels), (images, labels)]
    return DeviceImages(*(shard((image_rows(images), labels), task.mesh, REPLICATED) for images, labels in pairs))


@dataclass(frozen=True)
class Evaluation:
    """Loss, accuracy and logits of a train state on the images of its run."""

    task: Task
    images: DeviceImages | None
    """Those on the devices, or None if the run streams its images."""

    def metrics(self, state: TrainState) -> dict[str, float]:
        """Return loss and accuracy of the predictive on validation data, if there are any, and on test data.

        If classes are uneven, also balanced accuracy and macro F1.

        Raises NonFiniteLossError if a loss is not finite.
        """
        metrics, confusions = jax.device_get(self._measure(*self._logits_and_labels(state)))
        for name, value in metrics.items():
            if not np.isfinite(value):
                split, _, quantity = name.partition("_")
                raise NonFiniteLossError(
                    f"the {split} {quantity} after step {int(state.step)} is {value}; take a lower --learning-rate."
                )
        for split, confusion in confusions.items():
            metrics |= {f"{split}_{score}": value for score, value in balanced_scores(confusion).items()}
        return {name: float(value) for name, value in metrics.items()}

    def logits(self, state: TrainState) -> dict[str, np.ndarray]:
        """Return the logits of the images of each split: (N, K), or (members, N, K) of an ensemble."""
        if self.images is None:
            return {name: self._streamed_logits(state, name) for name in self.task.splits}
        train, evaluation = (
            np.asarray(self._compute_logits(state.variables, images))
            for images, _ in [self.images.train, self.images.evaluation]
        )
        return {"train": train} | {name: evaluation[..., part, :] for name, part in self._parts.items()}

    def _logits_and_labels(self, state: TrainState) -> tuple[Any, Any]:
        """Return logits and labels of the images for validation, followed by those for test."""
        if self.images is None:
            names = list(self._parts)
            logits = np.concatenate([self._streamed_logits(state, name) for name in names], axis=-2)
            return logits, np.concatenate([self.task.splits[name].labels for name in names])
        images, labels = self.images.evaluation
        return self._compute_logits(state.variables, images), labels

    def _streamed_logits(self, state: TrainState, name: str) -> np.ndarray:
        return streamed_logits(self._compute_logits, state.variables, self.task.splits[name].images, self.task.mesh)

    @cached_property
    def _compute_logits(self):
        task = self.task
        return device_logits_function(task.network, task.dataset.image_shape, task.config.members, task.mesh)

    @property
    def _parts(self) -> dict[str, slice]:
        """The positions of each split among the images for evaluation."""
        count = len(self.task.splits["validation"])
        return {"validation": slice(0, count), "test": slice(count, None)}

    @cached_property
    def _measure(self):
        def measure(logits: jax.Array, labels: jax.Array) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
            logits, metrics, confusions = predictive_logits(logits), {}, {}
            for name, part in self._parts.items():
                if len(self.task.splits[name]):
                    metrics[f"{name}_loss"] = cross_entropy(logits[part], labels[part])
                    metrics[f"{name}_accuracy"] = accuracy(logits[part], labels[part])
                    if self.task.uneven:
                        confusions[name] = confusion_counts(logits[part], labels[part])
            return metrics, confusions

        return jax.jit(measure, out_shardings=NamedSharding(self.task.mesh, REPLICATED))
