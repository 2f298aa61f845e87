"""Exact log densities of posteriordb's posteriors against Stan: compiled independently, from two programs each.

    python3.12 -m benchmarks.stan_densities PATH [NAME ...]

PATH is a clone of posteriordb. It needs httpstan, whose compiled modules are for Python 3.12, NumPy and SciPy, and a
C++ compiler; a program takes half a minute to compile. At places drawn from the posterior, the log of the exact
posterior density plus the log evidence must be the log density of

- the Stan program of closedform, which keeps every constant, with the data and hyperparameters of the exact model;
- posteriordb's own program, as it is in the clone, plus what its ``~`` drops by the table of closedform.

The table has the largest difference, in nats, over ``PLACES`` places. The exact answers use none of these programs.
"""

import asyncio
import subprocess
import sys
from contextlib import suppress
from importlib.resources import files
from typing import Any

import numpy as np

from bayes.io import stan
from bayes.io.posteriordb import Posterior, load
from bayes.io.posteriordb.folder import Folder
from bayes.io.posteriordb.posteriors import stan_element

PLACES, RETRIES = 5, 20
NAMES = (
    "eight_schools-eight_schools_centered",
    "eight_schools-eight_schools_noncentered",
    "sblrc-blr",
    "kidiq-kidscore_momiq",
    "kilpisjarvi_mod-kilpisjarvi",
    "mesquite-logmesquite_logvas",
    "radon_mn-radon_pooled",
    "radon_mn-radon_variable_intercept_centered",
    "radon_mn-radon_variable_slope_noncentered",
    "M0_data-M0_model",
    "gp_pois_regr-gp_regr",
    "nes_logit_data-nes_logit_model",
    "diamonds-diamonds",
)
SCALES = {"distance": ("tau", "group_sd")}
"""Standardised distances, and the names that their sd has in a family: a density of distances has its Jacobian."""


def compiled(code: str) -> Any:
    """Return the module of a Stan program."""
    import httpstan.models  # here: the rest of the benchmarks runs without it

    for _ in range(RETRIES):
        with suppress(subprocess.TimeoutExpired):  # httpstan gives Stan's compiler one second, too little if it is busy
            asyncio.run(httpstan.models.build_services_extension_module(code))
            break
    return httpstan.models.import_services_extension_module(httpstan.models.calculate_model_name(code))


def places(posterior: Posterior) -> list[dict[str, Any]]:
    """Return draws of the model's variables."""
    draws = posterior.model.posterior(posterior.y).rvs(PLACES, np.random.default_rng(0))
    if not isinstance(draws, dict):  # of a single parameter
        draws = {next(iter(posterior.built.elements.values()))[0]: draws}
    return [{name: values[i] for name, values in draws.items()} for i in range(PLACES)]


def in_stan_names(posterior: Posterior, params: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a place by the names of posteriordb's program."""
    scalars: dict[str, dict[tuple[int, ...], float]] = {}
    for name, (variable, index) in posterior.built.elements.items():
        stan_variable, place = stan_element(name)
        scalars.setdefault(stan_variable, {})[place] = float(np.asarray(params[variable])[index])
    values: dict[str, Any] = {}
    for name, parts in scalars.items():
        array = np.empty(tuple(max(axis) + 1 for axis in zip(*parts, strict=True)))
        for index, value in parts.items():
            array[index] = value
        values[name] = array.tolist()
    return values


def log_jacobian(params: dict[str, Any], names: set[str]) -> float:
    """Return the log density of the program's parameters over that of the model's, where it has distances."""
    if not any(variable == "distance" for variable in names):
        return 0.0
    scale = next(params[name] for name in SCALES["distance"] if name in params)
    return float(np.size(params["distance"]) * np.log(scale))


def largest_difference(posterior: Posterior, module: Any, data: dict[str, Any], own: bool) -> float:
    """Return the largest difference of log densities, in nats."""
    differences = []
    parameters = module.get_param_names(data)
    for params in places(posterior):
        values = {name: np.asarray(value).tolist() for name, value in params.items()}
        if not own:
            values = in_stan_names(posterior, params)
        unconstrained = module.transform_inits(data, values)
        # which parameters are free: those without which the values do not suffice
        free = {name for name in parameters if name in values and not _is_transformed(module, data, values, name)}
        variables = free if own else {
            variable
            for name, (variable, _) in posterior.built.elements.items()
            if stan_element(name)[0] in free
        }  # fmt: skip
        joint, place = posterior.model.posterior(posterior.y), params
        if hasattr(joint, "dist"):  # a frozen scipy.stats distribution
            (place,) = params.values()
        exact = float(joint.logpdf(place)) + posterior.model.log_evidence(posterior.y)
        exact += log_jacobian(params, variables)
        program = module.log_prob(data, unconstrained, False)
        if not own:
            program += posterior.built.dropped - posterior.built.log_factor
        differences.append(abs(program - exact))
    return max(differences)


def _is_transformed(module: Any, data: dict[str, Any], values: dict[str, Any], name: str) -> bool:
    """Return whether a variable is a transformed parameter: then the program does not ask for it."""
    try:
        module.transform_inits(data, {other: value for other, value in values.items() if other != name})
    except (RuntimeError, ValueError):
        return False
    return True


def main(arguments: list[str]) -> None:
    """Print the table."""
    folder = Folder(arguments[0])
    modules: dict[str, Any] = {}
    print(f"{'posterior':45} {'own program':>12} {'posteriordb':>12}   largest difference in nats")
    for name in arguments[1:] or NAMES:
        posterior = load(folder.root, name)
        family = type(posterior.model).__module__.rpartition(".")[2]
        results = []
        own_file = files("bayes.programs").joinpath(f"{family}.stan")
        source = folder.root / "models" / "stan" / f"{folder.description(name)['model_name']}.stan"
        for own, file in ((True, own_file), (False, source)):
            if not file.is_file():
                results.append("none")
                continue
            if str(file) not in modules:
                modules[str(file)] = compiled(file.read_text(encoding="utf-8"))
            data = stan.data(posterior.model, posterior.y) if own else dict(posterior.data)
            results.append(f"{largest_difference(posterior, modules[str(file)], data, own):.1e}")
        print(f"{name:45} {results[0]:>12} {results[1]:>12}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
