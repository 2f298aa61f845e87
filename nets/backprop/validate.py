"""Checks at the edge of the hand-derived gradients: what does not fit is refused before it broadcasts.

Shapes and dtypes are checked always; values only where they are known, since inside ``jax.jit`` or ``jax.grad`` an
array has a shape but no numbers yet.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def as_array(name: str, value: Any) -> jnp.ndarray:
    """Return ``value`` as an array of whatever dtype, or raise ValueError naming it."""
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be an array of numbers, got {type(value).__name__}: {error}") from error


def array(name: str, value: Any, shape: str, sizes: dict[str, int]) -> jnp.ndarray:
    """Return ``value`` as an array of floats, or raise ValueError naming it.

    ``shape`` has a character an axis, as in "NM" or "33CD": a digit is a size, and a letter that is not yet in
    ``sizes`` takes the size met and is added to it.
    """
    known = floats(name, value)
    _fits(name, known.shape, shape, sizes)
    return known


def floats(name: str, value: Any) -> jnp.ndarray:
    """Return ``value`` as an array of finite floats of whatever shape, or raise ValueError naming it."""
    known = as_array(name, value)
    if not jnp.issubdtype(known.dtype, jnp.floating):
        raise ValueError(
            f"`{name}` must hold real floating-point numbers, got dtype {known.dtype}; convert it with "
            "`jnp.asarray(value, float)`."
        )
    if is_known(known) and not np.isfinite(known).all():
        wrong = np.asarray(known)[~np.isfinite(known)][0]
        raise ValueError(f"`{name}` must be finite, got {wrong}; no gradient is defined there.")
    return known


def arrays(sizes: dict[str, int] | None = None, **named: tuple[Any, str]) -> list[jnp.ndarray]:
    """Return each of ``named``, a value and its shape, checked by `array` with sizes in common."""
    sizes = dict(sizes or {})
    return [array(name, value, shape, sizes) for name, (value, shape) in named.items()]


def params(name: str, tree: Any, shapes: Mapping[str, str], sizes: dict[str, int]) -> list[jnp.ndarray]:
    """Return the arrays of ``tree`` in the order of ``shapes``, each checked by `array`; raise ValueError."""
    if not isinstance(tree, Mapping) or set(tree) != set(shapes):
        got = list(tree) if isinstance(tree, Mapping) else type(tree).__name__
        raise ValueError(f"`{name}` must be a mapping with the keys {list(shapes)} and no other, got {got}.")
    return [array(f"{name}[{key!r}]", tree[key], shape, sizes) for key, shape in shapes.items()]


def binary_labels(y: Any, shape: str, sizes: dict[str, int], dtype: Any) -> jnp.ndarray:
    """Return labels as ``dtype``, or raise ValueError if their shape does not fit or one is neither 0 nor 1."""
    known = as_array("y", y)
    _fits("y", known.shape, shape, sizes)
    if known.dtype.kind not in "biuf":
        raise ValueError(f"`y` must hold the labels 0 and 1, got dtype {known.dtype}.")
    if is_known(known) and not np.isin(known, [0, 1]).all():
        wrong = np.asarray(known)[~np.isin(known, [0, 1])].ravel()[0]
        raise ValueError(f"`y` must hold the labels 0 and 1, got {wrong}; map your two classes to 0 and 1.")
    return known.astype(dtype)


def class_labels(labels: Any, sizes: dict[str, int]) -> jnp.ndarray:
    """Return ``labels``, integers of shape (N,) in 0 .. K - 1, or raise ValueError."""
    known = as_array("labels", labels)
    _fits("labels", known.shape, "N", sizes)
    if known.dtype.kind not in "iu":
        raise ValueError(f"`labels` must be integers, got dtype {known.dtype}; one-hot labels: `labels.argmax(-1)`.")
    K = sizes["K"]
    if is_known(known) and not ((known >= 0) & (known < K)).all():
        wrong = np.asarray(known)[~((known >= 0) & (known < K))][0]
        raise ValueError(f"`labels` must lie in 0 .. {K - 1}, one for each of the K = {K} logits, got {wrong}.")
    return known


def is_known(value: Any) -> bool:
    """Say whether ``value`` has numbers, and is not an array inside a JAX transformation."""
    return not isinstance(value, Tracer)


def _fits(name: str, got: tuple[int, ...], shape: str, sizes: dict[str, int]) -> None:
    wanted = [int(axis) if axis.isdigit() else sizes.get(axis, size) for axis, size in zip(shape, got, strict=False)]
    if len(got) != len(shape) or 0 in got or list(got) != wanted:
        known = ", ".join(f"{axis} = {sizes[axis]}" for axis in shape if axis in sizes)
        letters = ", ".join(shape) + "," * (len(shape) == 1)
        raise ValueError(f"`{name}` must have shape ({letters}){f' with {known}' if known else ''}, got {got}.")
    sizes.update({axis: size for axis, size in zip(shape, got, strict=True) if not axis.isdigit()})
