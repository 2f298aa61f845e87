"""The command ``calibrate``."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from bayes.commands.listing import plain_table, with_nulls
from bayes.registry import NAMES, Model, get_model
from closedform.multiple_testing import ALPHA
from closedform.verdict import EXIT_CODES

if TYPE_CHECKING:
    import bayes
    from bayes.checking.results import Checks

BETWEEN_LINES = 5.0
"""Seconds between two lines of progress where the standard error is no terminal."""


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Run NUTS on many simulated data sets of one or more models, and judge it by their exact posteriors.

    Parameters are drawn from the prior and data given them. The draws on each data set become normal scores by its
    exact posterior. Their averages are tested over the data sets, and so are the ranks of the true parameters. All
    checks of all models are one family.

    Begin with one model: `calibrate normal_normal`. With numpyro, 1,000 data sets of it take seconds after compiling;
    models with many parameters take minutes, and all models together far longer. With --out nothing is lost: the same
    command goes on where it was stopped, and with more --datasets it adds to them.

    Your own sampler, in any language, is calibrated in Python: `bayes.calibrate(sample, model)`.

    Exit code: 0 if every check passes, 1 if one fails, 3 if none fails but one is inconclusive, 2 for bad usage or a
    sampler that fails on every data set, 130 after Ctrl-C.
    """

    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[MODEL ...]")] = ()
    """Names of models, as `models` lists them. If left out: every model whose example has a proper prior."""
    engine: Literal["numpyro", "blackjax", "nutpie", "pymc"] = "numpyro"
    """Implementation of NUTS. numpyro and blackjax run many data sets at a time, on all devices of JAX; nutpie and pymc
    run one at a time in each worker process."""
    datasets: int = 1000
    """Simulated data sets of each model. With fewer than 20 nothing passes."""
    draws: int = 500
    """Draws on each data set, in one chain."""
    tune: int = 500
    """Steps of warm-up before them."""
    seed: int = 0
    """Seed of everything random. Data set i depends on the seed and i alone."""
    out: Path | None = None
    """Folder, in Zarr's format, in which outcomes are kept as they come, and from which the same command goes on."""
    alpha: float = ALPHA
    """Probability that a correct sampler has a failed check, over all models."""
    workers: int | None = None
    """Processes on this machine for nutpie and pymc, 0 for this one alone. If left out: one for each core."""
    scheduler: str | None = None
    """Address of your own Dask scheduler, in place of workers, such as tcp://10.0.0.1:8786; also tls://."""
    coordinator: str | None = None
    """HOST:PORT of process 0, where numpyro or blackjax run on several hosts: start the command on each of them, with
    --processes and --process-id. Process 0 has the table, and the files of --out."""
    processes: int | None = None
    """Number of processes, with --coordinator."""
    process_id: int | None = None
    """Number of this process, from 0, with --coordinator."""
    json: bool = False
    """Print everything as JSON, for programs."""


def run(options: Calibrate) -> tuple[str, int]:
    """Return the tables, and the exit code of the verdict; the progress is shown on the standard error."""
    models = [get_model(name) for name in dict.fromkeys(options.models)] or with_proper_priors()
    is_first = _joined(options)
    from bayes.calibration.calibrating import calibrations  # here: scipy and ArviZ take seconds to import
    from bayes.checking.judging import judge

    try:
        with _progress(len(models)) if is_first else nullcontext() as progress:
            results = calibrations(
                options.engine,
                models,
                datasets=options.datasets,
                draws=options.draws,
                tune=options.tune,
                seed=options.seed,
                alpha=options.alpha,
                workers=options.workers,
                scheduler=options.scheduler,
                out=options.out,
                progress=progress,
            )
    except KeyboardInterrupt:
        if options.out is None:
            raise
        raise KeyboardInterrupt(f"what ran is in {options.out}, and the same command goes on from there") from None
    family = judge([check for r in results for check in r.unjudged(r.model)], alpha=options.alpha)
    code = EXIT_CODES[family.verdict]
    if not is_first:
        return f"{family.verdict}: process 0 has the table", code
    if options.json:
        return as_json(results, family, options), code
    if len(results) == 1:
        return str(results[0]), code
    return "\n\n".join([_table(results, family), *_not_passed(family), _sentences(results, family)]), code


def _joined(options: Calibrate) -> bool:
    """Join the other processes, if there are any; return whether this is the first."""
    given = {name: getattr(options, name) for name in ("coordinator", "processes", "process_id")}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given):
        return True
    if missing:
        raise ValueError(
            f"`{missing[0]}` must be given too: every process needs --coordinator, --processes, --process-id."
        )
    if options.engine not in ("numpyro", "blackjax"):
        raise ValueError(
            f"`coordinator` is for numpyro and blackjax; on several hosts {options.engine} needs --scheduler."
        )
    from bayes.calibration.processes import is_first, join

    join(**given)
    return is_first()


def with_proper_priors() -> list[Model]:
    """Return the models of the registry whose example can be simulated."""
    from bayes.calibration.simulation import exact_simulation

    found = []
    for name in NAMES:
        try:
            exact_simulation(get_model(name))
        except ValueError:  # a flat prior
            continue
        found.append(get_model(name))
    return found


def as_json(results: Sequence["bayes.Calibration"], family: "Checks", options: Calibrate) -> str:
    """Return everything as JSON. The verdicts are those of the one family of all models."""
    models = []
    for result in results:
        own = _of_model(family, result.model)
        models.append(
            result.as_json()
            | {"verdict": own.verdict, "checks": [with_nulls(row) for row in own.rows()]}
            | {"cost": with_nulls(result.cost())}
        )
    content = {
        "engine": options.engine,
        "verdict": family.verdict,
        "alpha": options.alpha,
        "draws": options.draws,
        "tune": options.tune,
        "seed": options.seed,
        "models": models,
    }
    return json.dumps(content, indent=2, allow_nan=False)


def _of_model(family: "Checks", label: str) -> "Checks":
    return replace(family, checks=tuple(check for check in family if check.model == label))


def _table(results: Sequence["bayes.Calibration"], family: "Checks") -> str:
    """Return a line for each model."""
    from bayes.checking.results import most_extreme

    head = ["model", "data sets", "failed", "checks", "least p", "ms each", "ESS a second", "verdict"]
    body = []
    for result in results:
        own, cost = _of_model(family, result.model), result.cost()
        counts = map(str, (len(result.rows), len(result.failures), len(own.checks)))
        measured = (f"{most_extreme(own.checks).p_value:.2g}", f"{1e3 * cost['seconds']:.3g}")
        body.append([result.model, *counts, *measured, f"{cost['ess_a_second']:.3g}", own.verdict])
    return plain_table(head, body)


def _not_passed(family: "Checks") -> list[str]:
    """Return the table of the checks that do not pass, none if all do."""
    checks = tuple(check for check in family if check.verdict != "pass")
    return [str(replace(family, checks=checks)).rpartition("\n")[0]] if checks else []


def _sentences(results: Sequence["bayes.Calibration"], family: "Checks") -> str:
    lines = [f"{family.verdict}: {len(family)} checks share a false-alarm rate of {family.alpha:g}."]
    lines += [f"{result.model}: {note}" for result in results for note in result.checks.notes]
    return "\n".join(lines)


@contextmanager
def _progress(models: int) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows how far a model is, and the time left: a bar, or lines if there is no terminal."""
    if not sys.stderr.isatty():
        yield _lines(models)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, transient=True, console=Console(stderr=True, highlight=False)) as bar:
        tasks: dict[str, Any] = {}

        def show(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bar.add_task(label, total=total)
            bar.update(tasks[label], completed=done)

        yield show


def _lines(models: int) -> Callable[[str, int, int], None]:
    begun: dict[str, tuple[float, int]] = {}
    last = 0.0

    def show(label: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if label not in begun:
            begun[label] = now, done
            last = now
        elif done < total and now - last < BETWEEN_LINES:
            return
        start, first = begun[label]
        left = f", {(now - start) / (done - first) * (total - done):.0f} s left" if total > done > first else ""
        place = f" [model {len(begun)}/{models}]" if models > 1 else ""
        sys.stderr.write(f"{label} {done}/{total}{left}{place}\n")
        last = now

    return show
