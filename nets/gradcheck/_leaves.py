"""A pytree of parameters as one float64 vector, and back; its leaves are named by their paths."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import NDArray

from nets.backprop import validate
from nets.gradcheck._reduced_programs import ReducedProgram


@dataclass(frozen=True)
class Leaves:
    """The leaves of a pytree, concatenated. Make and use it inside ``jax.enable_x64(True)``."""

    treedef: Any
    slices: dict[str, slice]
    """Path of a leaf -> its slice of the vector."""
    shapes: dict[str, tuple[int, ...]]
    theta: jax.Array
    """The vector, (P,), float64."""
    name: str = "params"
    """Name of the argument, for error messages."""

    @classmethod
    def of(cls, params: Any, name: str = "params") -> "Leaves":
        """Return the leaves of ``params``; raise ValueError if there are none or one is not of finite floats."""
        paths_and_values, treedef = jax.tree_util.tree_flatten_with_path(params)
        if not paths_and_values:
            raise ValueError(f"`{name}` must be a tree with at least one array, got {params!r}.")
        arrays: dict[str, jax.Array] = {}
        for path, value in paths_and_values:
            leaf = _path_name(path, name)
            if not jnp.issubdtype(dtype := getattr(value, "dtype", float), jnp.floating):
                raise ValueError(f"`{name}` must be floats, got {describe(value)} at {leaf}; {_remedy(dtype)}.")
            while leaf in arrays:  # {"a": {"b": ...}, "a.b": ...}
                leaf += "'"
            arrays[leaf] = validate.floats(f"{name} at {leaf}", value)
        if not sum(array.size for array in arrays.values()):
            raise ValueError(f"`{name}` must have at least one number, got empty arrays only.")
        ends = np.cumsum([array.size for array in arrays.values()])
        return cls(
            treedef=treedef,
            slices={leaf: slice(end - a.size, end) for (leaf, a), end in zip(arrays.items(), ends, strict=True)},
            shapes={leaf: array.shape for leaf, array in arrays.items()},
            theta=jnp.concatenate([jnp.ravel(array).astype(jnp.float64) for array in arrays.values()]),
            name=name,
        )

    def tree(self, vector: Any) -> Any:
        """Return ``vector``, real or complex, as a tree like the parameters."""
        array = vector if isinstance(vector, Tracer) else np.asarray(vector)  # compiles no slice
        arrays = [jnp.asarray(array[self.slices[leaf]].reshape(shape)) for leaf, shape in self.shapes.items()]
        return jax.tree.unflatten(self.treedef, arrays)

    def function(
        self, name: str, f: Callable[[Any], Any], *, has_aux: bool = False, dtype: Any = jnp.float64
    ) -> ReducedProgram:
        """Return ``f`` as a function of the vector, of ``dtype``.

        Raises ValueError if ``f`` does not return one number in double precision, or does not compute in it throughout.
        """

        def of_vector(vector: jax.Array) -> Any:
            result = f(self.tree(vector))
            if not has_aux:
                return result
            if not isinstance(result, tuple) or len(result) != 2:
                raise ValueError(
                    f"`{name}` must return a pair (value, aux) with `has_aux=True`, got {describe(result)}; leave out "
                    "`has_aux`."
                )
            return result[0]

        theta = self.theta.astype(dtype)
        program = ReducedProgram.of(of_vector, theta)
        output = program.shapes
        if not hasattr(output, "shape") or output.shape != ():
            pair = ", and for a pair (value, aux) set `has_aux=True`" if isinstance(output, tuple) else ""
            raise ValueError(
                f"`{name}` must return one number, shape (), got {describe(output)}; sum or average it{pair}."
            )
        cast = program.lower_precision()
        line = f" ({cast[1]})" if cast and cast[1] else ""
        if output.dtype not in (jnp.float64, dtype):
            raise ValueError(
                f"`{name}` must return float64 for float64 parameters, got {output.dtype}{line}; leave dtypes to JAX "
                "(in Flax, give no `dtype`), and take the real part of a complex number."
            )
        if cast:
            raise ValueError(
                f"`{name}` must compute in float64 throughout, got a cast to {cast[0]} inside it{line}; a gradient "
                "cannot be checked beyond the rounding of that cast. Leave dtypes to JAX (in Flax, give no `dtype`), "
                "or write that part out without the cast."
            )
        return program

    def vector(self, name: str, tree: Any) -> NDArray[np.float64]:
        """Return ``tree``, a gradient, as a vector; raise ValueError if its structure is not that of the parameters."""
        arrays, treedef = jax.tree.flatten(tree)
        if treedef != self.treedef:
            raise ValueError(f"`{name}` must return a tree like `{self.name}`, {self.treedef}, got {treedef}.")
        for (leaf, shape), array in zip(self.shapes.items(), arrays, strict=True):
            if np.shape(array) != shape or np.asarray(array).dtype != np.float64:
                raise ValueError(
                    f"`{name}` must return float64 of shape {shape} at {leaf}, got {describe(array)}; a gradient has "
                    "the shape and the precision of its parameter."
                )
        return np.concatenate([np.ravel(array) for array in arrays])


def finite(name: str, value: Any) -> float:
    """Return the ``value`` of a function at the parameters, or raise ValueError if it is not finite."""
    number = float(np.real(value))
    if not np.isfinite(number):
        raise ValueError(f"`{name}` must be finite at `params`, got {number}; choose another point.")
    return number


def _remedy(dtype: Any) -> str:
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return "close over a key in the function that is differentiated"
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return 'give its parts, {"re": z.real, "im": z.imag}, and join them inside the function: z = re + 1j * im'
    return (
        "leave out what is not differentiated (in Flax: `module, params, rest = nnx.split(model, nnx.Param, ...)`, "
        "merged again inside `f`)"
    )


def _path_name(path: tuple[Any, ...], default: str) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value") or default


def describe(value: Any) -> str:
    """Return dtype and shape of an array, or the type of anything else, for an error message."""
    return f"{value.dtype} of shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
