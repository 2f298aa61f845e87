"""What Laplace's method, ADVI and Pathfinder lose on every model of the registry, against the exact answer.

    uv run python -m benchmarks.approximations                     about half an hour on one core
    uv run python -m benchmarks.approximations --quick             2,000 draws and 2,000 steps of ADVI
    uv run python -m benchmarks.approximations --model normal_normal --out approximations.json

ADVI has PyMC's defaults, 10,000 steps of ``adagrad_window(0.001)``, and the same number of steps of ``adam(0.01)``.
KL is KL(q || p) = log p(y) - ELBO in nats, location and log sd are the worst of the marginals, k is the Pareto k of the
importance ratios, "90 %" is the exact probability of central 90 % intervals, and "lost" the nats lost per new
observation. Not every approximation exists: then the reason is printed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pymc as pm
import tyro

from bayes.approximations.exact_losses import losses
from bayes.approximations.laplace_method import laplace
from bayes.approximations.pathfinders import pathfinder
from bayes.approximations.point_estimates import plug_in_loss
from bayes.approximations.results import Approximation
from bayes.approximations.unconstrained import Unconstrained, unconstrained_posterior
from bayes.approximations.variational import advi
from bayes.checking.leave_one_out import LARGEST_K
from bayes.registry import NAMES, get_model
from benchmarks.agreement import table

PATHS = 8


@dataclass(frozen=True)
class Config:
    """Measure what approximations lose."""

    quick: bool = False
    """Fewer draws and steps: whether it works, not what it measures."""
    seed: int = 0
    """Seed of every fit."""
    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Models; all of the registry if there is none."""
    out: Path | None = None
    """A JSON file of results, which a later call continues model by model."""


def approximations(target: Unconstrained, config: Config) -> dict[str, Callable[[], Approximation]]:
    """Return every approximation of ``target`` by name, as a function that fits it."""
    seed, draws, steps = config.seed, 2000 if config.quick else 10_000, 2000 if config.quick else 10_000

    def by_advi(family: Any, optimizer: Any = None) -> Callable[[], Approximation]:
        return lambda: advi(target, seed=seed, family=family, draws=draws, iterations=steps, optimizer=optimizer)

    return {
        "laplace": lambda: laplace(target, seed=seed, draws=draws),
        "advi mean field": by_advi("mean field"),
        "advi full rank": by_advi("full rank"),
        "adam mean field": by_advi("mean field", pm.adam(learning_rate=0.01)),
        "adam full rank": by_advi("full rank", pm.adam(learning_rate=0.01)),
        "pathfinder": lambda: pathfinder(target, seed=seed, draws=draws),
        "multipathfinder": lambda: pathfinder(target, seed=seed, draws=draws, paths=PATHS),
    }


def measure(name: str, config: Config) -> dict[str, dict[str, Any]]:
    """Return the losses of every approximation of a model, or the reason why there are none."""
    model = get_model(name)
    rows: dict[str, dict[str, Any]] = {}
    for method, fit in approximations(unconstrained_posterior(model.program()), config).items():
        try:
            lost = losses(fit(), model)
        except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
            rows[method] = {"reason": str(error)}
            continue
        rows[method] = {
            "kl": lost.kl,
            "kl_se": lost.kl_se,
            "location": lost.worst_location_error,
            "log_sd": lost.worst_log_sd_ratio,
            "k": lost.pareto_k,
            "coverage": lost.coverage(0.9),
            "lost": lost.predictive.nats,
            "lost_se": lost.predictive.standard_error,
            "seconds": lost.seconds,
            "verdict": lost.verdict,
        }
    for estimate in ("MLE", "MAP"):
        try:
            plug_in = plug_in_loss(model, estimate)
            rows[estimate] = {"lost": plug_in.nats, "lost_se": plug_in.standard_error}
        except ValueError as error:
            rows[estimate] = {"reason": str(error)}
    return rows


def main(config: Config) -> None:
    """Print the table of each model once it is measured, and at the end whether k tells what is lost."""
    done: dict[str, Any] = json.loads(config.out.read_text()) if config.out and config.out.exists() else {}
    names = config.model or NAMES
    for name in names:
        if name not in done:
            done[name] = measure(name, config)
            if config.out:
                config.out.write_text(json.dumps(done, indent=1))
        print(f"\n{name}\n")
        print(
            table(["", "KL, nats", "location", "log sd", "k", "90 %", "lost", "s", ""], lines(done[name])), flush=True
        )
    measured = [row for name in names for row in done[name].values() if "kl" in row]
    for label, rows in {
        f"k <= {LARGEST_K}": [row for row in measured if row["k"] <= LARGEST_K],
        f"k > {LARGEST_K}": [row for row in measured if not row["k"] <= LARGEST_K],
    }.items():
        if rows:
            kl, lost = (np.median([row[key] for row in rows]) for key in ("kl", "lost"))
            largest = max(row["kl"] for row in rows)
            print(
                f"\n{label}: {len(rows)} fits, median KL {kl:.3g}, largest {largest:.3g}, median lost {lost:.3g} nats"
            )


def lines(rows: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return the lines of the table of a model."""
    found = []
    for method, row in rows.items():
        if "reason" in row:
            found.append([method, *[""] * 7, row["reason"][:60]])
        elif "kl" not in row:
            found.append([method, *[""] * 5, f"{row['lost']:.2g}", "", ""])
        else:
            found.append(
                [
                    method,
                    f"{row['kl']:.3g} +- {row['kl_se']:.1g}",
                    f"{row['location']:+.2f}",
                    f"{row['log_sd']:+.2f}",
                    f"{row['k']:.2f}",
                    f"{100 * row['coverage']:.1f}",
                    f"{row['lost']:.2g} +- {row['lost_se']:.1g}",
                    f"{row['seconds']:.1f}",
                    row["verdict"],
                ]
            )
    return found


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
