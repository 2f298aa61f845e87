"""Claimed errors of evidence estimates against the exact evidence: bias, RMSE, coverage, and what the diagnostics see.

    uv run python -m benchmarks.evidence --out evidence.json                      bridge sampling, 20 replicates
    uv run python -m benchmarks.evidence --methods bridge importance --replicates 200
    uv run python -m benchmarks.evidence --posteriordb CLONE                      posteriors of posteriordb instead

A replicate is an estimate from four chains of NUTS (nutpie), or from a seed where a method takes no draws. With
``--posteriordb`` a row "reference" has the one estimate from posteriordb's own draws, ten chains of 1,000 that are
thinned, where there are some. Results are kept in ``--out`` model by model, and what is there already is not run again.
Coverage of the claimed 95 % interval is given with its 95 % interval (Clopper and Pearson 1934). A bad estimate is one
outside three claimed errors, or of a method that claims none, more than 0.1 nats off.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from bayes.checking.results import aligned
from bayes.evidence.estimators import FROM_DRAWS, log_evidence
from bayes.evidence.results import BOUNDS
from bayes.registry import NAMES
from benchmarks.agreement import rate
from benchmarks.evidence_cases import Case, nuts, posteriordb_cases, registry_case
from closedform.files import written_whole

Z_BAD, NATS_BAD = 3.0, 0.1


@dataclass(frozen=True)
class Config:
    """Measure the claimed errors of evidence estimates."""

    methods: tuple[str, ...] = ("bridge",)
    """Estimators, by name."""
    models: tuple[str, ...] | None = None
    """Names of models of the registry, or of posteriors of posteriordb; all by default."""
    posteriordb: Path | None = None
    """A clone of posteriordb, whose posteriors are used instead."""
    replicates: int = 20
    """Estimates a model and method."""
    draws: int = 2000
    """Draws in each of the four chains of a replicate."""
    seed: int = 0
    """Seed of everything random."""
    out: Path | None = None
    """JSON file of results, kept model by model."""


def estimated(case: Case, method: str, draws: Any, seed: int) -> dict[str, Any]:
    """Return an estimate with its error and its diagnostics."""
    model = case.program if method in ("smc", "dynesty") else case.target
    estimate = log_evidence(model, draws, method=method, seed=seed)
    diagnostics = {d.name: {"value": d.value, "good": d.good} for d in estimate.diagnostics}
    row = asdict(estimate) | {"diagnostics": diagnostics, "reliable": estimate.reliable}
    row["error"] = estimate.log_evidence - case.exact
    return {k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()}


def results(case: Case, config: Config) -> dict[str, list[dict[str, Any]]]:
    """Return the estimates of a model by method."""
    rows: dict[str, list[dict[str, Any]]] = {method: [] for method in config.methods}
    for r in range(config.replicates):
        chains = nuts(case, config.seed, r, config.draws) if set(config.methods) & set(FROM_DRAWS) else None
        for method in config.methods:
            draws = chains if method in FROM_DRAWS else None
            # the seed of the proposals is not that of the chains
            rows[method].append(estimated(case, method, draws, 1_000_000 + config.replicates * config.seed + r))
    if case.reference is not None:
        rows["bridge, reference"] = [estimated(case, "bridge", case.reference, config.seed)]
    return rows


def summary(name: str, method: str, rows: list[dict[str, Any]]) -> list[str]:
    """Return the row of a table: bias, sd, RMSE, mean claimed error, coverage, and bad estimates that were flagged."""
    errors = np.array([row["error"] for row in rows])
    claimed = np.array([row["standard_error"] if row["standard_error"] is not None else np.nan for row in rows])
    has_claim = not np.isnan(claimed).any() and method not in BOUNDS
    bad = np.abs(errors) > (Z_BAD * claimed if has_claim else NATS_BAD)
    flagged = ~np.array([row["reliable"] for row in rows])
    coverage = "-"
    if has_claim:
        coverage = rate(int(np.sum(np.abs(errors) < 1.96 * claimed)), len(rows))
    return [
        name,
        method,
        f"{errors.mean():+.5f}",
        f"{errors.std(ddof=1):.5f}" if len(errors) > 1 else "-",
        f"{sqrt(np.mean(errors**2)):.5f}",
        f"{claimed.mean():.5f}" if has_claim else "-",
        coverage,
        f"{int(np.sum(bad & flagged))} of {int(bad.sum())}",
        f"{int(np.sum(~bad & flagged))} of {int(np.sum(~bad))}",
    ]


def cases(config: Config) -> Iterator[Case]:
    """Yield the models."""
    if config.posteriordb is None:
        return map(registry_case, config.models or NAMES)
    return posteriordb_cases(str(config.posteriordb), config.models)


def main(config: Config) -> None:
    """Print the table, model by model."""
    kept: dict[str, Any] = json.loads(config.out.read_text()) if config.out and config.out.exists() else {}
    head = ["model", "method", "bias", "sd", "rmse", "claimed", "coverage", "bad and flagged", "good and flagged"]
    table = [head]
    for case in cases(config):
        key = f"{case.name} {'+'.join(config.methods)} {config.replicates} {config.draws} {config.seed}"
        if key not in kept:
            kept[key] = results(case, config)
            if config.out:
                with written_whole(config.out) as partial_file:
                    Path(partial_file).write_text(json.dumps(kept), encoding="utf-8")
        table += [summary(case.name, method, rows) for method, rows in kept[key].items()]
        print("\n".join(aligned([head, *table[-len(kept[key]) :]])[1:]), flush=True)
    print("\n".join(["", *aligned(table)]))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
