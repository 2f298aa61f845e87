"""The data of a run, and predictions that its folder does not have: of the best checkpoint, or before the end."""

from dataclasses import replace
from functools import partial

import numpy as np

from nets.training.run_lock import require_same_data
from nets.training.runs import Run, prediction_arrays
from nets.training.task import Task, prepare, with_data


def compute_predictions(run: Run) -> dict[str, np.ndarray]:
    """Return the arrays of predictions.npz for the parameters of ``run``, on one device.

    The data set is read again, unless the run has it, and divided as in training. Raises ValueError if it is not there,
    or is another than that of the run.
    """
    run.params  # noqa: B018 (a damaged or missing checkpoint is reported before the data set is decoded)
    progress, splits = run.progress or (lambda *_: None), task_of(run).splits
    logits = {
        name: run.member_logits(split.images, partial(progress, f"predict {name} images"))
        for name, split in splits.items()
    }
    return prediction_arrays(splits, logits, run.class_names)


def task_of(run: Run) -> Task:
    """Return the training of ``run`` on one device, with its data; raise ValueError if they are others."""
    way_out = (
        "restore the data of the run, or give them where they are now by --dataset or --data-dir, in Python by "
        "`load_run(folder, dataset=...)`"
    )
    if run.finished:
        way_out += "; the last checkpoint needs none"
    try:
        config = run.config if run.dataset is None else with_data(run.config, run.dataset)
        task = prepare(replace(config, devices=1), run.progress or (lambda *_: None), run.dataset)
    except ValueError as error:
        reason = str(error).rstrip(".")
        raise ValueError(f"the data of run {run.folder} cannot be read: {reason}; {way_out}.") from error
    require_same_data(run.folder, task, way_out)
    return task
