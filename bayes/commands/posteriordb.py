"""The command ``posteriordb``."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from bayes.commands.inputs import readable
from bayes.commands.listing import plain_table, with_nulls
from closedform.multiple_testing import ALPHA
from closedform.validation import whole_number
from closedform.verdict import EXIT_CODES, Verdict

if TYPE_CHECKING:
    from bayes.checking.results import Check, Checks
    from bayes.io.posteriordb import Posterior

DIFFERS = " The exact answer is for the known one."


@dataclass(frozen=True, kw_only=True)
class Posteriordb:
    """Compare posteriordb's reference draws, or your own, with the exact posteriors; print what is known exactly.

    Without a name, every posterior in the folder that is known exactly is compared, as one family of checks. With
    names, the exact mean, sd and quantiles of every parameter and the log evidence are printed too.

    Exit code: 0 if every check passes or there are no draws, 1 if one fails, 3 if none fails but one is inconclusive, 2
    for bad usage or a file that cannot be read.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")]
    """A clone of github.com/stan-dev/posteriordb, or a folder in its layout."""
    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")] = ()
    """Posteriors, such as kidiq-kidscore_momiq."""
    draws: Path | None = None
    """File of your own draws of the one posterior named: any format that `check` reads, with Stan's names."""
    trim: bool = False
    """Cut chains of different lengths in your own draws to the shortest one."""
    export: Path | None = None
    """Folder to write 10 x 1,000 independent exact draws and exact summaries to, in posteriordb's layout."""
    seed: int = 0
    """Seed of the exported draws."""
    alpha: float = ALPHA
    """Probability that correct draws have a failed check, over all posteriors."""
    json: bool = False
    """Print everything as JSON, for programs."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A posterior with its judged checks, none if there are no draws, and notes on the draws."""

    posterior: "Posterior"
    checks: tuple["Check", ...]
    notes: tuple[str, ...]


def run(options: Posteriordb) -> tuple[str, int]:
    """Return the table of the posteriors, and the exit code of the verdict."""
    from bayes.io.posteriordb.folder import Folder
    from bayes.io.posteriordb.posteriors import exact_names, load_from

    if not 0 < options.alpha < 1:
        raise ValueError(f"`alpha` must lie between 0 and 1, got {options.alpha}; it is the family's false-alarm rate.")
    whole_number("seed", options.seed, " from 0 to 2^63 - 1", 0, 2**63 - 1)
    if options.draws is not None and len(options.names) != 1:
        raise ValueError(f"`draws` are of one posterior: give one name, got {len(options.names)}.")
    if options.export is not None and not options.names:
        raise ValueError("`export` needs the names of the posteriors to write; give one or more after the folder.")
    folder = Folder(options.path)
    names = options.names or exact_names(folder)
    if not names:
        raise ValueError(
            f"folder {str(options.path)!r} has {len(folder.names)} posteriors, none of them known exactly."
        )
    posteriors = [load_from(folder, name) for name in dict.fromkeys(names)]
    if options.export is not None:
        from bayes.io.posteriordb import export

        for posterior in posteriors:
            if posterior.program == "differs":
                raise ValueError(f"`export`: the Stan program of {posterior.name} differs from the one that is known.")
            export.require_new(posterior, options.export)
    results, checks = compared(posteriors, options)
    written = []
    if options.export is not None:
        from bayes.io.posteriordb import export

        written = [file for posterior in posteriors for file in export.write(posterior, options.export, options.seed)]
    verdict = checks.verdict if checks else None
    code = EXIT_CODES[verdict] if verdict else 0
    if options.json:
        return as_json(results, checks, folder.names, options), code
    parts = [_table(results)] if not options.names else [_summary(result, options.alpha) for result in results]
    if not options.names:
        parts.append(_sentences(results, checks, len(folder.names)))
    if written:
        parts.append(f"{len(written)} files written below {options.export}.")
    return "\n\n".join(parts), code


def compared(posteriors: Sequence["Posterior"], options: Posteriordb) -> tuple[list[Result], "Checks | None"]:
    """Return every posterior with its checks, judged as one family, and the family; None if there are no draws."""
    from rich.progress import BarColumn, Progress, TextColumn

    from bayes._check import compare_with_model
    from bayes.checking.judging import judge

    found: list[tuple[Posterior, list[Check], list[str]]] = []
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        transient=True, disable=not sys.stderr.isatty() or len(posteriors) == 1, console=_console(),
    ) as progress:  # fmt: skip
        task = progress.add_task("posteriors", total=len(posteriors))
        for posterior in posteriors:
            progress.update(task, description=posterior.name)
            draws = posterior.draws
            if options.draws is not None:
                with readable(options.draws) as path:
                    draws = posterior.read_draws(path, trim=options.trim)
            checks, notes = ([], []) if draws is None else compare_with_model(draws, posterior, posterior.y)
            found.append((posterior, [replace(check, model=posterior.name) for check in checks], notes))
            progress.advance(task)
            if len(posteriors) > 1 and not sys.stderr.isatty():
                sys.stderr.write(f"{posterior.name} [{len(found)}/{len(posteriors)}]\n")
    family = [check for _, checks, _ in found for check in checks]
    judged = judge(family, alpha=options.alpha) if family else None
    remaining = iter(judged or ())
    results = [
        Result(posterior=posterior, checks=tuple(next(remaining) for _ in checks), notes=tuple(notes))
        for posterior, checks, notes in found
    ]
    return results, judged


def verdict_of(result: Result) -> Verdict | None:
    """Return the verdict of the checks of one posterior, None if there are none."""
    from closedform.verdict import worst

    return worst({check.verdict for check in result.checks}) if result.checks else None


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _table(results: Sequence[Result]) -> str:
    """Return a line for each posterior."""
    from bayes.checking.results import most_extreme

    body = []
    for result in results:
        posterior = result.posterior
        row = [posterior.name, str(len(posterior.parameters)), str(posterior.known.dimension)]
        row.append(f"{posterior.evidence:.8f}")
        if result.checks:
            extreme = most_extreme(result.checks)
            row += [str(len(result.checks)), f"{extreme.p_value:.2g}", str(verdict_of(result))]
        else:
            row += ["-", "-", "no draws"]
        body.append(row)
    return plain_table(
        ["posterior", "parameters", "integral", "log evidence", "checks", "least p", "reference draws"], body
    )


def _sentences(results: Sequence[Result], checks: "Checks | None", total: int) -> str:
    """Return what the table says, in sentences."""
    with_draws = [result for result in results if result.checks]
    lines = [
        f"{len(results)} of the {total} posteriors in the folder are known exactly; of {len(with_draws)} there are "
        "reference draws. `integral` is the dimension of the integral that is left to quadrature."
    ]
    if checks:
        lines.append(f"{checks.verdict}: {len(checks)} checks share a false-alarm rate of {checks.alpha:g}.")
    lines += [
        f"{result.posterior.name}: the Stan program in the folder differs from the one that is known; the exact answer "
        "is for the known one."
        for result in results
        if result.posterior.program == "differs"
    ]
    return "\n".join(lines)


def _summary(result: Result, alpha: float) -> str:
    """Return the exact answer of one posterior, and the checks of its draws."""
    from bayes.checking.results import Checks

    posterior = result.posterior
    body = [
        [name, *(f"{value:.10g}" for value in posterior.summary(name).values())] for name in posterior.distributions
    ]
    lines = [
        f"{posterior.name}: {posterior.known.how}",
        f"log evidence {posterior.evidence:.10f} nats; the program's `~` drops {posterior.built.dropped:.10f} of its "
        "log density.",
        f"Stan program: {posterior.program}.{DIFFERS if posterior.program == 'differs' else ''}",
        "",
        plain_table(["parameter", "mean", "sd", "5 %", "50 %", "95 %"], body),
    ]
    if result.checks:
        lines += ["", str(Checks(checks=result.checks, alpha=alpha, notes=result.notes))]
    return "\n".join(lines)


def as_json(results: Sequence[Result], checks: "Checks | None", names: Sequence[str], options: Posteriordb) -> str:
    """Return everything as JSON."""
    from bayes.checking.results import Checks

    exact = {result.posterior.name for result in results}
    content = {
        "folder": str(options.path),
        "draws": None if options.draws is None else str(options.draws),
        "verdict": checks.verdict if checks else None,
        "alpha": options.alpha,
        "posteriors": [
            {
                "name": result.posterior.name,
                "how": result.posterior.known.how,
                "dimension": result.posterior.known.dimension,
                "stan_program": result.posterior.program,
                "log_evidence": result.posterior.evidence,
                "dropped_by_tilde": result.posterior.built.dropped,
                "parameters": {
                    name: with_nulls(result.posterior.summary(name)) for name in result.posterior.distributions
                },
                "verdict": verdict_of(result),
                "checks": [with_nulls(row) for row in Checks(checks=result.checks, alpha=options.alpha).rows()],
                "notes": list(result.notes),
            }
            for result in results
        ],
        "not_exact": [name for name in names if name not in exact] if not options.names else None,
    }
    return json.dumps(content, indent=2)
