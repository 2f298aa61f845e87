"""The predictions of a run that its folder does not have: of the best checkpoint, or before training is finished."""

from dataclasses import replace

import numpy as np

from nets.training.run_lock import require_same_data
from nets.training.runs import Run, prediction_arrays
from nets.training.task import prepare


def compute_predictions(run: Run) -> dict[str, np.ndarray]:
    """Return the arrays of predictions.npz for the parameters of ``run``, on one device.

    The data set is read again, and divided as in training. Raises ValueError if it is not there, or is another than
    that of the run.
    """
    run.params  # noqa: B018 (a damaged or missing checkpoint is reported before the data set is decoded)
    task = prepare(replace(run.config, devices=1), progress=lambda *_: None)
    require_same_data(run.folder, task)
    logits = {name: run.member_logits(split.images) for name, split in task.splits.items()}
    return prediction_arrays(task.splits, logits, run.class_names)
