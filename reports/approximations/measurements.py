"""The tasks of the page."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reports.approximations.problem import CHAINS, POINT_ESTIMATES

if TYPE_CHECKING:
    from bayes.approximations.exact_losses import Losses
    from bayes.approximations.predictive_losses import PredictiveLoss
    from bayes.approximations.results import Approximation
    from bayes.checking.leave_one_out import LeaveOneOut
    from bayes.evidence.results import EvidenceEstimate

PATHS = 8
"""Paths of Pathfinder in parallel."""
LEARNING_RATE = 0.01
"""Of Adam, for ADVI. With PyMC's own optimizer ADVI is still far from its optimum after 10,000 steps."""
FAR = 8.0
"""Standard deviations of the data by which an outlier, the last observation, is moved above their mean."""


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """The estimates of the evidence of one model by one method."""

    method: str
    exact: float
    """log p(y), in nats."""
    estimates: "list[EvidenceEstimate]"
    seconds: float
    """Time of one estimate, without the draws that it is given and without compiling."""
    reason: str = ""
    """Why there are none."""


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """What was estimated from runs of NUTS."""

    evidence: list[Estimates]
    loo: "LeaveOneOut"
    """Of the draws of the first run."""
    seconds: float
    """Time of one run, without compiling."""


@dataclass(frozen=True, kw_only=True)
class Posteriors:
    """What the approximate posteriors of a model lose, or why there are none."""

    approximations: "dict[str, Losses | str]"
    points: "dict[str, PredictiveLoss | str]"


def from_draws(model: str, methods: Sequence[str], replicates: int, draws: int, seed: int) -> Sampled:
    """Run NUTS on a model again and again, and estimate the evidence from the draws of each run."""
    from bayes import check_loo
    from bayes.evidence.estimators import as_target
    from bayes.registry import get_model
    from bayes.sampling.compiled_once import nutpie_draws

    entry = get_model(model)
    program = entry.program()
    # those of the evidence, and those of the exact answer
    wanted = dict.fromkeys([*(variable.name for variable in program.free_RVs), *entry.variables])
    seeds = np.random.default_rng(seed).integers(2**63, size=(replicates, CHAINS))
    chains, times = [], []
    for chain_seed in seeds.flat:
        started = time.perf_counter()
        found = nutpie_draws(program, entry.y, seed=int(chain_seed), draws=draws, tune=draws)
        times.append(time.perf_counter() - started)
        chains.append({name: found[name] for name in wanted})
    runs = [
        {name: np.concatenate([chain[name] for chain in chains[first : first + CHAINS]]) for name in chains[0]}
        for first in range(0, len(chains), CHAINS)
    ]
    target = as_target(program)
    exact = entry.exact.log_evidence(entry.y)
    return Sampled(
        evidence=[
            *(_estimates(target, method, exact, seeds[:, 0], runs) for method in methods),
            _estimates(target, "laplace", exact, seeds[:1, 0]),
        ],
        loo=check_loo(runs[0], entry, entry.y),
        seconds=CHAINS * float(np.median(times)),
    )


def by_itself(model: str, method: str, replicates: int, seed: int) -> Estimates:
    """Estimate the evidence of a model again and again by a method that draws itself."""
    from bayes.evidence.estimators import as_target
    from bayes.registry import get_model

    entry = get_model(model)
    program = entry.program()
    target = program if method == "smc" else as_target(program)
    exact = entry.exact.log_evidence(entry.y)
    return _estimates(target, method, exact, np.random.default_rng(seed).integers(2**32, size=replicates))


def posteriors(model: str, seed: int) -> Posteriors:
    """Fit every approximate posterior to a model, and compare it with the exact one."""
    from bayes.approximations.exact_losses import losses
    from bayes.approximations.laplace_method import laplace
    from bayes.approximations.pathfinders import pathfinder
    from bayes.approximations.point_estimates import plug_in_loss
    from bayes.approximations.unconstrained import unconstrained_posterior
    from bayes.approximations.variational import advi
    from bayes.registry import get_model

    entry = get_model(model)
    target = unconstrained_posterior(entry.program())  # translated and compiled once for all
    fits: dict[str, Callable[[], Approximation]] = {
        "laplace": lambda: laplace(target, seed=seed),
        "advi mean field": lambda: advi(target, seed=seed, family="mean field", optimizer=_optimizer()),
        "advi full rank": lambda: advi(target, seed=seed, family="full rank", optimizer=_optimizer()),
        "pathfinder": lambda: pathfinder(target, seed=seed),
        "multipathfinder": lambda: pathfinder(target, seed=seed, paths=PATHS),
    }
    return Posteriors(
        approximations={name: _or_reason(lambda fit=fit: losses(fit(), entry)) for name, fit in fits.items()},
        points={name: _or_reason(lambda name=name: plug_in_loss(entry, name)) for name in POINT_ESTIMATES},
    )


def outlier(model: str, draws: int, seed: int) -> "LeaveOneOut":
    """Return PSIS-LOO of independent exact draws, where the last observation is far from all others."""
    from bayes import check_loo
    from bayes.calibration.kernels import exact_states
    from bayes.registry import get_model

    entry = get_model(model)
    y = np.array(entry.y, dtype=float)
    y[-1] = y.mean() + FAR * y.std()
    states = exact_states(entry.exact, y, CHAINS * draws, np.random.default_rng(seed))
    chains = {name: values.reshape(CHAINS, draws, *values.shape[1:]) for name, values in states.items()}
    return check_loo(chains, entry.exact, y)


def _estimates(
    target: Any, method: str, exact: float, seeds: NDArray[np.int64], runs: Sequence[Any] | None = None
) -> Estimates:
    """Estimate the evidence with each seed, from the draws of each run if there are any."""
    from bayes.evidence.estimators import log_evidence

    estimates, times = [], []
    try:
        for i, seed in enumerate(seeds):
            started = time.perf_counter()
            estimates.append(log_evidence(target, runs and runs[i], method=method, seed=int(seed)))
            times.append(time.perf_counter() - started)
    except ValueError as error:
        return Estimates(method=method, exact=exact, estimates=[], seconds=nan, reason=str(error))
    return Estimates(method=method, exact=exact, estimates=estimates, seconds=float(np.median(times)))


def _or_reason[T](function: Callable[[], T]) -> T | str:
    """Return the result of ``function``, or why there is none."""
    try:
        return function()
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        return str(error)


def _optimizer() -> Any:
    import pymc as pm

    return pm.adam(learning_rate=LEARNING_RATE)
