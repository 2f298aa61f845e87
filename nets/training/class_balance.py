"""Classes with unequal numbers of images: weights in the loss, and metrics that count every class alike."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

UNEVEN = 1.5
"""Ratio of the largest to the smallest class from which on classes are uneven."""


def class_weights(labels: np.ndarray, classes: int) -> NDArray[np.float32]:
    """Return the weight n / (K n_k) of each class, whose mean over all ``labels`` (n,) is 1.

    Every class then has the same part in the loss, and in its gradient (King and Zeng 2001, "Logistic regression in
    rare events data"; ``class_weight="balanced"`` of scikit-learn). Raises ValueError if a class has no
    label.

    Examples
    --------
    >>> class_weights(np.array([0, 0, 1]), 2).tolist()
    [0.75, 1.5]
    """
    counts = np.bincount(labels, minlength=classes)
    if empty := np.flatnonzero(counts == 0).tolist():
        raise ValueError(
            f"`class_weights` balanced needs training images of every class, and there are none of class {empty[0]}; "
            "leave it out, or remove the class."
        )
    return (len(labels) / (classes * counts)).astype(np.float32)


def are_uneven(labels: np.ndarray) -> bool:
    """Return whether the largest class has `UNEVEN` times the images of the smallest, or more."""
    counts = np.unique_counts(labels).counts
    return bool(counts.max() >= UNEVEN * counts.min())


@jax.jit
def confusion_counts(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the number of images of each class (row) predicted as each (column), from ``logits`` (N, K)."""
    classes = logits.shape[1]
    return jnp.zeros((classes, classes), jnp.int32).at[labels, jnp.argmax(logits, axis=1)].add(1)


def balanced_scores(confusion: NDArray[np.integer]) -> dict[str, float]:
    """Return ``balanced_accuracy`` and ``macro_f1`` from the counts (K, K) of `confusion_counts`.

    Balanced accuracy is the mean of the recalls of the classes that have images (Brodersen et al. 2010, "The balanced
    accuracy and its posterior distribution"). Macro F1 is the mean of the F1 scores 2 TP / (2 TP + FP + FN) of the
    classes that have images or are predicted (Opitz and Burst 2019, "Macro F1 and macro F1"). Both are those of
    scikit-learn.

    Examples
    --------
    >>> balanced_scores(np.array([[8, 0], [1, 1]]))["balanced_accuracy"]
    0.75
    """
    images, predictions, correct = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    present, scored = images > 0, images + predictions > 0
    recall = correct[present] / images[present]
    f1 = 2 * correct[scored] / (images + predictions)[scored]
    return {"balanced_accuracy": float(recall.mean()), "macro_f1": float(f1.mean())}
