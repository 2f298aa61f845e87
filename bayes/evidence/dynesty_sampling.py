"""Nested sampling by dynesty (Speagle 2020, arXiv 1904.02180), an extra: ``pip install 'closedform[dynesty]'``.

dynesty draws from the prior by a map from the unit cube. It is made of the quantile functions of the model's variables,
``pm.icdf``, each given the variables before it; a model with a variable that has none is refused.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from bayes.evidence.pymc_targets import from_pymc
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from closedform.extras import require
from closedform.validation import whole_number

REMAINDER = 0.01
"""The run ends when the live points can add less than this to the log evidence, in nats."""


def dynesty(model: Any, *, seed: int, live: int = 500) -> EvidenceEstimate:
    """Estimate the log evidence of a PyMC ``model`` by dynesty's static nested sampler, with its own claimed error.

    Raises
    ------
    ModuleNotFoundError
        With the extra to install, if dynesty is missing.
    ValueError
        If ``model`` is not a PyMC model, or has a variable without a quantile function.
    """
    require("dynesty")
    import dynesty as package  # pyright: ignore[reportMissingImports]  # an extra

    if not isinstance(model, pm.Model):
        raise ValueError("`method` 'dynesty' needs a PyMC model, whose prior it maps from a cube; use method='bridge'.")
    whole_number("live", live, ", 50 or more", 50)
    target = from_pymc(model)
    prior = target.required_prior("dynesty")
    to_prior = _prior_from_cube(model, target.dimension)
    sampler = package.NestedSampler(
        lambda x: float(prior.log_likelihood(x[None])[0]),
        to_prior,
        target.dimension,
        nlive=live,
        rstate=np.random.default_rng(seed),
    )
    sampler.run_nested(dlogz=REMAINDER, print_progress=False)
    results = sampler.results
    return EvidenceEstimate(
        log_evidence=float(results["logz"][-1]),
        standard_error=float(results["logzerr"][-1]),
        method="dynesty",
        evaluations=int(np.sum(results["ncall"])),
        diagnostics=(
            Diagnostic(
                name="sampling efficiency in per cent",
                value=float(results["eff"]),
                threshold=1.0,
                at_least=True,
                meaning="most proposed points were rejected; the bounds do not fit the posterior",
            ),
        ),
    )


def _prior_from_cube(model: pm.Model, D: int) -> Any:
    """Return a compiled map from a point of the unit cube (D',) to an unconstrained point (D,) of the prior.

    Each variable takes as many coordinates of the cube as it has elements. Raises ValueError if D' is not D, as for a
    simplex, or if a variable has no quantile function.
    """
    cube = pt.vector("cube", shape=(D,))
    shapes = model.eval_rv_shapes()
    if sum(int(np.prod(shapes[rv.name])) for rv in model.free_RVs) != D:
        raise _no_quantiles("one of " + ", ".join(rv.name for rv in model.free_RVs))
    values: dict[Any, Any] = {}
    unconstrained, first = [], 0
    for rv in model.free_RVs:
        size = int(np.prod(shapes[rv.name]))
        u = cube[first : first + size].reshape(tuple(map(int, shapes[rv.name])))
        first += size
        try:
            value = pm.icdf(rv, u)
        except NotImplementedError as error:
            raise _no_quantiles(rv.name) from error
        values[rv] = graph_replace([value], values, strict=False)[0] if values else value
        transform = model.rvs_to_transforms[rv]
        place = values[rv] if transform is None else transform.forward(values[rv], *rv.owner.inputs)
        unconstrained.append(pt.flatten(graph_replace([place], values, strict=False)[0]))
    return pm.compile([cube], pt.concatenate(unconstrained))


def _no_quantiles(name: str) -> ValueError:
    return ValueError(
        f"`method` 'dynesty' needs a quantile function of every variable of the prior, and {name} has none; use "
        "method='nested'."
    )
