"""Models that are known exactly: what there are, draws of them, and verdicts on draws of yours.

    python -m bayes models                            what there is
    python -m bayes sample MODEL --out draws.nc       draws of one by NUTS or SMC, as ArviZ reads them
    python -m bayes check draws.nc --model MODEL      hold draws of any sampler to the exact answer
    python -m bayes export MODEL --format stan        the model for CmdStan; --format json its data

Exit code: 0 if all is well, for `check` if every check passes, 1 if one fails, 3 if none fails but one is inconclusive;
2 for bad usage or a file that cannot be read or written, 130 after Ctrl-C.
"""

import json
import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.text import Text

from bayes import hyperparameters
from bayes.models import NAMES, model, scalars
from bayes.verdicts import ALPHA, Checks

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}


@dataclass(frozen=True, kw_only=True)
class ListModels:
    """List the models: their equations, the example with its exact posterior and evidence, and references."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Run one model on its example data and save the draws, or for smc the evidence runs, as netCDF."""

    model: Annotated[str, tyro.conf.Positional]
    """Name of the model, as `models` lists it."""
    engine: Literal["nutpie", "pymc", "numpyro", "blackjax", "smc"] = "nutpie"
    """Implementation of NUTS, or smc for sequential Monte Carlo."""
    out: Path = Path("draws.nc")
    """File to write; it must not be there yet."""
    draws: int = 1000
    """Draws a chain, or particles a run of smc."""
    chains: int = 4
    """Independent chains, or runs of smc, of which a verdict needs 8."""
    seed: int = 0
    """Seed of everything random."""


@dataclass(frozen=True, kw_only=True)
class CheckDraws:
    """Hold draws of any sampler to the exact posterior, or runs of SMC to the exact evidence.

    Every hyperparameter of the model is an option too, such as --prior-sd 2 or --prior-mean "[0, 1]"; without it, it is
    that of the example.
    """

    file: Annotated[Path, tyro.conf.Positional]
    """ArviZ netCDF file or Zarr folder (of ArviZ 0.x too), or CSV file with columns chain, draw and one a scalar."""
    model: str
    """Name of the model, as `models` lists it."""
    data: Path | None = None
    """The observations the sampler was given, as a CSV file. Without it, those of the example."""
    var: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """YOURS=MODEL if a variable has another name in your file, such as theta=mu; repeat it for several."""
    evidence_law: Literal["unbiased", "log_unbiased", "inverse_unbiased"] = "unbiased"
    """What runs of evidence have right: E[Z] as SMC, E[log Z] as nested sampling with exp(-i/N), E[1/Z] as dynesty."""
    alpha: float = ALPHA
    """Probability that a right sampler has a failed check."""
    json: bool = False
    """Print everything as JSON, for programs."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Print a model as Stan code, or its example's data and hyperparameters as JSON, for CmdStan and its kin."""

    model: Annotated[str, tyro.conf.Positional]
    """Name of the model, as `models` lists it."""
    format: Literal["stan", "json"] = "stan"
    """stan: the program; json: its data."""


COMMANDS = {"models": ListModels, "sample": Sample, "check": CheckDraws, "export": Export}


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        given: dict[str, str] = {}
        if arguments[:1] == ["check"] and (name := _model_named(arguments)) in NAMES:
            given, arguments = hyperparameters.split(arguments, model(name).exact)
        options = tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="python -m bayes", description=__doc__, args=arguments
        )
        match options:
            case Sample():
                return _sample(options, console)
            case CheckDraws():
                return _check(options, given)
            case Export():
                return _export(options)
            case _:
                return _models()
    except ValueError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    except OSError as error:
        console.print(
            f"error: {f'`out` {error.filename}' if error.filename else 'the output'} cannot be written: "
            f"{error.strerror or error}",
            style="red",
            markup=False,
        )
        return 2
    except KeyboardInterrupt:
        console.print("interrupted: nothing was written", style="red")
        return 130


def _model_named(arguments: list[str]) -> str:
    """Return the value of --model, or nothing."""
    for i, argument in enumerate(arguments):
        if argument.startswith("--model="):
            return argument.removeprefix("--model=")
        if argument == "--model" and i + 1 < len(arguments):
            return arguments[i + 1]
    return ""


def _models() -> int:
    console = Console(highlight=False, soft_wrap=True)
    for name in NAMES:
        one = model(name)
        console.print(Text(name, style="bold"), Text(f"- {one.example.title}"))
        console.print(Text(f"\n{indent(one.example.equations, '    ')}\n"))
        console.print(Text(f"    example: {one.source}; log evidence {one.exact.log_evidence(one.y):.4f} nats"))
        for scalar, marginal in scalars(one.exact, one.y).items():
            console.print(Text(f"      {scalar}: mean {marginal.mean():.4g}, sd {marginal.std():.4g}"))
        console.print(Text(f"    {one.example.references}\n"))
    return 0


def _sample(options: Sample, console: Console) -> int:
    one = model(options.model)
    if options.out.exists():
        raise ValueError(f"`out` {options.out} is there already; choose another with --out, or remove it.")
    if not options.out.resolve().parent.is_dir():
        raise ValueError(f"`out` must be in a folder that exists, got {options.out}; make {options.out.parent} first.")
    tempfile.TemporaryFile(dir=options.out.resolve().parent).close()  # better now than after the sampling
    from bayes import inference  # after the options are read: PyMC takes seconds to import

    console.print(f"{options.engine} on {one.name}: {options.chains} x {options.draws} (compiling takes seconds)")
    with console.status("sampling"):
        if options.engine == "smc":
            tree = inference.smc(one.program(), seed=options.seed, runs=options.chains, draws=options.draws)
        else:
            tree = inference.nuts(
                one.program(), seed=options.seed, draws=options.draws, chains=options.chains, engine=options.engine
            )
    partial = options.out.with_name(f".{options.out.name}.partial.nc")
    try:
        tree.to_netcdf(partial)
        partial.replace(options.out)
    finally:
        partial.unlink(missing_ok=True)
    print(options.out)
    return 0


def _check(options: CheckDraws, given: dict[str, str]) -> int:
    one = model(options.model)
    exact = hyperparameters.changed(one.exact, given)
    y = one.y
    if options.data is not None:
        from bayes.data import read_observations

        y = read_observations(options.data, columns=one.y.shape[1] if one.y.ndim == 2 else 1)
    names = dict.fromkeys(name.partition("[")[0] for name in exact.marginals(y))
    renamed = dict(_renaming(text, list(names)) for text in options.var)
    from bayes.check import check  # after the options are read: ArviZ takes a second to import
    from bayes.draws import is_smc
    from bayes.draws_file import read_draws

    draws = read_draws(options.file, names, renamed)
    if is_smc(draws):
        checks = check(None, exact, y, evidence=draws, evidence_law=options.evidence_law, alpha=options.alpha)
    else:
        checks = check(draws, exact, y, alpha=options.alpha)
    if options.json:
        about = {"file": str(options.file), "model": one.name, "hyperparameters": given, "observations": len(y)}
        print(json.dumps(about | _as_json(checks), indent=2))
    else:
        print(checks)
    return EXIT_CODES[checks.verdict]


def _renaming(text: str, names: list[str]) -> tuple[str, str]:
    """Return the name in the file and the name of the model that an option --var gives."""
    theirs, _, ours = text.partition("=")
    if not theirs or ours not in names:
        raise ValueError(f"`var` must be YOURS=MODEL with a variable of the model, {', '.join(names)}, got {text!r}.")
    return theirs, ours


def _as_json(checks: Checks) -> dict[str, Any]:
    rows = [
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
        for row in checks.rows()
    ]
    return {"verdict": checks.verdict, "alpha": checks.alpha, "checks": rows, "notes": list(checks.notes)}


def _export(options: Export) -> int:
    from bayes import stan

    one = model(options.model)
    text = stan.code(one.name).rstrip("\n") if options.format == "stan" else json.dumps(stan.data(one.exact, one.y))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
