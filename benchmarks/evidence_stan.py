"""Bridge sampling of log densities that Stan compiled: the same estimate as from PyMC's, and posteriordb's programs.

    uv run python -m benchmarks.evidence_stan export DRAWS.npz
    python3.12 -m benchmarks.evidence_stan compare DRAWS.npz
    python3.12 -m benchmarks.evidence_stan posteriordb PATH [NAME ...]

``export`` estimates the evidence of models of the registry from NUTS draws with PyMC's log density, and keeps both.
``compare`` estimates it from the same draws and seed with the log density of our Stan programs, which keep every
constant; the difference is rounding. ``posteriordb`` takes posteriordb's own programs, plus the constants that their
``~`` drops, and draws that are not ours where there are some: its reference draws, or else independent exact draws.
``compare`` and ``posteriordb`` need httpstan (``benchmarks.stan_densities`` has the details).
"""

import sys
from importlib.resources import files
from typing import Any

import numpy as np

from bayes.evidence.bridge_sampling import bridge
from bayes.evidence.results import EvidenceEstimate
from bayes.evidence.targets import Array, Target
from bayes.io import stan
from bayes.io.posteriordb import load
from bayes.io.posteriordb.folder import Folder
from bayes.io.posteriordb.posteriors import stan_element
from bayes.registry import get_model
from benchmarks.stan_densities import compiled

MODELS = ("normal_normal", "gamma_poisson", "linear_regression", "hierarchical_normal", "gaussian_process")
NAMES = (
    "M0_data-M0_model",
    "Mb_data-Mb_model",
    "Mt_data-Mt_model",
    "Rate_1_data-Rate_1_model",
    "Rate_2_data-Rate_2_model",
    "Rate_3_data-Rate_3_model",
    "Rate_4_data-Rate_4_model",
    "Rate_5_data-Rate_5_model",
    "dogs-dogs_hierarchical",
    "dogs-dogs_log",
    "arK-arK",
    "eight_schools-eight_schools_centered",
    "sblrc-blr",
    "sblri-blr",
    "gp_pois_regr-gp_regr",
    "radon_mn-radon_pooled",
    "diamonds-diamonds",
)
"""Posteriors with proper priors."""
SEED, REPLICATES = 0, 20
CHAINS, DRAWS = 4, 2000


def export(path: str) -> None:
    """Write NUTS draws of models of the registry, and the estimates by PyMC's log density."""
    from benchmarks.evidence_cases import nuts, registry_case  # here: PyMC is not for Python 3.12's environment

    kept: dict[str, Any] = {}
    for name in MODELS:
        case = registry_case(name)
        draws = nuts(case, SEED, 0, DRAWS)
        x = case.target.points(draws)
        estimate = bridge(case.target, x, seed=SEED)
        kept |= {f"{name}/x": x, f"{name}/estimate": [estimate.log_evidence, estimate.standard_error, case.exact]}
        kept |= {f"{name}/draws/{variable}": values[0, :5] for variable, values in draws.items()}
    np.savez(path, allow_pickle=False, **kept)


def compare(path: str) -> None:
    """Print the estimate by PyMC's log density and by Stan's, from the same draws and the same seed."""
    kept = np.load(path)
    print(f"{'model':22} {'exact':>13} {'by PyMC':>13} {'by Stan':>13} {'difference':>11} {'claimed':>9}")
    for name in MODELS:
        model = get_model(name)
        code = files("bayes.programs").joinpath(f"{name}.stan").read_text(encoding="utf-8")
        module, data = compiled(code), stan.data(model.exact, model.y)
        x, (log_z, error, exact) = kept[f"{name}/x"], kept[f"{name}/estimate"]
        prefix = f"{name}/draws/"
        values = {key.removeprefix(prefix): kept[key] for key in kept.files if key.startswith(prefix)}
        order = _order(module, data, values, x[0, :5])
        by_stan = bridge(_target(module, data, 0.0, order), x, seed=SEED).log_evidence
        print(f"{name:22} {exact:13.6f} {log_z:13.6f} {by_stan:13.6f} {by_stan - log_z:11.1e} {error:9.5f}", flush=True)


def _order(module: Any, data: dict[str, Any], values: dict[str, Array], x: Array) -> list[int]:
    """Return for each of Stan's unconstrained parameters its place among PyMC's, from points in both, (5, D)."""
    in_stan = np.array(
        [module.transform_inits(data, {name: v[i].tolist() for name, v in values.items()}) for i in range(len(x))]
    )
    order = [int(np.argmin(np.max(np.abs(x - column[:, None]), axis=0))) for column in in_stan.T]
    np.testing.assert_allclose(x[:, order], in_stan, rtol=1e-10)
    return order


def _target(module: Any, data: dict[str, Any], constant: float, order: list[int]) -> Target:
    """Return the target whose log density is that of a Stan program, with its Jacobian, plus a constant."""

    def log_density(x: Array) -> Array:
        return np.array([module.log_prob(data, row, True) for row in x[:, order].tolist()]) + constant

    return Target(dimension=len(order), log_density=log_density)


def unconstrained(module: Any, data: dict[str, Any], scalars: dict[str, Array]) -> Array:
    """Return draws of the scalars by Stan's names, (chain, draw) each, as Stan's unconstrained points."""
    places: dict[str, list[tuple[tuple[int, ...], Array]]] = {}
    for name, values in scalars.items():
        variable, place = stan_element(name)
        places.setdefault(variable, []).append((place, values))
    chains, n = next(iter(scalars.values())).shape
    arrays: dict[str, Array] = {}
    for variable, parts in places.items():
        array = np.empty((chains, n, *(max(axis) + 1 for axis in zip(*(place for place, _ in parts), strict=True))))
        for place, values in parts:
            array[(..., *place)] = values
        arrays[variable] = array
    return np.array(
        [
            [module.transform_inits(data, {v: a[c, i].tolist() for v, a in arrays.items()}) for i in range(n)]
            for c in range(chains)
        ]
    )


def from_posteriordb(path: str, name: str, modules: dict[str, Any]) -> tuple[str, float, list[EvidenceEstimate]]:
    """Return the source of the draws, the exact log evidence of a program and the estimates of it."""
    folder, posterior = Folder(path), load(path, name)
    source = folder.root / "models" / "stan" / f"{folder.description(name)['model_name']}.stan"
    if str(source) not in modules:
        modules[str(source)] = compiled(source.read_text(encoding="utf-8"))
    module, data = modules[str(source)], dict(posterior.data)
    given = posterior.draws
    if given is not None:
        names = [n for n in posterior.parameters if stan_element(n)[0] in given.posterior]
        draws = [{n: given.posterior[stan_element(n)[0]][(..., *stan_element(n)[1])] for n in names}]
    else:
        rngs = [np.random.default_rng((SEED, r)) for r in range(REPLICATES)]
        sampled = [posterior.rvs(CHAINS * DRAWS, rng) for rng in rngs]
        draws = [{n: values.reshape(CHAINS, DRAWS) for n, values in found.items()} for found in sampled]
    points = [unconstrained(module, data, found) for found in draws]
    target = _target(module, data, posterior.built.dropped, list(range(points[0].shape[2])))
    estimates = [bridge(target, x, seed=SEED + r) for r, x in enumerate(points)]
    return "exact" if given is None else "reference", posterior.evidence, estimates


def posteriordb(path: str, *names: str) -> None:
    """Print a row a posterior."""
    modules: dict[str, Any] = {}
    print(f"{'posterior':44} {'draws':>10} {'exact':>14} {'rmse':>9} {'claimed':>9} {'z':>6}  reliable")
    for name in names or NAMES:
        draws, exact, estimates = from_posteriordb(path, name, modules)
        errors = np.array([estimate.log_evidence - exact for estimate in estimates])
        claimed = np.array([estimate.standard_error for estimate in estimates])
        rmse, worst = np.sqrt(np.mean(errors**2)), (errors / claimed)[np.argmax(np.abs(errors / claimed))]
        reliable = f"{sum(e.reliable for e in estimates)} of {len(estimates)}"
        print(
            f"{name:44} {draws:>10} {exact:14.5f} {rmse:9.5f} {claimed.mean():9.5f} {worst:6.2f}  {reliable}",
            flush=True,
        )


if __name__ == "__main__":
    {"export": export, "compare": compare, "posteriordb": posteriordb}[sys.argv[1]](*sys.argv[2:])
