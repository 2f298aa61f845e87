"""A tree of parameters as one float64 vector, and back; the blocks are its leaves, named by their paths."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from nets import validate


@dataclass(frozen=True)
class Blocks:
    """The leaves of a tree, one after the other. Make and use it inside ``jax.enable_x64(True)``."""

    treedef: Any
    slices: dict[str, slice]
    """Block -> where it lies in the vector."""
    shapes: dict[str, tuple[int, ...]]
    theta: jax.Array
    """The vector, (P,), float64."""

    @classmethod
    def of(cls, params: Any) -> "Blocks":
        """Return the blocks of ``params``; raise ValueError if there are none or one is not of finite floats."""
        leaves, treedef = jax.tree_util.tree_flatten_with_path(params)
        if not leaves:
            raise ValueError(f"`params` must be a tree with at least one array, got {params!r}.")
        arrays = {_name(path): validate.floats(f"params at {_name(path)}", leaf) for path, leaf in leaves}
        ends = np.cumsum([array.size for array in arrays.values()])
        return cls(
            treedef=treedef,
            slices={name: slice(end - a.size, end) for (name, a), end in zip(arrays.items(), ends, strict=True)},
            shapes={name: array.shape for name, array in arrays.items()},
            theta=jnp.concatenate([jnp.ravel(array).astype(jnp.float64) for array in arrays.values()]),
        )

    def tree(self, vector: jax.Array) -> Any:
        """Return ``vector``, real or complex, as a tree like the parameters."""
        leaves = [jnp.reshape(vector[self.slices[name]], shape) for name, shape in self.shapes.items()]
        return jax.tree.unflatten(self.treedef, leaves)

    def function(self, name: str, f: Callable[[Any], Any]) -> tuple[Callable[[jax.Array], jax.Array], float]:
        """Return ``f`` as a function of the vector, and its value; raise ValueError if that is no finite float64."""

        def of_vector(vector: jax.Array) -> jax.Array:
            return f(self.tree(vector))

        made = jax.eval_shape(of_vector, self.theta)
        if not hasattr(made, "shape") or made.shape != ():
            raise ValueError(f"`{name}` must return one number, shape (), got {describe(made)}; sum or average it.")
        if made.dtype != jnp.float64:
            raise ValueError(
                f"`{name}` must return float64 for float64 parameters, got {made.dtype}; something in it casts: "
                "leave dtypes to JAX (in Flax, give no `dtype`)."
            )
        value = float(jax.jit(of_vector)(self.theta))
        if not np.isfinite(value):
            raise ValueError(f"`{name}` must be finite at `params`, got {value}; choose another point.")
        return of_vector, value

    def vector(self, name: str, tree: Any) -> NDArray[np.float64]:
        """Return ``tree``, a gradient, as a vector; raise ValueError if it is not like the parameters."""
        leaves, treedef = jax.tree.flatten(tree)
        if treedef != self.treedef:
            raise ValueError(f"`{name}` must return a tree like `params`, {self.treedef}, got {treedef}.")
        for (block, shape), leaf in zip(self.shapes.items(), leaves, strict=True):
            if np.shape(leaf) != shape or np.asarray(leaf).dtype != np.float64:
                raise ValueError(
                    f"`{name}` must return float64 of shape {shape} at {block}, got {describe(leaf)}; a gradient has "
                    "the shape of its parameter, and its precision."
                )
        return np.concatenate([np.ravel(leaf) for leaf in leaves])


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value") or "params"


def describe(value: Any) -> str:
    """Return what ``value`` is, for an error message: dtype and shape of an array, else its type."""
    return f"{value.dtype} of shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
