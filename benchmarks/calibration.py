"""Data sets a second of `calibrate` beside simuk's SBC, on the same model with the same draws and warm-up, in one run.

    uv run --with simuk python -m benchmarks.calibration

The model is the normal-normal one with its 14 observations, and one chain a data set. Both times include compiling and
begin with the import of the package. simuk runs PyMC's NUTS, as many data sets as fit its time; then ours run. Each
runs in a process of its own. Then `calibrate` runs with more data sets: the cost should be linear and the memory flat.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module

import tyro

from benchmarks.agreement import provenance, table

MODEL = "normal_normal"


@dataclass(frozen=True)
class Config:
    """Compare the speed of calibration."""

    datasets: int = 1000
    """Data sets of `calibrate` with a JAX engine."""
    compiled: int = 200
    """Data sets with nutpie and with PyMC, each compiled once."""
    minutes: float = 5
    """Time of simuk."""
    draws: int = 500
    """Draws on each data set, after as many iterations of warm-up."""
    more: tuple[int, ...] = (2000, 4000, 8000)
    """Numbers of data sets at which cost and memory are measured."""
    engines: tuple[str, ...] = ("numpyro", "blackjax", "nutpie", "pymc")
    """Engines of `calibrate`."""
    worker: str = ""
    """For the processes of the benchmark: what one of them measures."""


def main(config: Config) -> None:
    """Print both tables, then the provenance."""
    start = time.perf_counter()
    if config.worker:
        measured = simuk(config) if config.worker == "simuk" else ours(config)
        print(json.dumps(measured))
        return
    peer = _in_a_process(config, "simuk")
    rows = [["simuk, PyMC's NUTS", *_cells(peer), "1"]]
    for engine in config.engines:
        n = config.datasets if engine in ("numpyro", "blackjax") else config.compiled
        measured = _in_a_process(config, engine, n)
        ratio = measured["datasets"] / measured["seconds"] / (peer["datasets"] / peer["seconds"])
        rows.append([f"calibrate, {engine}", *_cells(measured), f"{ratio:.3g}"])
    print(table(["what", "data sets", "seconds", "data sets a second", "peak memory", "times simuk"], rows))
    rows = [["calibrate, numpyro", *_cells(_in_a_process(config, "numpyro", n))] for n in config.more]
    print(table(["what", "data sets", "seconds", "data sets a second", "peak memory"], rows))
    print(provenance("calibration", 1, start))


def simuk(config: Config) -> dict[str, float]:
    """Run simuk for the time of the configuration."""
    start = time.perf_counter()
    import pymc as pm

    from bayes import models

    SBC = import_module("simuk").SBC  # not installed with the project

    exact, y = models[MODEL].exact, models[MODEL].y
    with pm.Model() as model:  # simuk wants its data as pm.Data
        data = pm.Data("data", y)
        mu = pm.Normal("mu", mu=exact.prior_mean, sigma=exact.prior_sd)
        pm.Normal("y", mu=mu, sigma=exact.noise_sd, observed=data)
    settings = {"draws": config.draws, "tune": config.draws, "chains": 1, "cores": 1, "nuts_sampler": "pymc"}
    datasets, block = 0, 10
    while time.perf_counter() - start < 60 * config.minutes:
        sbc = SBC(model, num_simulations=block, sample_kwargs=dict(settings), seed=datasets, progress_bar=False)
        sbc.run_simulations()
        datasets += block
    return _measured(datasets, start)


def ours(config: Config) -> dict[str, float]:
    """Run `calibrate` with the engine that ``worker`` names."""
    start = time.perf_counter()
    from bayes.calibration.calibrating import calibrate

    engine = config.worker
    workers = None if engine in ("numpyro", "blackjax") else 2
    result = calibrate(engine, MODEL, datasets=config.datasets, draws=config.draws, tune=config.draws, workers=workers)
    assert len(result.rows) == config.datasets
    return _measured(config.datasets, start)


def _measured(datasets: int, start: float) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"datasets": datasets, "seconds": time.perf_counter() - start, "mebibytes": peak}


def _in_a_process(config: Config, worker: str, datasets: int = 0) -> dict[str, float]:
    options = ["--worker", worker, "--draws", str(config.draws), "--minutes", str(config.minutes)]
    command = [sys.executable, "-m", "benchmarks.calibration", *options, "--datasets", str(datasets or 1)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{worker} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _cells(measured: dict[str, float]) -> list[str]:
    rate = measured["datasets"] / measured["seconds"]
    return [
        f"{measured['datasets']:.0f}",
        f"{measured['seconds']:.1f}",
        f"{rate:.3g}",
        f"{measured['mebibytes']:.0f} MiB",
    ]


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
