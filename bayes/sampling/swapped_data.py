"""A PyMC model whose observed values are inputs, so that it is compiled once for many data sets.

A model holds its observed values as constants or as shared variables (``pm.Data``), and what is compiled from it holds
them too: PyMC's JAX functions replace even shared variables by their values. So the value variables of the observed
variables are exchanged, on a copy of the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class SwappedData:
    """A copy of a model with its data as inputs."""

    model: pm.Model
    inputs: tuple[Any, ...]
    """The data of each observed variable: symbolic variables, or shared ones."""
    names: tuple[str, ...]
    """The names of the observed variables, in the same order."""
    shapes: tuple[tuple[int, ...], ...]
    """Their shapes."""

    def data(self, y: Any) -> tuple[NDArray[Any], ...]:
        """Return the values of the inputs for the data ``y``, in their types.

        ``y`` is an array if one variable is observed, and a mapping from names to arrays if several are. Raises
        ValueError if a name is missing or a shape is not that of the model.
        """
        values = y if isinstance(y, Mapping) else {self.names[0]: y} if len(self.names) == 1 else {}
        if set(values) != set(self.names):
            raise ValueError(f"`y` must have the data of {', '.join(self.names)} by name, got {type(y).__name__}.")
        arrays = [
            np.asarray(values[name], dtype=variable.dtype)
            for name, variable in zip(self.names, self.inputs, strict=True)
        ]
        for name, array, shape in zip(self.names, arrays, self.shapes, strict=True):
            if array.shape != shape:
                raise ValueError(f"`y` must have shape {shape} for {name}, as in the model, got {array.shape}.")
        return tuple(arrays)


def with_symbolic_data(model: pm.Model) -> SwappedData:
    """Return ``model`` with symbolic variables in place of its data. Raises ValueError if nothing is observed."""
    return _swapped(model, lambda name, value: pt.tensor(name, dtype=value.dtype, shape=value.shape))


def with_shared_data(model: pm.Model) -> SwappedData:
    """Return ``model`` with shared variables in place of its data, which hold it first. Raises ValueError as above."""
    return _swapped(model, lambda name, value: pytensor.shared(value, name=name, shape=value.shape))


def observed_values(model: pm.Model) -> dict[str, NDArray[Any]]:
    """Return the data of each observed variable by name."""
    return {rv.name: np.array(model.rvs_to_values[rv].eval()) for rv in model.observed_RVs}


def _swapped(model: pm.Model, new_variable: Callable[[str, NDArray[Any]], Any]) -> SwappedData:
    if not model.observed_RVs:
        raise ValueError("`model` has no observed variables, so there is no posterior; condition one on data.")
    values = observed_values(model)
    swapped = model.copy()
    names = tuple(rv.name for rv in swapped.observed_RVs)  # a copy may have them in another order
    inputs = []
    for rv in swapped.observed_RVs:
        old, new = swapped.rvs_to_values[rv], new_variable(f"data of {rv.name}", values[rv.name])
        swapped.rvs_to_values[rv] = new
        swapped.values_to_rvs[new] = swapped.values_to_rvs.pop(old)
        inputs.append(new)
    return SwappedData(
        model=swapped, inputs=tuple(inputs), names=names, shapes=tuple(values[name].shape for name in names)
    )
