"""A run that is resumed: for more epochs, with another patience, and with options that are left out."""

from dataclasses import replace
from pathlib import Path

from nets.training import runs
from nets.training.config import TrainConfig
from nets.training.early_stopping import epochs_without_improvement, stopped_early
from nets.training.optimizers import schedule
from nets.training.task import Task

KEPT_OPTIONS = ("init_from", "patience")
"""Options that keep the value of the run if they are left out (None) when it is resumed."""


def resumed_config(config: TrainConfig, before: TrainConfig) -> TrainConfig:
    """Return ``config``, with which a run of the configuration ``before`` is resumed, with the options that it kept."""
    return replace(config, **{name: getattr(before, name) for name in KEPT_OPTIONS if getattr(config, name) is None})


def require_more_to_train(run: runs.Run, config: TrainConfig) -> None:
    """Raise ValueError if ``run`` is resumed for more epochs or with another patience, and would stop at once."""
    extended = replace(run.config, epochs=config.epochs, patience=config.patience)
    if extended != run.config and stopped_early(extended, run.metrics):
        waited = epochs_without_improvement(run.metrics)
        raise ValueError(
            f"`patience` must be {waited + 1} or more to resume the run in {run.folder}, whose last {waited} epochs "
            f"have no better validation accuracy, got {config.patience}; take a larger --patience."
        )


def extend_run(folder: Path, task: Task) -> None:
    """Record in config.json the number of epochs and the patience of ``task``, and where its data are now."""
    run, config = runs.load_run(folder), task.config
    extended = replace(run.config, epochs=config.epochs, patience=config.patience)
    provenance = run.provenance
    if extended != run.config:
        change = {"after_epochs": len(run.metrics), "epochs": run.config.epochs, "patience": run.config.patience}
        provenance = provenance | {"extended_from": [*provenance.get("extended_from", []), change]}
    extended = replace(extended, dataset=config.dataset, data_dir=config.data_dir)
    if extended != run.config:
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
