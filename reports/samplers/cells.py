"""A cell: one sampler on one model, compared with the exact answer; stored in a file until the page is done."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bayes._check import projections
from bayes.checking.results import Check
from bayes.checking.statistics import compare_draws, compare_evidence
from bayes.checking.two_stages import MORE
from bayes.registry import Model
from bayes.sampling import inference
from bayes.sampling.engines import PACKAGES
from bayes.sampling.smc_kernels import TooManyStagesError
from closedform.files import write_text
from closedform.provenance import commit, versions
from reports.samplers.problem import Options
from reports.shared.sampling import no_runs, stream

PARTICLES = 1500
NO_JACOBIAN = "no Jacobian"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The checks of one sampler on one model."""

    model: str
    engine: str
    checks: list[Check]
    notes: list[str]
    seconds: float
    """From the program to its last draw, compilation included."""
    refused: str = ""
    """Why its draws could not be compared at all."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs samplers, or reads the cells that an interrupted run of the same page stored."""

    options: Options
    folder: Path
    progress: Callable[[str], None]

    def cell(self, model: Model, engine: str, stage: int = 1) -> Cell:
        """Return the cell of a sampler and a model; in the second stage from fresh draws, and more of them."""
        file = self.folder / f"{model.name}-{engine}-{stage}.json".replace(" ", "-")
        key = {
            "seed": self.options.seed,
            "draws": self.options.draws_a_chain,
            "runs": self.options.smc_runs,
            "commit": commit(),
            "versions": versions(["closedform", "numpy", "arviz-stats", *PACKAGES.get(engine, PACKAGES["pymc"])]),
        }
        stored = _read(file, key)
        if stage == 1:
            self.progress(f"{model.name}: {engine}{'' if stored is None else ', as an interrupted run left it'}")
        if stored is not None:
            return stored
        cell = _run(model, engine, self.options, stage)
        write_text(file, json.dumps({"key": key, "cell": asdict(cell)}))
        return cell


@contextmanager
def cell_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder for cells, which is removed when the page is done and stays if it is interrupted."""
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def _read(file: Path, key: dict[str, Any]) -> Cell | None:
    """Return the cell in ``file``, unless there is none, or one of other draws, other versions or another program."""
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        cell = content["cell"]
        return Cell(**cell | {"checks": [Check(**check) for check in cell["checks"]]})
    except (ValueError, KeyError, TypeError):
        return None


def _run(model: Model, engine: str, options: Options, stage: int) -> Cell:
    """Run a sampler on the example of ``model``."""
    seed = stream(options.seed, f"{model.name} {engine} {stage}")
    factor = MORE if stage == 2 else 1
    program = model.program()
    start = time.perf_counter()
    notes: list[str] = []
    refused = ""
    if engine == "smc":
        log_evidence = model.exact.log_evidence(model.y)
        try:
            tree = inference.smc(program, seed=seed, runs=factor * options.smc_runs, draws=PARTICLES)
            seconds = time.perf_counter() - start
            checks = [compare_evidence(log_evidence, tree.sample_stats["log_evidence"].to_numpy())]
        except TooManyStagesError as error:
            seconds = time.perf_counter() - start
            checks = [no_runs(log_evidence, str(error))]
    else:
        tree = inference.mcmc(program, sampler=engine, seed=seed, draws=factor * options.draws_a_chain)
        seconds = time.perf_counter() - start
        try:
            checks, notes = compare_draws(model.marginals, tree, projections(model.exact, model.y))
        except ValueError as error:  # invalid draws: a chain that never moved, a number that is not finite
            checks, refused = [], str(error)
    return Cell(model=model.name, engine=engine, checks=checks, notes=notes, seconds=seconds, refused=refused)
