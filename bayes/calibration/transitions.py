"""What a kernel is, and its application to the states of many chains at once, with what can be wrong about it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.registry import Model
from closedform.validation import shown, whole_number

type State = dict[str, NDArray[Any]]
"""Variable -> its values in n independent chains, (n, ...)."""
type Step = Callable[[State, Any, np.random.Generator], Any]
"""``step(theta, y, rng)`` returns the next states of n chains, or those of some variables. The others stay."""

FEWEST_STATES = 1000
"""With fewer chains the t statistic of a mean square is too far from Student's t (``kernels``)."""
FEWEST_MOVES = 100
"""What moved in fewer states does not pass."""


def named_steps(step: Step | Mapping[str, Step]) -> dict[str, Step]:
    """Return the updates by name; a single one has the name ``""``."""
    steps = dict(step) if isinstance(step, Mapping) else {"": step}
    if not steps or not all(callable(update) for update in steps.values()):
        raise ValueError(
            f"`step` must be a function step(theta, y, rng), or a dict of such functions by name, got {shown(step)}."
        )
    return steps


def validated_sizes(n: int, transitions: int, seed: int) -> None:
    """Raise ValueError unless there are enough chains, one transition at least, and a seed."""
    whole_number("seed", seed, ", 0 or more", 0)
    whole_number("n", n, f", {FEWEST_STATES} or more: it is the number of independent chains", FEWEST_STATES)
    whole_number("transitions", transitions, ", 1 or more", 1)


def exact_model(model: Any) -> Any:
    """Return the exact model of a model of the registry, or the model itself."""
    return model.exact if isinstance(model, Model) else model


def transition(
    step: Step, theta: State, y: NDArray[Any], rng: np.random.Generator, *, name: str, draws_data: bool
) -> tuple[State, NDArray[Any]]:
    """Return the states and the data after one call of ``step``, which gets copies.

    Raises ValueError if it returns something else, a variable that is not in ``theta``, another shape, or numbers that
    are not finite. ``draws_data`` says whether it may return data.
    """
    argument = f"`step[{name!r}]`" if name else "`step`"
    returned = step({variable: values.copy() for variable, values in theta.items()}, y.copy(), rng)
    data = y
    if isinstance(returned, tuple) and len(returned) == 2:
        if not draws_data:
            raise ValueError(
                f"{argument} returned (theta, y): a kernel that draws data too is checked by `check_joint_kernel`."
            )
        returned, data = returned
        data = _validated(argument, "y", data, np.shape(y))
    if not isinstance(returned, Mapping) or not returned:
        raise ValueError(
            f"{argument} must return a dict with the new states, got {shown(returned)}; return `theta` also if it was "
            "changed in place."
        )
    if unknown := [variable for variable in returned if variable not in theta]:
        raise ValueError(f"{argument} returned {unknown[0]!r}, which is not a parameter; those are {', '.join(theta)}.")
    new = {v: _validated(argument, v, values, theta[v].shape) for v, values in returned.items()}
    return theta | {v: _kept_digits(theta[v], values) for v, values in new.items()}, data


def moved(before: State, after: State) -> NDArray[np.bool_]:
    """Return which of the n states changed in any variable."""
    n = len(next(iter(before.values())))
    return np.any([np.any((before[v] != after[v]).reshape(n, -1), axis=1) for v in before], axis=0)


def same_noise(step: Step, theta: State, y: Any, rng: np.random.Generator, *, name: str) -> bool:
    """Return whether ``step`` moves n chains in one state to one state: they have the same random numbers, or none."""
    n = len(next(iter(theta.values())))
    one_state = {v: np.repeat(values[:1], n, axis=0) for v, values in theta.items()}
    after, _ = transition(step, one_state, y, rng, name=name, draws_data=False)
    return bool(moved(one_state, after).all()) and all(bool(np.all(v == v[:1])) for v in after.values())


def _kept_digits(before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
    """Return ``after`` in the precision of ``before``; what a kernel in float32 rounded alone has not moved."""
    if after.dtype.kind != "f":
        return after
    return np.where(after == before.astype(after.dtype), before, after)


def _validated(argument: str, variable: str, values: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(
            f"{argument} returned {variable!r} of shape {array.shape}, and it must be {shape}: the chains are on the "
            "first axis; call a kernel of one chain in a loop, or by `jax.vmap`."
        )
    finite = np.isfinite(array) if array.dtype.kind in "iufb" else np.zeros(shape, bool)
    if not finite.all():
        states = int(np.sum(~finite.reshape(len(array), -1).all(axis=1)))
        raise ValueError(
            f"{argument} returned {variable!r} with {states} of {len(array)} states that are not finite numbers; a "
            "kernel that does so is broken."
        )
    return array
