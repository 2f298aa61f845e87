"""The posterior of a PyMC model on the unconstrained space: log density, gradient, Hessian, and the way back.

Every free variable is mapped to the real line by PyMC's transforms, and the values of all of them are one vector z of
D numbers. The log density includes the log Jacobian and all constants of the model, so that exp of it integrates to
p(y). It is PyMC's graph, translated to JAX, which differentiates it; all numbers are float64.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pymc as pm
from numpy.typing import ArrayLike, NDArray

from bayes.sampling._jax_engines import constrained_variables, jaxified_graph
from bayes.sampling.improper import require_informed
from bayes.sampling.points import coordinates, every_point
from bayes.sampling.swapped_data import observed_values

type Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Unconstrained:
    """A log density on R^D, vectorised over M points. All logs are in nats.

    Parameters
    ----------
    size
        D, the number of unconstrained coordinates.
    log_density
        Points (M, D) -> log p(y, theta(z)) + log |d theta / dz|, (M,).
    gradient
        Points (M, D) -> its gradients (M, D).
    hessian
        Points (M, D) -> its Hessians (M, D, D).
    constrain
        Points (M, D) -> free variables and deterministics by name, each (M, ...).
    initial_point
        PyMC's initial point, (D,).
    slices
        Name of a value variable -> its coordinates.
    traced
        The log density of one point, (D,) -> (), as a function that JAX can trace. It needs ``jax.enable_x64(True)``.
    model
        The PyMC model.
    observed
        The observed values when this was made, in one row; empty if there are none.
    data
        All of its data when this was made, in one row: the observed values, and each ``pm.Data``.
    """

    size: int
    log_density: Callable[[ArrayLike], Array]
    gradient: Callable[[ArrayLike], Array]
    hessian: Callable[[ArrayLike], Array]
    constrain: Callable[[ArrayLike], dict[str, NDArray[Any]]]
    initial_point: Array
    slices: dict[str, slice]
    traced: Callable[[jax.Array], jax.Array]
    model: pm.Model
    observed: Array
    data: Array


def unconstrained_posterior(model: Any) -> Unconstrained:
    """Return the posterior of ``model`` on the unconstrained space.

    ``model`` is a PyMC model, or a model of the registry, whose program is taken. What this function returned stays as
    it is.

    Translating and compiling take a second or more. A posterior that is made once serves several approximations.

    Raises
    ------
    ValueError
        If ``model`` is something else, if a free variable is discrete, or if there is none. If an improper prior meets
        no data, if the data are a ``pm.Minibatch``, or if they were exchanged since.
    """
    if isinstance(model, Unconstrained):
        if not np.array_equal(model.data, _data(model.model)):
            raise ValueError("`model` has the data from before `pm.set_data`; make another `unconstrained_posterior`.")
        return model
    program = model.program() if hasattr(model, "program") else model  # of the registry
    if not isinstance(program, pm.Model):
        raise ValueError(
            f"`model` must be a PyMC model, a model of the registry or an `unconstrained_posterior`, got "
            f"{type(model).__name__}."
        )
    require_informed(program)
    return of_graph(program, program.logp())


def of_graph(model: pm.Model, graph: Any) -> Unconstrained:
    """Return a function of the model's value variables, a PyTensor scalar, as a function of z. Raises as above."""
    if discrete := [variable.name for variable in model.discrete_value_vars]:
        raise ValueError(
            f"`model` has the discrete variable {discrete[0]}, which has no density on the unconstrained space; sum "
            "over it in the model (pymc_extras.marginalize)."
        )
    if not model.value_vars:
        raise ValueError("`model` has no free variables, so there is nothing to approximate.")
    jaxified = jaxified_graph()
    variables = constrained_variables(model)
    of = coordinates(model)
    with jax.enable_x64(True):
        log_density = jaxified(inputs=model.value_vars, outputs=[graph])
        constrain = jaxified(inputs=model.value_vars, outputs=variables)
    constrained_points = every_point(lambda z: constrain(*of.split(z)))

    def traced(z: jax.Array) -> jax.Array:
        return log_density(*of.split(z))[0].reshape(())

    def constrained(points: ArrayLike) -> dict[str, NDArray[Any]]:
        values = constrained_points(points)
        return {variable.name: np.asarray(value) for variable, value in zip(variables, values, strict=True)}

    return Unconstrained(
        size=len(of.start),
        log_density=_array(every_point(traced)),
        gradient=_array(every_point(jax.grad(traced))),
        hessian=_array(every_point(jax.hessian(traced))),
        constrain=constrained,
        initial_point=of.start,
        slices=of.slices,
        traced=traced,
        model=model,
        observed=_row(observed_values(model).values()),
        data=_data(model),
    )


def _array(function: Callable[[ArrayLike], Any]) -> Callable[[ArrayLike], Array]:
    return lambda points: np.asarray(function(points))


def _data(model: pm.Model) -> Array:
    return _row([*observed_values(model).values(), *(variable.get_value() for variable in model.data_vars)])


def _row(values: Iterable[NDArray[Any]]) -> Array:
    return np.concatenate([np.empty(0), *map(np.ravel, values)])
