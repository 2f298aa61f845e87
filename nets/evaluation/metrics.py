"""What a trained classifier gets right and wrong: accuracy, figures a class, confusions, mistakes."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from nets.evaluation.calibration_error import Calibration, Temperature, calibration, fit_temperature
from nets.evaluation.intervals import F1, Proportion
from nets.training.runs import Run

type SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Confusion:
    """``count`` of the ``total`` images of class ``true`` were taken for ``predicted``; classes by their numbers."""

    true: int
    predicted: int
    count: int
    total: int


@dataclass(frozen=True)
class Mistake:
    """An image taken for another class: its place in the published split, and the probability of that class."""

    index: int
    true: int
    predicted: int
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """A predictive on one split of the data: N images, K classes."""

    class_names: tuple[str, ...]
    logits: NDArray[np.float32]
    """(N, K)"""
    labels: NDArray[np.int32]
    """(N,)"""
    index: NDArray[np.int64]
    """(N,) places in the published split."""

    @cached_property
    def log_predictive(self) -> NDArray[np.float64]:
        """(N, K) logarithms of the predictive probabilities, in nats."""
        return log_softmax(self.logits.astype(np.float64), axis=1)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) the class of the largest probability."""
        return self.logits.argmax(axis=1)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether that is the label."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> Proportion:
        """The share of images that are right."""
        return Proportion(int(self.right.sum()), len(self.labels))

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K) how many images of each class (row) were taken for each (column)."""
        return confusion_matrix(self.labels, self.predicted, labels=range(len(self.class_names)))

    @cached_property
    def confusion_shares(self) -> NDArray[np.float64]:
        """(K, K) the same as shares of each class; nan in the row of a class without images."""
        totals = self.confusion.sum(axis=1, keepdims=True)
        return np.where(totals > 0, self.confusion / np.maximum(totals, 1), np.nan)

    @cached_property
    def precision(self) -> list[Proportion]:
        """For each class, of the images taken for it the share that are; undefined where none was."""
        return [Proportion(tp, tp + fp) for tp, fp, _ in self._counts]

    @cached_property
    def recall(self) -> list[Proportion]:
        """For each class, of its images the share that were taken for it; undefined where it has none."""
        return [Proportion(tp, tp + fn) for tp, _, fn in self._counts]

    @cached_property
    def f1(self) -> list[F1]:
        """For each class, the harmonic mean of precision and recall."""
        return [F1(tp, fp + fn) for tp, fp, fn in self._counts]

    @cached_property
    def calibration(self) -> Calibration:
        """Whether its probabilities can be believed."""
        return calibration(self.log_predictive, self.labels)

    def confusions(self, most: int) -> list[Confusion]:
        """Return the ``most`` frequent confusions of two classes, the most frequent first."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        totals = self.confusion.sum(axis=1)
        pairs = [divmod(int(place), len(self.class_names)) for place in order]
        return [Confusion(i, j, int(wrong[i, j]), int(totals[i])) for i, j in pairs if wrong[i, j]]

    def mistakes(self, most: int) -> list[Mistake]:
        """Return the ``most`` confident mistakes, the most confident first."""
        wrong = np.flatnonzero(~self.right)
        sureness = self.log_predictive[wrong, self.predicted[wrong]]
        worst = wrong[np.argsort(-sureness, kind="stable")[:most]]
        return [
            Mistake(
                int(self.index[i]),
                int(self.labels[i]),
                int(self.predicted[i]),
                float(np.exp(self.log_predictive[i, self.predicted[i]])),
            )
            for i in worst
        ]

    def take(self, places: NDArray[np.integer]) -> "Evaluation":
        """Return the evaluation of the images at ``places``."""
        return replace(self, logits=self.logits[places], labels=self.labels[places], index=self.index[places])

    def in_words(self, confusion: Confusion) -> str:
        """Return a confusion as a sentence."""
        true, predicted = self.class_names[confusion.true], self.class_names[confusion.predicted]
        return f"{true} taken for {predicted}: {confusion.count} of {confusion.total}"

    @cached_property
    def _counts(self) -> list[tuple[int, int, int]]:
        """True positives, false positives and false negatives of each class."""
        classes = range(len(self.class_names))
        tables = multilabel_confusion_matrix(self.labels, self.predicted, labels=classes)  # (K, 2, 2)
        return [(int(table[1, 1]), int(table[0, 1]), int(table[1, 0])) for table in tables]


def evaluate(run: Run, split: SplitName) -> Evaluation:
    """Return what the last parameters of a finished run say of ``split``.

    ValueError if the run is not finished, its predictions are damaged, or the split is empty (as validation data are
    where none were held out).
    """
    return _evaluation(run, split, run.predictions[f"{split}_logits"])


def evaluate_members(run: Run, split: SplitName) -> list[Evaluation]:
    """Return the same of each member of an ensemble by itself; of a run of one network, a list of that one."""
    if run.config.members == 1:
        return [evaluate(run, split)]
    return [_evaluation(run, split, logits) for logits in run.predictions[f"{split}_member_logits"]]


def _evaluation(run: Run, split: SplitName, logits: Any) -> Evaluation:
    labels = run.predictions[f"{split}_labels"]
    if not len(labels):
        raise ValueError(f"`split` must hold images, but run {run.folder} has no {split} images.")
    return Evaluation(run.class_names, logits, labels, run.predictions[f"{split}_index"])


def scaled(evaluation: Evaluation, temperature: Temperature) -> Evaluation:
    """Return ``evaluation`` with its logits divided by a temperature; which class is the largest stays."""
    return replace(evaluation, logits=evaluation.logits / np.float32(temperature.value))


def temperature_of(run: Run) -> Temperature:
    """Return the temperature fitted to the run's validation data; ValueError if it has none or they fix none."""
    held = evaluate(run, "validation")
    return fit_temperature(held.logits, held.labels)
