"""Early stopping: training ends after some epochs without a better accuracy on validation data."""

from typing import Any

from nets.training.checkpoints import BEST_METRIC
from nets.training.config import TrainConfig

WAITED = "epochs_without_improvement"
"""Name in metrics.jsonl of the number of epochs since the best accuracy on validation data."""


def epochs_without_improvement(metrics: list[dict[str, Any]]) -> int:
    """Return the number of epochs between the first with the best accuracy on validation data and the last evaluated.

    Examples
    --------
    >>> scores = [0.5, 0.7, 0.6, 0.7]
    >>> epochs_without_improvement([{"epoch": i, "validation_accuracy": a} for i, a in enumerate(scores, start=1)])
    2
    """
    evaluated = [line for line in metrics if BEST_METRIC in line]
    best = max(evaluated, key=lambda line: line[BEST_METRIC])  # the first of equal ones
    return int(evaluated[-1]["epoch"] - best["epoch"])


def stopped_early(config: TrainConfig, metrics: list[dict[str, Any]]) -> bool:
    """Return whether training has waited for a better epoch as long as ``config`` says, and ends before its last."""
    if config.patience is None or not metrics or BEST_METRIC not in metrics[-1]:
        return False
    return len(metrics) < config.epochs and epochs_without_improvement(metrics) >= config.patience
