"""The log density of a PyMC model on the unconstrained space, vectorised over points and compiled once by JAX.

Every constant is kept: PyMC's ``model.logp()`` is the normalised log density of each variable, with the log Jacobians
of its transforms. A ``pm.Potential`` is part of the density; a model with one has no prior that is known to be
normalised, so that the methods that begin at the prior are refused.

Compiling takes 0.3 to 1.2 s a model and thousands of points some milliseconds; PyTensor's compiled functions take one
point at a time.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
from numpy.typing import NDArray
from pymc.distributions.custom import CustomDistRV
from pymc.distributions.transforms import _default_transform
from pymc.variational.minibatch_rv import MinibatchRandomVariable
from pytensor.graph.replace import graph_replace

from bayes.evidence.targets import Array, Prior, Target
from bayes.io.draws import DrawsLike, as_draws, is_smc, variable_names
from bayes.sampling._jax_engines import jaxified_graph
from bayes.sampling.improper import improper_part
from bayes.sampling.points import coordinates, every_point

type Transforms = tuple[Callable[..., Any], dict[str, tuple[int, ...]]]
"""The compiled transforms of the free variables, and the shapes of the variables."""


def from_pymc(model: pm.Model) -> Target:
    """Return the target of a PyMC ``model``.

    Raises
    ------
    ValueError
        If the model has nothing observed, a discrete free variable, or an improper prior.
    """
    _require_evidence(model)
    transforms = cache(partial(_forward_graph, model))  # of the model as it is now
    of = coordinates(model)
    zero = pm.math.constant(0.0)
    densities = [
        model.logp(vars=model.free_RVs),
        model.logp(vars=model.observed_RVs) if model.observed_RVs else zero,
        model.logp(vars=model.potentials) if model.potentials else zero,
    ]
    with jax.enable_x64(True):
        graph = jaxified_graph()(inputs=model.value_vars, outputs=densities)

    def terms(x: Any) -> tuple[Any, Any, Any]:
        prior, likelihood, potential = graph(*of.split(x))
        return prior, likelihood, potential

    def log_joint(x: Any) -> Any:
        prior, likelihood, potential = terms(x)
        return prior + likelihood + potential

    evaluated = every_point(terms)
    gradient, hessian = jax.jit(jax.grad(log_joint)), jax.jit(jax.hessian(log_joint))
    without_prior, notes = _unnormalised(model)
    prior = Prior(
        log_prior=lambda x: evaluated(x)[0],
        log_likelihood=lambda x: evaluated(x)[1],
        sample=lambda seed, n: _prior_draws(model, seed, n, transforms()),
        traced=lambda x: terms(x)[:2],
    )
    return Target(
        dimension=len(of.start),
        log_density=lambda x: np.sum(evaluated(x), axis=0),
        gradient=_in_float64(gradient),
        hessian=_in_float64(hessian),
        start=of.start,
        prior=None if without_prior else prior,
        without_prior=without_prior,
        unconstrain=lambda draws: _unconstrained(model, draws, transforms()),
        notes=notes,
    )


def _require_evidence(model: pm.Model) -> None:
    """Raise ValueError unless the model has data and a proper prior on continuous variables."""
    if not model.observed_RVs and not model.potentials:
        raise ValueError("`model` has no observed variables, so there is no evidence; condition one on data.")
    if not model.free_RVs:
        raise ValueError("`model` has no free variables: its evidence is its likelihood, `model.point_logps()`.")
    discrete = [variable.name for variable in model.free_RVs if variable.dtype.startswith(("int", "uint", "bool"))]
    if discrete:
        raise ValueError(
            f"`model` has the discrete free variable {discrete[0]}, which has no density to integrate; sum it out, as "
            "pymc_extras.marginalize does."
        )
    for variable in model.observed_RVs:
        if isinstance(variable.owner.op, MinibatchRandomVariable):
            raise ValueError(
                f"`model` has `total_size` on {variable.name}, which scales its log likelihood, so that there is no "
                "p(y); observe all data, without `total_size`."
            )
    for variable in model.free_RVs:
        if kind := improper_part(variable, model):
            raise ValueError(
                f"`model` has an improper prior on {variable.name}, pm.{kind}, so that p(y) is arbitrary up to a "
                "factor; give it a proper prior."
            )


def _unnormalised(model: pm.Model) -> tuple[str, tuple[str, ...]]:
    """Return why the prior may not be normalised, empty if it is, and notes on what the evidence then is."""
    custom = [rv.name for rv in model.basic_RVs if isinstance(rv.owner.op, CustomDistRV)]
    if custom:
        reason = f"{custom[0]} is a pm.CustomDist with a log density of its own, which may not be normalised"
        return reason, (f"{reason}: if it is not, this is no evidence.",)
    if model.potentials:
        names = ", ".join(potential.name for potential in model.potentials)
        return (
            f"with the potential {names} the prior of the model may not be normalised",
            (f"the density has the potential {names}: the evidence is the integral with it.",),
        )
    own = [
        rv.name
        for rv in model.free_RVs
        if (transform := model.rvs_to_transforms[rv]) is not None
        and type(transform) is not type(_default_transform(rv.owner.op, rv))
    ]
    if own:
        reason = f"{own[0]} has a transform of its own, which may leave out a part of its prior"
        return reason, (f"{reason}: the rest is not renormalised.",)
    return "", ()


def _in_float64(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
    def value(x: Array) -> Array:
        with jax.enable_x64(True):
            return np.asarray(function(jnp.asarray(x)))

    return value


def _prior_draws(model: pm.Model, seed: int, n: int, transforms: Transforms) -> Array:
    """Return ``n`` independent unconstrained draws of the prior, (n, D)."""
    rvs = model.free_RVs
    draws = pm.draw(rvs, draws=n, random_seed=seed)
    return _forward(model, {rv.name: values for rv, values in zip(rvs, draws, strict=True)}, transforms)


def _unconstrained(model: pm.Model, draws: DrawsLike, transforms: Transforms) -> Array:
    """Return draws of the free variables as unconstrained points (chain, draw, D)."""
    names = [variable.name for variable in model.free_RVs]
    missing = [name for name in names if name not in variable_names(draws)]
    if missing:
        raise ValueError(
            f"`draws` lack the free variable {missing[0]!r} of the model; they must have {', '.join(map(repr, names))}."
        )
    read = as_draws(draws, names)
    if is_smc(read):
        raise ValueError(
            "`draws` are particles of SMC, whose runs are no chains of independent draws; they have estimates of their "
            "own: combine `log_evidence` of their sample_stats by `bayes.evidence.estimates.combine`, or give chains."
        )
    posterior = read.posterior
    shapes = {name: posterior[name].shape[:2] for name in names}
    chains, n = shapes[names[0]]
    if any(shape != (chains, n) for shape in shapes.values()):
        raise ValueError(f"`draws` must have as many chains and draws of every variable, got {shapes}.")
    flat = {name: posterior[name].reshape(chains * n, *posterior[name].shape[2:]).astype(float) for name in names}
    return _forward(model, flat, transforms).reshape(chains, n, -1)


def _forward(model: pm.Model, values: dict[str, NDArray[Any]], transforms: Transforms) -> Array:
    """Return the unconstrained points (M, D) of values of the free variables, (M, ...) each.

    Raises ValueError if a value has the wrong shape or lies outside the support of its prior.
    """
    rvs, (graph, shapes) = model.free_RVs, transforms
    for name, given in values.items():
        if given.shape[1:] != shapes[name]:
            raise ValueError(f"`draws[{name!r}]` must have the shape {shapes[name]} a draw, got {given.shape[1:]}.")
    with jax.enable_x64(True):
        points = [np.asarray(part) for part in graph(*(values[rv.name] for rv in rvs))]
    for rv, part in zip(rvs, points, strict=True):
        _require_finite(rv.name, part, values[rv.name])
    return np.concatenate([part.reshape(len(part), -1) for part in points], axis=1)


def _forward_graph(model: pm.Model) -> Transforms:
    """Return the compiled transforms of the free variables, vectorised over draws, and the shapes of the variables."""
    rvs = model.free_RVs
    inputs = [rv.type() for rv in rvs]
    outputs: list[Any] = []
    for rv, value in zip(rvs, inputs, strict=True):
        transform = model.rvs_to_transforms[rv]
        outputs.append(value if transform is None else transform.forward(value, *rv.owner.inputs))
    outputs = graph_replace(outputs, dict(zip(rvs, inputs, strict=True)), strict=False)
    with jax.enable_x64(True):
        graph = jax.jit(jax.vmap(jaxified_graph()(inputs=inputs, outputs=outputs)))
    shapes = model.eval_rv_shapes()
    return graph, {rv.name: tuple(map(int, shapes[rv.name])) for rv in rvs}


def _require_finite(name: str, points: Array, values: NDArray[Any]) -> None:
    """Raise ValueError if one of the ``points`` of a variable is not finite."""
    nan = np.argwhere(np.isnan(np.reshape(values, (len(values), -1))).any(axis=1))
    if len(nan):
        raise ValueError(
            f"`draws[{name!r}]` must be numbers, got nan in {len(nan)} of {len(values)} draws; a sampler that returns "
            "them is broken or not finished."
        )
    bad = np.argwhere(~np.isfinite(np.reshape(points, (len(points), -1))).all(axis=1))
    if len(bad):
        raise ValueError(
            f"`draws[{name!r}]` must lie inside the support of its prior, and {values[bad[0, 0]]} does not, one of "
            f"{len(bad)}; they are not draws of this model."
        )
