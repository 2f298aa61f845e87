"""Metrics of a trained classifier: accuracy, per-class metrics, confusion matrix and misclassified images."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from nets.evaluation.calibration_error import Calibration, TemperatureScaling, evaluate_calibration, fit_temperature
from nets.evaluation.intervals import F1, Proportion
from nets.training.runs import Run

type SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class ConfusedPair:
    """``count`` of the ``total`` images of class ``label`` were predicted as ``predicted``; classes by their index."""

    label: int
    predicted: int
    count: int
    total: int


@dataclass(frozen=True)
class Misclassification:
    """A misclassified image: its index in the published split, and the probability of the predicted class."""

    index: int
    label: int
    predicted: int
    probability: float
    file: str | None = None
    """The name of its file, if the images were files."""

    @property
    def name(self) -> str:
        """The file, or the index in words."""
        return self.file or f"image {self.index}"


@dataclass(frozen=True)
class Evaluation:
    """The predictive of a run on one split of the data: N images, K classes."""

    class_names: tuple[str, ...]
    logits: NDArray[np.float32]
    """(N, K)"""
    labels: NDArray[np.int32]
    """(N,)"""
    index: NDArray[np.int64]
    """(N,) positions in the published split."""
    files: NDArray[np.str_] | None = None
    """(N,) names of the files, if the images were files."""

    @cached_property
    def log_predictive(self) -> NDArray[np.float64]:
        """(N, K) logarithms of the predictive probabilities, in nats."""
        return log_softmax(self.logits.astype(np.float64), axis=1)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) the most probable class."""
        return self.logits.argmax(axis=1)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """(N,) whether the predicted class is the label."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> Proportion:
        """The proportion of correctly classified images."""
        return Proportion(int(self.correct.sum()), len(self.labels))

    @cached_property
    def confusion_matrix(self) -> NDArray[np.int64]:
        """(K, K) the number of images of each class (row) predicted as each class (column)."""
        return confusion_matrix(self.labels, self.predicted, labels=range(len(self.class_names)))

    @cached_property
    def normalized_confusion_matrix(self) -> NDArray[np.float64]:
        """(K, K) the confusion matrix with rows divided by their sums; nan in the row of a class without images."""
        totals = self.confusion_matrix.sum(axis=1, keepdims=True)
        return np.where(totals > 0, self.confusion_matrix / np.maximum(totals, 1), np.nan)

    @cached_property
    def precision(self) -> list[Proportion]:
        """For each class, the proportion of correct predictions of it; undefined if it was never predicted."""
        return [Proportion(tp, tp + fp) for tp, fp, _ in self._counts]

    @cached_property
    def recall(self) -> list[Proportion]:
        """For each class, the proportion of its images predicted as it; undefined if it has no images."""
        return [Proportion(tp, tp + fn) for tp, _, fn in self._counts]

    @cached_property
    def f1(self) -> list[F1]:
        """For each class, the harmonic mean of precision and recall."""
        return [F1(tp, fp + fn) for tp, fp, fn in self._counts]

    @cached_property
    def calibration(self) -> Calibration:
        """Proper scores and calibration errors of the predictive."""
        return evaluate_calibration(self.log_predictive, self.labels)

    def most_confused_pairs(self, count: int) -> list[ConfusedPair]:
        """Return the ``count`` most frequent confusions of two classes, the most frequent first."""
        errors = self.confusion_matrix - np.diag(np.diag(self.confusion_matrix))
        order = np.argsort(-errors, axis=None, kind="stable")[:count]
        totals = self.confusion_matrix.sum(axis=1)
        pairs = [divmod(int(position), len(self.class_names)) for position in order]
        return [ConfusedPair(i, j, int(errors[i, j]), int(totals[i])) for i, j in pairs if errors[i, j]]

    def most_confident_errors(self, count: int) -> list[Misclassification]:
        """Return the ``count`` misclassifications with the largest probability, the most confident first."""
        errors = np.flatnonzero(~self.correct)
        log_confidence = self.log_predictive[errors, self.predicted[errors]]
        most_confident = errors[np.argsort(-log_confidence, kind="stable")[:count]]
        return [
            Misclassification(
                int(self.index[i]),
                int(self.labels[i]),
                int(self.predicted[i]),
                float(np.exp(self.log_predictive[i, self.predicted[i]])),
                None if self.files is None else str(self.files[i]),
            )
            for i in most_confident
        ]

    def take(self, positions: NDArray[np.integer]) -> "Evaluation":
        """Return the evaluation of the images at ``positions``."""
        files = None if self.files is None else self.files[positions]
        logits, labels, index = self.logits[positions], self.labels[positions], self.index[positions]
        return replace(self, logits=logits, labels=labels, index=index, files=files)

    def describe_pair(self, pair: ConfusedPair) -> str:
        """Return a pair of confused classes in words."""
        label, predicted = self.class_names[pair.label], self.class_names[pair.predicted]
        return f"{label} predicted as {predicted}: {pair.count} of {pair.total}"

    @cached_property
    def _counts(self) -> list[tuple[int, int, int]]:
        """True positives, false positives and false negatives of each class."""
        classes = range(len(self.class_names))
        tables = multilabel_confusion_matrix(self.labels, self.predicted, labels=classes)  # (K, 2, 2)
        return [(int(table[1, 1]), int(table[0, 1]), int(table[1, 0])) for table in tables]


def evaluate(run: Run, split: SplitName) -> Evaluation:
    """Return the evaluation of a run on ``split``, with the parameters of the run's checkpoint (`load_run`).

    For the last checkpoint of a finished run nothing but the run folder is needed; otherwise the data set is read
    again. Raises ValueError if the predictions or the checkpoint are damaged, the data set is not that of the run, or
    the split is empty (validation data, if none were held out).
    """
    return _evaluation(run, split, run.predictions[f"{split}_logits"])


def evaluate_members(run: Run, split: SplitName) -> list[Evaluation]:
    """Return the evaluation of each member of an ensemble; for a run of one network, a list with its evaluation."""
    if run.config.members == 1:
        return [evaluate(run, split)]
    return [_evaluation(run, split, logits) for logits in run.predictions[f"{split}_member_logits"]]


def _evaluation(run: Run, split: SplitName, logits: Any) -> Evaluation:
    labels = run.predictions[f"{split}_labels"]
    if not len(labels):
        raise ValueError(f"`split` must contain images, but run {run.folder} has no {split} images.")
    index, files = run.predictions[f"{split}_index"], run.predictions.get(f"{split}_file")
    return Evaluation(run.class_names, logits, labels, index, files)


def scale_temperature(evaluation: Evaluation, temperature: TemperatureScaling) -> Evaluation:
    """Return ``evaluation`` with its logits divided by a temperature, which does not change the predicted class."""
    return replace(evaluation, logits=evaluation.logits / np.float32(temperature.value))


def fit_validation_temperature(run: Run) -> TemperatureScaling:
    """Return the temperature fitted to the validation data; raise ValueError without such data or without a minimum."""
    validation = evaluate(run, "validation")
    return fit_temperature(validation.logits, validation.labels)
