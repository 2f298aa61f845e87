"""What a PyMC model may have that has no density of its own: improper priors, and data that change."""

from typing import Any

import pymc as pm
from pymc.data import MinibatchOp
from pytensor.graph.traversal import ancestors

IMPROPER = ("FlatRV", "HalfFlatRV", "ICARRV")
"""PyMC's distributions without a normalised density."""


def improper_part(variable: Any, model: pm.Model) -> str:
    """Return the improper distribution that the prior of a free ``variable`` is or is made of, such as ``Flat``.

    It may be a part, as the ``init_dist`` of a random walk or a component of a mixture. Empty if there is none.
    """
    others = [rv for rv in model.basic_RVs if rv is not variable]
    nodes = [part.owner for part in ancestors([variable], blockers=others) if part.owner is not None]
    inner = [node for outer in nodes for node in getattr(getattr(outer.op, "fgraph", None), "apply_nodes", ())]
    kinds = {type(node.op).__name__ for node in [*nodes, *inner] if node.outputs[0] not in others}
    return next((kind.removesuffix("RV") for kind in IMPROPER if kind in kinds), "")


def require_informed(model: pm.Model) -> None:
    """Raise ValueError if an improper prior meets no data and no potential: then there is no posterior."""
    informed = set(ancestors([*model.observed_RVs, *model.potentials]))
    for variable in model.free_RVs:
        if variable not in informed and (kind := improper_part(variable, model)):
            raise ValueError(
                f"`model` has an improper prior on {variable.name}, pm.{kind}, and no data that depend on it, so that "
                "its posterior is not a distribution; give it a proper prior, or leave it out."
            )


def require_whole_data(model: pm.Model) -> None:
    """Raise ValueError if the model has a ``pm.Minibatch``: its density is of other data at each call."""
    values = [model.rvs_to_values[rv] for rv in model.observed_RVs]
    for part in ancestors([*model.basic_RVs, *model.potentials, *values]):
        if part.owner is not None and isinstance(part.owner.op, MinibatchOp):
            raise ValueError(
                "`model` has a pm.Minibatch, so that its density is of other data at each call; observe all data."
            )
