"""A run that is resumed for more epochs, or with another patience."""

from dataclasses import replace
from pathlib import Path

from nets.training import runs
from nets.training.optimizers import schedule
from nets.training.task import Task


def extend_run(folder: Path, task: Task) -> None:
    """Record the number of epochs and the patience of ``task`` in config.json, if they are not those of the run."""
    run, config = runs.load_run(folder), task.config
    extended = replace(run.config, epochs=config.epochs, patience=config.patience)
    if extended == run.config:
        return
    change = {"after_epochs": len(run.metrics), "epochs": run.config.epochs, "patience": run.config.patience}
    history = [*run.provenance.get("extended_from", []), change]
    provenance = run.provenance | {"extended_from": history}
    runs.write_config(folder, extended, run.class_names, run.image_shape, provenance)


def describe_schedule(task: Task, epochs_before: int, step: int) -> str:
    """Return what the learning rate does in a run of ``epochs_before`` epochs that is resumed at ``step`` for more."""
    config, epochs = task.config, task.config.epochs
    longer = float(schedule(config, task.total_steps)(step))
    if config.schedule == "constant":
        return f"{epochs} epochs instead of {epochs_before}: the learning rate stays {longer:.2g}"
    shorter = float(schedule(config, epochs_before * task.steps)(max(step - 1, 0)))
    return (
        f"{epochs} epochs instead of {epochs_before}: the {config.schedule} schedule of {epochs} epochs goes on at "
        f"step {step:,}, so the learning rate goes from {shorter:.2g} to {longer:.2g}"
    )
