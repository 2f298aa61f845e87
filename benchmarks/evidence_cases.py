"""Models with a known evidence and a PyMC program, of the registry and of posteriordb, and draws of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pymc as pm
from numpy.typing import NDArray

from bayes.evidence.estimators import as_target
from bayes.evidence.targets import Target
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.io.posteriordb import Posterior, load
from bayes.io.posteriordb.folder import Folder
from bayes.io.posteriordb.posteriors import exact_names, stan_element
from bayes.programs.scale_priors import scale_variable
from bayes.registry import get_model
from bayes.sampling.compiled_once import nutpie_draws
from benchmarks.posteriordb_programs import PROGRAMS

CHAINS, TUNE = 4, 1000
CENTRED = "centred"
"""A funnel, into whose neck NUTS does not get: a model on which correct code has biased draws."""
LARGEST, MOST_OBSERVATIONS = 100, 5000
"""Most dimensions and observations of a posterior of posteriordb."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A model whose evidence is known."""

    name: str
    program: pm.Model
    target: Target
    y: Any
    exact: float
    """log p(y) in nats."""
    reference: dict[str, NDArray[Any]] | None = None
    """posteriordb's reference draws of the free variables, (chain, draw, ...)."""


def registry_case(name: str) -> Case:
    """Return a model of the registry, or ``CENTRED``: eight schools with the groups' means as free variables."""
    model = get_model("hierarchical_normal" if name == CENTRED else name)
    program = _centred(model.exact, model.y) if name == CENTRED else model.program()
    exact = model.exact.log_evidence(model.y)
    return Case(name=name, program=program, target=as_target(program), y=model.y, exact=exact)


def _centred(exact: HierarchicalNormal, y: Any) -> pm.Model:
    with pm.Model() as model:
        tau = scale_variable("tau", exact.tau_prior)
        mu = pm.Normal("mu", mu=exact.prior_mean, sigma=exact.prior_sd)
        theta = pm.Normal("theta", mu=mu, sigma=tau, shape=len(y))
        pm.Normal("y", mu=theta, sigma=exact.noise_sds[: len(y)], observed=np.asarray(y, dtype=float))
    return model


def posteriordb_cases(path: str, names: tuple[str, ...] | None = None) -> Iterator[Case]:
    """Yield the posteriors of posteriordb, or those of these ``names``, that have proper priors and a program.

    The exact value is that of the model with every constant and half-priors normalised. Of two programs of the same
    model, with centred and other parameters, both are yielded if they have reference draws, and otherwise the first.
    """
    seen: set[str] = set()
    for name in names or exact_names(Folder(path)):
        posterior = load(path, name)
        if len(posterior.y) > MOST_OBSERVATIONS:
            continue
        stem = name.removesuffix("_noncentered").removesuffix("_centered")
        if stem in seen and posterior.reference is None:
            continue
        if (program := _program(posterior)) is None:
            continue
        try:
            target = as_target(program)
        except ValueError:  # an improper prior
            continue
        if target.dimension > LARGEST:
            continue
        seen.add(stem)
        yield Case(
            name=name,
            program=program,
            target=target,
            y=program.rvs_to_values[program.observed_RVs[0]].eval(),
            exact=float(posterior.model.log_evidence(posterior.y)),
            reference=None if posterior.reference is None else _in_our_names(posterior),
        )


def _program(posterior: Posterior) -> pm.Model | None:
    """Return the program of a posterior; None if there is none."""
    if posterior.name in PROGRAMS:
        return PROGRAMS[posterior.name](posterior.data)
    family = type(posterior.model).__module__.rpartition(".")[2]
    if find_spec(f"bayes.programs.{family}") is None:
        return None
    return import_module(f"bayes.programs.{family}").program(posterior.model, posterior.y)


def nuts(case: Case, seed: int, replicate: int, draws: int) -> dict[str, NDArray[Any]]:
    """Return four chains of nutpie's NUTS: the free variables by name, (4, draws, ...)."""
    seeds = np.random.SeedSequence((seed, replicate)).generate_state(CHAINS, np.uint64)
    chains = [nutpie_draws(case.program, case.y, seed=int(s), draws=draws, tune=TUNE) for s in seeds]
    return {rv.name: np.concatenate([chain[rv.name] for chain in chains]) for rv in case.program.free_RVs}


def _in_our_names(posterior: Posterior) -> dict[str, NDArray[Any]]:
    """Return the reference draws by the names of our program, which has the distances of groups from their mean."""
    assert posterior.draws is not None
    draws = posterior.draws.posterior
    places: dict[str, dict[tuple[int, ...], NDArray[Any]]] = {}
    for name in posterior.parameters:
        stan_variable, place = stan_element(name)
        variable, index = posterior.built.elements[name]
        places.setdefault(variable, {})[index] = draws[stan_variable][(..., *place)]
    found = {}
    for variable, parts in places.items():
        shape = tuple(max(axis) + 1 for axis in zip(*parts, strict=True))
        found[variable] = np.stack([parts[i] for i in np.ndindex(shape)], axis=-1).reshape(
            *next(iter(parts.values())).shape, *shape
        )
    if "theta" in found and "distance" not in found:
        found["distance"] = (found["theta"] - found["mu"][..., None]) / found["tau"][..., None]
    return found
