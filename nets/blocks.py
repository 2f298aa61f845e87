"""A tree of parameters as one float64 vector, and back; the blocks are its leaves, named by their paths."""

from collections.abc import Callable, Iterator
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
        arrays: dict[str, jax.Array] = {}
        for path, leaf in leaves:
            name = _name(path)
            if not np.issubdtype(getattr(leaf, "dtype", float), np.floating):
                raise ValueError(
                    f"`params` must be floats, got {describe(leaf)} at {name}; leave out what is not differentiated "
                    "(in Flax: `module, params, rest = nnx.split(model, nnx.Param, ...)`, merged again inside `f`)."
                )
            while name in arrays:  # {"a": {"b": ...}, "a.b": ...}
                name += "'"
            arrays[name] = validate.floats(f"params at {name}", leaf)
        if not sum(array.size for array in arrays.values()):
            raise ValueError("`params` must have at least one number, got empty arrays only.")
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
        if lower := _lower_precision(jax.make_jaxpr(of_vector)(self.theta).jaxpr):
            raise ValueError(
                f"`{name}` must compute in float64 throughout, got a cast to {lower} inside it; a gradient cannot be "
                "checked beyond what that rounds to. Leave dtypes to JAX, or write that part out without the cast."
            )
        value = float(jax.jit(of_vector)(self.theta))
        if not np.isfinite(value):
            raise ValueError(f"`{name}` must be finite at `params`, got {value}; choose another point.")
        return of_vector, value

    def has_custom_vjp(self, function: Callable[[jax.Array], jax.Array]) -> bool:
        """Say whether there is a ``jax.custom_vjp`` in a function of the vector, through which `jax.jvp` cannot go."""
        jaxpr = jax.make_jaxpr(function)(self.theta).jaxpr
        return any(equation.primitive.name.startswith("custom_vjp") for equation in equations(jaxpr))

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


def equations(jaxpr: Any) -> Iterator[Any]:
    """Yield every operation of a program, those inside others too."""
    for equation in jaxpr.eqns:
        yield equation
        for value in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(value, "jaxpr", value)  # of a closed one
            if hasattr(inner, "eqns"):
                yield from equations(inner)


def _lower_precision(jaxpr: Any) -> str | None:
    """Return the dtype to which a float64 is cast somewhere in a program, None if it nowhere is."""
    for equation in equations(jaxpr):
        if equation.primitive.name == "convert_element_type":
            new = np.dtype(equation.params["new_dtype"])
            if equation.invars[0].aval.dtype == np.float64 and jnp.issubdtype(new, jnp.floating) and new != np.float64:
                return str(new)
    return None


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value") or "params"


def describe(value: Any) -> str:
    """Return what ``value`` is, for an error message: dtype and shape of an array, else its type."""
    return f"{value.dtype} of shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
