"""A tree of parameters as one float64 vector, and back; the blocks are its leaves, named by their paths."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import NDArray

from nets.backprop import validate
from nets.gradcheck._reduced_programs import Reduced


@dataclass(frozen=True)
class Blocks:
    """The leaves of a tree, one after the other. Make and use it inside ``jax.enable_x64(True)``."""

    treedef: Any
    slices: dict[str, slice]
    """Block -> where it lies in the vector."""
    shapes: dict[str, tuple[int, ...]]
    theta: jax.Array
    """The vector, (P,), float64."""
    name: str = "params"
    """What the argument is called, for error messages."""

    @classmethod
    def of(cls, params: Any, name: str = "params") -> "Blocks":
        """Return the blocks of ``params``; raise ValueError if there are none or one is not of finite floats."""
        leaves, treedef = jax.tree_util.tree_flatten_with_path(params)
        if not leaves:
            raise ValueError(f"`{name}` must be a tree with at least one array, got {params!r}.")
        arrays: dict[str, jax.Array] = {}
        for path, leaf in leaves:
            block = _name(path, name)
            if not jnp.issubdtype(dtype := getattr(leaf, "dtype", float), jnp.floating):
                raise ValueError(f"`{name}` must be floats, got {describe(leaf)} at {block}; {_way_out(dtype)}.")
            while block in arrays:  # {"a": {"b": ...}, "a.b": ...}
                block += "'"
            arrays[block] = validate.floats(f"{name} at {block}", leaf)
        if not sum(array.size for array in arrays.values()):
            raise ValueError(f"`{name}` must have at least one number, got empty arrays only.")
        ends = np.cumsum([array.size for array in arrays.values()])
        return cls(
            treedef=treedef,
            slices={block: slice(end - a.size, end) for (block, a), end in zip(arrays.items(), ends, strict=True)},
            shapes={block: array.shape for block, array in arrays.items()},
            theta=jnp.concatenate([jnp.ravel(array).astype(jnp.float64) for array in arrays.values()]),
            name=name,
        )

    def tree(self, vector: Any) -> Any:
        """Return ``vector``, real or complex, as a tree like the parameters."""
        known = vector if isinstance(vector, Tracer) else np.asarray(vector)  # compiles no slice
        leaves = [jnp.asarray(known[self.slices[name]].reshape(shape)) for name, shape in self.shapes.items()]
        return jax.tree.unflatten(self.treedef, leaves)

    def function(
        self, name: str, f: Callable[[Any], Any], *, has_aux: bool = False, dtype: Any = jnp.float64
    ) -> Reduced:
        """Return ``f`` as a function of the vector, of ``dtype``.

        ValueError if it is no number in double precision, or is not computed in that throughout.
        """

        def of_vector(vector: jax.Array) -> Any:
            made = f(self.tree(vector))
            if not has_aux:
                return made
            if not isinstance(made, tuple) or len(made) != 2:
                raise ValueError(
                    f"`{name}` must return a pair (value, aux) with `has_aux=True`, got {describe(made)}; leave out "
                    "`has_aux`."
                )
            return made[0]

        theta = self.theta.astype(dtype)
        reduced = Reduced.of(of_vector, theta)
        made = reduced.shapes
        if not hasattr(made, "shape") or made.shape != ():
            pair = ", and of a pair (value, aux) say `has_aux=True`" if isinstance(made, tuple) else ""
            raise ValueError(
                f"`{name}` must return one number, shape (), got {describe(made)}; sum or average it{pair}."
            )
        lower = reduced.lower_precision()
        where = f" ({lower[1]})" if lower and lower[1] else ""
        if made.dtype not in (jnp.float64, dtype):
            raise ValueError(
                f"`{name}` must return float64 for float64 parameters, got {made.dtype}{where}; leave dtypes to JAX "
                "(in Flax, give no `dtype`), and take the real part of a complex number."
            )
        if lower:
            raise ValueError(
                f"`{name}` must compute in float64 throughout, got a cast to {lower[0]} inside it{where}; a gradient "
                "cannot be checked beyond what that rounds to. Leave dtypes to JAX (in Flax, give no `dtype`), or "
                "write that part out without the cast."
            )
        return reduced

    def vector(self, name: str, tree: Any) -> NDArray[np.float64]:
        """Return ``tree``, a gradient, as a vector; raise ValueError if it is not like the parameters."""
        leaves, treedef = jax.tree.flatten(tree)
        if treedef != self.treedef:
            raise ValueError(f"`{name}` must return a tree like `{self.name}`, {self.treedef}, got {treedef}.")
        for (block, shape), leaf in zip(self.shapes.items(), leaves, strict=True):
            if np.shape(leaf) != shape or np.asarray(leaf).dtype != np.float64:
                raise ValueError(
                    f"`{name}` must return float64 of shape {shape} at {block}, got {describe(leaf)}; a gradient has "
                    "the shape of its parameter, and its precision."
                )
        return np.concatenate([np.ravel(leaf) for leaf in leaves])


def finite(name: str, value: Any) -> float:
    """Return the ``value`` of a function at the parameters, or raise ValueError if it is not finite."""
    number = float(np.real(value))
    if not np.isfinite(number):
        raise ValueError(f"`{name}` must be finite at `params`, got {number}; choose another point.")
    return number


def _way_out(dtype: Any) -> str:
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return "close over a key in the function that is differentiated"
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return 'give its parts, {"re": z.real, "im": z.imag}, and join them inside the function: z = re + 1j * im'
    return (
        "leave out what is not differentiated (in Flax: `module, params, rest = nnx.split(model, nnx.Param, ...)`, "
        "merged again inside `f`)"
    )


def _name(path: tuple[Any, ...], otherwise: str) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value") or otherwise


def describe(value: Any) -> str:
    """Return what ``value`` is, for an error message: dtype and shape of an array, else its type."""
    return f"{value.dtype} of shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
