"""Samplers on a model of the registry: draws and evidence runs beside the closed form, before they are judged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import xarray as xr

from bayes._check import compare_with_model
from bayes.checking.results import Check
from bayes.checking.statistics import compare_evidence
from bayes.registry import Model
from bayes.sampling import inference
from bayes.sampling.smc_kernels import TooManyStagesError
from reports.models.problem import Options
from reports.shared.sampling import no_runs, stream

SMC_RUNS, PARTICLES = 8, 1500


@dataclass(frozen=True, kw_only=True)
class Result:
    """The checks of one sampler on one model."""

    model: str
    run: str
    checks: list[Check]
    notes: list[str] = field(default_factory=list)
    tree: xr.DataTree | None = None
    """The draws, of NUTS."""


def sample_model(model: Model, options: Options, progress: Callable[[str], None]) -> Iterator[Result]:
    """Run every engine, and SMC, on the example of ``model``; call ``progress`` before each."""
    program = model.program()
    for engine in options.engines:
        progress(f"{model.name}: NUTS by {engine}, 4 chains of {options.draws} draws")
        tree = inference.nuts(
            program, seed=stream(options.seed, f"{model.name} {engine}"), draws=options.draws, engine=engine
        )
        checks, notes = compare_with_model(tree, model.exact, model.y)
        yield Result(model=model.name, run=f"NUTS, {engine}", checks=checks, notes=notes, tree=tree)
    progress(f"{model.name}: SMC, {SMC_RUNS} runs of {PARTICLES} particles")
    log_evidence = model.exact.log_evidence(model.y)
    try:
        tree = inference.smc(program, seed=stream(options.seed, f"{model.name} smc"), runs=SMC_RUNS, draws=PARTICLES)
        check = compare_evidence(log_evidence, tree.sample_stats["log_evidence"].to_numpy())
    except TooManyStagesError as error:
        check = no_runs(log_evidence, str(error))
    yield Result(model=model.name, run="SMC", checks=[check])
