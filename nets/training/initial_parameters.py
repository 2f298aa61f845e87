"""Initial parameters that are those of another run, as in transfer learning."""

from dataclasses import replace

import jax

from nets.training.runs import load_run
from nets.training.step import TrainState
from nets.training.task import Task
from nets.training.variables import by_name

HEAD = "logits"
"""Name of the last layer in the paths of its parameters."""


def state_from_run(task: Task, state: TrainState) -> tuple[TrainState, str]:
    """Return ``state`` with the variables of the last checkpoint of ``task.config.init_from``, and those in words.

    If that run has other classes, the last layer keeps its initial parameters. Raises ValueError if there is no such
    run, or another variable has another shape.
    """
    config = task.config
    source = load_run(config.init_from or "")
    if source.config.members != config.members:
        raise ValueError(
            f"`init_from` must be a run with {config.members} members, got {source.folder} with "
            f"{source.config.members}; take --members {source.config.members}."
        )
    other_classes = source.class_names != task.dataset.class_names
    theirs, ours = by_name(source.variables), by_name(state.variables)
    own = {name for name in ours if other_classes and HEAD in name.split(".")}
    for name in sorted((ours.keys() | theirs.keys()) - own):
        there, here = (
            f"the shape {of[name].shape} and type {of[name].dtype}" if name in of else "none" for of in (theirs, ours)
        )
        if there != here:
            raise ValueError(
                f"`init_from` must be a run of the same network, but the parameter {name} has {there} in "
                f"{source.folder} and {here} here; take the same --model and its options, and images of the same size. "
                f"With other classes, the last layer is recognized by its name, {HEAD}."
            )
    taken = {name: ours[name] if name in own else theirs[name] for name in ours}
    words = f"the initial parameters are those of {source.folder} at step {source.step}"
    if own:
        words += ", but for the last layer, since the classes differ"
    params, statistics = (
        jax.tree.unflatten(jax.tree.structure(tree), [taken[name] for name in by_name(tree)])
        for tree in [state.params, state.statistics]
    )
    return replace(state, params=params, statistics=statistics), words
