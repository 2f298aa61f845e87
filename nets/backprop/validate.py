"""Validation of the inputs of the gradients by hand: a wrong shape raises ValueError before it broadcasts.

Shapes and dtypes are always checked. Values are checked only if they are concrete: inside ``jax.jit`` or ``jax.grad``
an array has a shape but no numbers.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def as_array(name: str, value: Any) -> jnp.ndarray:
    """Return ``value`` as an array of any dtype, or raise ValueError naming it."""
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be an array of numbers, got {type(value).__name__}: {error}") from error


def array(name: str, value: Any, shape: str, sizes: dict[str, int]) -> jnp.ndarray:
    """Return ``value`` as an array of floats, or raise ValueError naming it.

    ``shape`` has one character for each axis, as in "NM" or "33CD". A digit is a size. A letter that is not in
    ``sizes`` is added to it, with the size of its axis.
    """
    result = floats(name, value)
    _require_shape(name, result.shape, shape, sizes)
    return result


def floats(name: str, value: Any) -> jnp.ndarray:
    """Return ``value`` as an array of finite floats of any shape, or raise ValueError naming it."""
    result = as_array(name, value)
    if not jnp.issubdtype(result.dtype, jnp.floating):
        raise ValueError(
            f"`{name}` must hold real floating-point numbers, got dtype {result.dtype}; convert it with "
            "`jnp.asarray(value, float)`."
        )
    if is_concrete(result) and not np.isfinite(result).all():
        bad_value = np.asarray(result)[~np.isfinite(result)][0]
        raise ValueError(f"`{name}` must be finite, got {bad_value}; no gradient is defined there.")
    return result


def arrays(sizes: dict[str, int] | None = None, **named: tuple[Any, str]) -> list[jnp.ndarray]:
    """Return each of ``named``, a value and its shape, checked by `array` with sizes in common."""
    sizes = dict(sizes or {})
    return [array(name, value, shape, sizes) for name, (value, shape) in named.items()]


def params(name: str, tree: Any, shapes: Mapping[str, str], sizes: dict[str, int]) -> list[jnp.ndarray]:
    """Return the arrays of ``tree`` in the order of ``shapes``, each checked by `array`; raise ValueError."""
    if not isinstance(tree, Mapping) or set(tree) != set(shapes):
        actual = list(tree) if isinstance(tree, Mapping) else type(tree).__name__
        raise ValueError(f"`{name}` must be a mapping with the keys {list(shapes)} and no other, got {actual}.")
    return [array(f"{name}[{key!r}]", tree[key], shape, sizes) for key, shape in shapes.items()]


def binary_labels(y: Any, shape: str, sizes: dict[str, int], dtype: Any) -> jnp.ndarray:
    """Return labels as ``dtype``, or raise ValueError if their shape does not fit or one is neither 0 nor 1."""
    result = as_array("y", y)
    _require_shape("y", result.shape, shape, sizes)
    if result.dtype.kind not in "biuf":
        raise ValueError(f"`y` must hold the labels 0 and 1, got dtype {result.dtype}.")
    if is_concrete(result) and not np.isin(result, [0, 1]).all():
        bad_value = np.asarray(result)[~np.isin(result, [0, 1])].ravel()[0]
        raise ValueError(f"`y` must hold the labels 0 and 1, got {bad_value}; map your two classes to 0 and 1.")
    return result.astype(dtype)


def class_labels(labels: Any, sizes: dict[str, int]) -> jnp.ndarray:
    """Return ``labels``, integers of shape (N,) in 0 .. K - 1, or raise ValueError."""
    result = as_array("labels", labels)
    _require_shape("labels", result.shape, "N", sizes)
    if result.dtype.kind not in "iu":
        raise ValueError(f"`labels` must be integers, got dtype {result.dtype}; one-hot labels: `labels.argmax(-1)`.")
    K = sizes["K"]
    if is_concrete(result) and not ((result >= 0) & (result < K)).all():
        bad_value = np.asarray(result)[~((result >= 0) & (result < K))][0]
        raise ValueError(f"`labels` must lie in 0 .. {K - 1}, one for each of the K = {K} logits, got {bad_value}.")
    return result


def is_concrete(value: Any) -> bool:
    """Say whether ``value`` has numbers, and is not a tracer inside a JAX transformation."""
    return not isinstance(value, Tracer)


def _require_shape(name: str, actual: tuple[int, ...], shape: str, sizes: dict[str, int]) -> None:
    expected = [
        int(axis) if axis.isdigit() else sizes.get(axis, size) for axis, size in zip(shape, actual, strict=False)
    ]
    if len(actual) != len(shape) or 0 in actual or list(actual) != expected:
        fixed = ", ".join(f"{axis} = {sizes[axis]}" for axis in shape if axis in sizes)
        letters = ", ".join(shape) + "," * (len(shape) == 1)
        raise ValueError(f"`{name}` must have shape ({letters}){f' with {fixed}' if fixed else ''}, got {actual}.")
    sizes.update({axis: size for axis, size in zip(shape, actual, strict=True) if not axis.isdigit()})
