"""Samplers on the examples of the registry, compared with the exact answer; a run that two pages show is made once."""

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reports.shared.work import Task

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

    from bayes.checking.results import Check

NO_JACOBIAN = "no Jacobian"
"""Name of the sampler that is wrong on purpose: nutpie on a program without the Jacobian."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a sampler's run."""

    draws: int
    """Draws of NUTS and slice sampling in each of 4 chains, after warm-up."""
    tune: int
    """Iterations of the warm-up."""
    smc_runs: int
    """Independent runs of SMC."""
    particles: int
    """Particles in each run of SMC."""


DEFAULT = Size(draws=1500, tune=500, smc_runs=8, particles=400)
FULL = Size(draws=5000, tune=1000, smc_runs=16, particles=1500)


def size_of(full: bool, draws: int | None) -> Size:
    """Return the size that the options ask for: the default or the full one, with ``draws`` if they are given."""
    size = FULL if full else DEFAULT
    return size if draws is None else replace(size, draws=draws)


SECONDS = {
    # sampler: (to compile, for a thousand draws in each chain, or a thousand particles over all runs)
    "nutpie": (1.5, 0.2),
    "pymc": (2.0, 1.5),
    "numpyro": (4.0, 0.2),
    "blackjax": (6.0, 0.3),
    "slice": (1.0, 1.0),
    "smc": (1.5, 0.6),
    NO_JACOBIAN: (1.5, 0.4),
}
"""Seconds on one core, about, for a model of the registry."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The checks of one sampler on one model, before they are judged."""

    model: str
    sampler: str
    checks: "list[Check]"
    notes: list[str]
    seconds: float
    """Time from the program to the last draw, compilation included."""
    refused: str = ""
    """Why the draws could not be compared; empty if they could."""
    draws: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    """Draws of every parameter, (chain, draw). SMC has none: it is judged by its evidence alone."""

    @property
    def title(self) -> str:
        """Return the name of the run on a page with NUTS and SMC."""
        return "SMC" if self.sampler == "smc" else f"NUTS, {self.sampler}"


def task(model: str, sampler: str, seed: int, size: Size) -> Task:
    """Return the task that runs a sampler on a model."""
    compilation, thousand = SECONDS[sampler]
    amount = size.smc_runs * size.particles if sampler == "smc" else size.draws
    return Task(
        function=run,
        arguments=(model, sampler, seed, size),
        label=f"{sampler} on {model}",
        seconds=compilation + thousand * amount / 1000,
    )


def run(model_name: str, sampler: str, seed: int, size: Size, stage: int = 1) -> Run:
    """Run a sampler on the example of a model. The second stage makes fresh draws, and more of them."""
    from bayes.checking.evidence import compare_evidence  # here: the process that makes the tasks needs none of it
    from bayes.checking.two_stages import MORE
    from bayes.registry import get_model
    from bayes.sampling import inference
    from bayes.sampling.smc_kernels import TooManyStagesError
    from reports.shared.sampling import no_runs, stream

    model = get_model(model_name)
    seed = stream(seed, f"{model_name} {sampler} {stage}")
    factor = MORE if stage == 2 else 1
    start = time.perf_counter()
    program = model.program()
    if sampler != "smc":
        if sampler == NO_JACOBIAN:
            without_jacobian(program)
        engine = "nutpie" if sampler == NO_JACOBIAN else sampler
        tree = inference.mcmc(program, sampler=engine, seed=seed, draws=factor * size.draws, tune=size.tune)
        return compare(model_name, sampler, tree, time.perf_counter() - start)
    log_evidence = model.exact.log_evidence(model.y)
    try:
        tree = inference.smc(program, seed=seed, runs=factor * size.smc_runs, draws=size.particles)
        seconds = time.perf_counter() - start
        check = compare_evidence(log_evidence, tree.sample_stats["log_evidence"].to_numpy())
    except TooManyStagesError as error:
        seconds = time.perf_counter() - start
        check = no_runs(log_evidence, str(error))
    return Run(model=model_name, sampler=sampler, checks=[check], notes=[], seconds=seconds)


def compare(model_name: str, sampler: str, tree: "xr.DataTree", seconds: float) -> Run:
    """Compare the draws of a sampler with the exact posterior."""
    from bayes._check import projections
    from bayes.checking.statistics import compare_draws
    from bayes.io.draws import chains_and_draws
    from bayes.registry import get_model

    model = get_model(model_name)
    checks, notes, refused, draws = [], [], "", {}
    try:
        checks, notes = compare_draws(model.marginals, tree, projections(model.exact, model.y))
        draws = {name: chains_and_draws(name, tree) for name in model.marginals}
    except ValueError as error:  # invalid draws, such as a chain that never moved
        refused = str(error)
    return Run(
        model=model_name, sampler=sampler, checks=checks, notes=notes, seconds=seconds, refused=refused, draws=draws
    )


def without_jacobian(program: "pm.Model") -> None:
    """Make a program wrong: remove the Jacobian of the transformations from its density on the unconstrained space.

    If a parameter is constrained, a sampler of the program then draws from another distribution.
    """
    import pymc as pm

    with program:
        pm.Potential("minus_log_jacobian", program.logp(jacobian=False) - program.logp())
