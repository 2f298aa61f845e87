"""Claimed errors of evidence estimates against the exact evidence: bias, RMSE, coverage, and what the diagnostics see.

    uv run python -m benchmarks.evidence --out evidence.json                      bridge sampling, 20 replicates
    uv run python -m benchmarks.evidence --methods bridge importance --replicates 200

A replicate is an estimate from four chains of NUTS (NumPyro), all of a model's chains vectorised in one run, or from a
seed where a method takes no draws. Results are kept in ``--out`` model by model, and a model that is there already is
not run again. Coverage of the claimed 95 % interval is given with its 95 % interval (Clopper and Pearson 1934). A bad
estimate is one outside three claimed errors, or of a method that claims none, more than 0.1 nats off.
"""

import json
from dataclasses import asdict, dataclass
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from scipy.stats import binomtest

from bayes.checking.results import aligned
from bayes.evidence.estimators import FROM_DRAWS, as_target, log_evidence
from bayes.registry import NAMES, get_model
from bayes.sampling.inference import mcmc
from closedform.files import written_whole

CHAINS = 4
Z_BAD, NATS_BAD = 3.0, 0.1


@dataclass(frozen=True)
class Config:
    """Measure the claimed errors of evidence estimates."""

    methods: tuple[str, ...] = ("bridge",)
    """Estimators, by name."""
    models: tuple[str, ...] = NAMES
    """Models of the registry."""
    replicates: int = 20
    """Estimates a model and method."""
    draws: int = 1000
    """Draws in each of the four chains of a replicate."""
    seed: int = 0
    """Seed of everything random."""
    out: Path | None = None
    """JSON file of results, kept model by model."""


def replicates(name: str, method: str, config: Config, chains: Any) -> list[dict[str, Any]]:
    """Return the estimates of a model, with their errors, as dicts."""
    model = get_model(name)
    exact = model.exact.log_evidence(model.y)
    target = as_target(model.program()) if method not in ("smc", "dynesty") else model.program()
    rows = []
    for r in range(config.replicates):
        draws = chains.isel(chain=slice(CHAINS * r, CHAINS * (r + 1))) if method in FROM_DRAWS else None
        estimate = log_evidence(target, draws, method=method, seed=config.seed + r)
        diagnostics = {d.name: {"value": d.value, "good": d.good} for d in estimate.diagnostics}
        rows.append(
            asdict(estimate)
            | {"diagnostics": diagnostics, "error": estimate.log_evidence - exact, "reliable": estimate.reliable}
        )
    return rows


def summary(name: str, method: str, rows: list[dict[str, Any]]) -> list[str]:
    """Return the row of a table: bias, sd, RMSE, mean claimed error, coverage, and bad estimates that were flagged."""
    errors = np.array([row["error"] for row in rows])
    claimed = np.array([row["standard_error"] if row["standard_error"] is not None else np.nan for row in rows])
    has_claim = not np.isnan(claimed).any()
    bad = np.abs(errors) > (Z_BAD * claimed if has_claim else NATS_BAD)
    flagged = ~np.array([row["reliable"] for row in rows])
    coverage = "-"
    if has_claim:
        covered = binomtest(int(np.sum(np.abs(errors) < 1.96 * claimed)), len(rows))
        low, high = covered.proportion_ci()
        coverage = f"{covered.statistic:.2f} [{low:.2f}, {high:.2f}]"
    return [
        name,
        method,
        f"{errors.mean():+.5f}",
        f"{errors.std(ddof=1):.5f}",
        f"{sqrt(np.mean(errors**2)):.5f}",
        f"{claimed.mean():.5f}" if has_claim else "-",
        coverage,
        f"{int(np.sum(bad & flagged))} of {int(bad.sum())}",
        f"{int(np.sum(~bad & flagged))} of {int(np.sum(~bad))}",
    ]


def main(config: Config) -> None:
    """Print the table, model by model."""
    kept: dict[str, Any] = json.loads(config.out.read_text()) if config.out and config.out.exists() else {}
    head = ["model", "method", "bias", "sd", "rmse", "claimed", "coverage", "bad and flagged", "good and flagged"]
    table = [head]
    for name in config.models:
        chains: Any = None
        for method in config.methods:
            key = f"{name} {method} {config.replicates} {config.draws} {config.seed}"
            if key not in kept:
                if method in FROM_DRAWS and chains is None:
                    program, many = get_model(name).program(), CHAINS * config.replicates
                    tree = mcmc(program, sampler="numpyro", seed=config.seed, draws=config.draws, chains=many)
                    chains = tree["posterior"].to_dataset()
                rows = replicates(name, method, config, chains)
                kept[key] = [
                    {k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()} for row in rows
                ]
                if config.out:
                    with written_whole(config.out) as partial:
                        Path(partial).write_text(json.dumps(kept), encoding="utf-8")
            table.append(summary(name, method, kept[key]))
            print(aligned([head, table[-1]])[1], flush=True)
    print("\n".join(["", *aligned(table)]))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
