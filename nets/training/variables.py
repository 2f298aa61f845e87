"""The variables of a network as trees of arrays: parameters, statistics, both in one tree, and their names."""

from typing import Any

import jax
from flax import nnx


def variables_of(model: nnx.Module) -> tuple[Any, Any]:
    """Return the parameters of a module, and its statistics (`nets.training.networks.Network`)."""
    _, params, _, statistics = nnx.split(model, nnx.Param, nnx.RngState, ...)
    return nnx.to_pure_dict(params), nnx.to_pure_dict(statistics)


def merged(params: Any, statistics: Any) -> Any:
    """Return the variables for evaluation: parameters and statistics in one tree."""
    if not statistics:
        return params
    flat = nnx.traversals.flatten_mapping(params) | nnx.traversals.flatten_mapping(statistics)
    return nnx.traversals.unflatten_mapping(flat)


def by_name(variables: Any) -> dict[str, Any]:
    """Return the arrays of a tree by their paths, such as ``hidden.0.kernel``, in the order of the tree."""
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
