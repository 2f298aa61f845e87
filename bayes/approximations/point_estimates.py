"""The maximum of the likelihood (MLE) and of the posterior density (MAP), whose plug-in predictives are compared.

The MAP is that of the density in the model's own parameters, without the Jacobian of a transform, as ``pm.find_MAP``
has it. So it is not the mode of Laplace's method, which is on the unconstrained space.
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bayes.approximations.predictive_losses import PredictiveLoss, predictive_loss
from bayes.approximations.unconstrained import of_graph
from bayes.registry import Model

type Estimate = Literal["MLE", "MAP"]

LARGEST_GRADIENT = 1e-3
"""Largest derivative at a maximum, in nats a unit of the unconstrained space."""
FLAT = 1e-9
"""Smallest curvature at a maximum, relative to the largest: below, the maximum is a ridge, or at infinity."""


def plug_in_loss(model: Model, estimate: Estimate) -> PredictiveLoss:
    """Return the nats that the plug-in predictive at ``estimate`` loses per new observation. Raises as below."""
    return predictive_loss(model, point_estimate(model, estimate))


def point_estimate(model: Model, estimate: Estimate) -> dict[str, NDArray[Any]]:
    """Return the parameters of ``model`` at the maximum, each (1, ...).

    Raises
    ------
    ValueError
        If there is no maximum inside the range of the parameters, or more than a point of it.
    """
    if estimate not in get_args(Estimate.__value__):
        raise ValueError(f"`estimate` must be 'MLE' or 'MAP', got {estimate!r}.")
    program = model.program()
    graph = program.observedlogp if estimate == "MLE" else program.logp(jacobian=False)
    target = of_graph(program, graph)
    found = minimize(
        lambda z: -float(target.log_density(z[None])[0]),
        target.initial_point,
        jac=lambda z: -target.gradient(z[None])[0],
        method="BFGS",
    )
    gradient = float(np.abs(target.gradient(found.x[None])).max())
    curvature = np.linalg.eigvalsh(-target.hessian(found.x[None])[0])
    # A parameter at the edge of its range is infinite in z, where the log density becomes flat.
    if not (gradient < LARGEST_GRADIENT and curvature[0] > FLAT * curvature[-1]):
        raise ValueError(
            f"`estimate` = {estimate} of {model.label} is no single point inside the parameters' range: the gradient "
            f"is {gradient:.2g} where the search ended, and -H has eigenvalues from {curvature[0]:.2g} to "
            f"{curvature[-1]:.2g}; use another estimate."
        )
    return target.constrain(found.x[None])
