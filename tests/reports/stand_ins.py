"""Stand-ins for what takes seconds on a page and is tested elsewhere: samplers that draw exactly, and blank figures."""

import re
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from bayes.faults.false_alarms import exact_chains
from bayes.registry import Model
from bayes.sampling import inference

SPREAD = 0.02
"""The sd of a log evidence around the exact one, in nats."""


def nuts(*models: Model, change: Callable[[Any], Any] = lambda values: values) -> Callable[..., xr.DataTree]:
    """Return an `inference.nuts` of exact draws of the one of ``models`` it is given, with ``change`` made to them."""

    def exact_draws(program, *, seed, draws, chains=4, engine="nutpie", predict=None):  # noqa: ARG001
        rng = np.random.default_rng(seed)
        variables = {variable.name for variable in program.free_RVs}
        model = next(model for model in models if set(model.variables) == variables)
        posterior = {name: change(values[:chains]) for name, values in exact_chains(model, rng, draws).items()}
        groups = {"posterior": posterior, "sample_stats": {"diverging": np.zeros((chains, draws), dtype=bool)}}
        if predict is not None:
            (observed,) = inference.observed_data(predict)
            new = rng.normal(posterior["mu"], model.exact.noise_sd)
            groups["posterior_predictive"] = {observed: new[..., None]}
        return xr.DataTree.from_dict({name: _dataset(arrays) for name, arrays in groups.items()})

    return exact_draws


def mcmc(*models: Model, change: Callable[[Any], Any] = lambda values: values) -> Callable[..., xr.DataTree]:
    """Return an `inference.mcmc` of exact draws, as ``nuts`` does."""
    draw = nuts(*models, change=change)
    return lambda program, *, sampler, seed, draws, tune: draw(program, seed=seed, draws=draws)  # noqa: ARG005


def built(module: Any, options: Any) -> Any:
    """Return the page of ``module``, its tasks run one after another in this process."""
    problem = module.read(options)
    tasks = module.tasks(problem, options)
    page = module.build(problem, options, [task.function(*task.arguments) for task in tasks])
    assert not dead_links(page.html())
    return page


def dead_links(html: str) -> set[str]:
    """Return the links into the page that lead nowhere."""
    return set(re.findall(r'href="#([^"]*)"', html)) - set(re.findall(r'\bid="([^"]*)"', html))


def smc(*log_evidence: float) -> Callable[..., xr.DataTree]:
    """Return an `inference.smc` whose runs are near each of ``log_evidence`` in turn."""
    exact = cycle(log_evidence)

    def runs_near(program, *, seed, runs, draws):  # noqa: ARG001
        values = next(exact) + np.random.default_rng(seed).normal(0, SPREAD, runs)
        return xr.DataTree.from_dict({"sample_stats": xr.Dataset({"log_evidence": ("chain", values)})})

    return runs_near


def blank_figure(*_: Any) -> Figure:
    """Return a figure with nothing on it, for pages whose figures are drawn in another test."""
    return Figure()


def _dataset(arrays: dict[str, np.ndarray]) -> xr.Dataset:
    return xr.Dataset(
        {
            name: (("chain", "draw", *(f"{name}_{i}" for i in range(values.ndim - 2))), values)
            for name, values in arrays.items()
        }
    )
