"""Models that are known exactly: list and sample them, and check your draws.

    python -m bayes models                            list the models
    python -m bayes sample MODEL --out draws.nc       draws by NUTS or SMC, as ArviZ reads them
    python -m bayes check draws.nc --model MODEL      hold draws of any sampler to the exact answer
    python -m bayes export MODEL --format stan        the model for CmdStan; --format json its data

`sample`, `check` and `export` take your data and hyperparameters; `check --model MODEL --help` lists those of a model.
A file that is called - is the standard input.

Exit code: 0 if all is well, for `check` if every check passes, 1 if one fails, 3 if none fails but one is inconclusive;
2 for bad usage or a file that cannot be read or written, 130 after Ctrl-C.
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, make_dataclass
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from rich.console import Console

from bayes.checking.results import ALPHA, Checks
from bayes.io import hyperparameters
from bayes.registry import NAMES, Model, get_model, scalars
from closedform import command_line
from closedform.files import written_whole
from closedform.validation import whole_number
from closedform.verdict import EXIT_CODES

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, kw_only=True)
class ListModels:
    """List the models: their equations, the example with its exact posterior and evidence, and references."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """A model, to list only this one."""
    json: bool = False
    """Print everything as JSON, for programs."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Run one model on its example or on your data, and save the draws, or for smc the evidence runs, as netCDF.

    Exit code: 0 if they are saved, 2 for bad usage or a file that cannot be read or written, 130 after Ctrl-C.
    """

    model: Annotated[str, tyro.conf.Positional]
    """Name of the model, as `models` lists it."""
    engine: Literal["nutpie", "pymc", "numpyro", "blackjax", "smc"] = "nutpie"
    """Implementation of NUTS, or smc for sequential Monte Carlo."""
    data: Path | None = None
    """Your observations, as a CSV file or - for standard input. Without it, those of the example."""
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
    that of the example. With --model MODEL before it, --help lists them.

    Exit code: 0 if every check passes, 1 if one fails, 3 if none fails but one is inconclusive, 2 for bad usage or a
    file that cannot be read.
    """

    file: Annotated[Path, tyro.conf.Positional]
    """ArviZ netCDF file or Zarr folder (of ArviZ 0.x too), or CSV file with columns chain, draw and one a scalar; - for
    standard input."""
    model: str
    """Name of the model, as `models` lists it."""
    data: Path | None = None
    """The observations the sampler was given, as a CSV file or - for standard input. Without it, the example's."""
    var: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """YOURS=MODEL if a variable has another name in your file, such as theta=mu; repeat it for several."""
    evidence_law: Literal["unbiased", "log_unbiased", "inverse_unbiased"] = "unbiased"
    """What runs estimate without bias: E[Z] as SMC, E[log Z] as nested sampling with exp(-i/N), E[1/Z] as dynesty."""
    alpha: float = ALPHA
    """Probability that a right sampler has a failed check."""
    json: bool = False
    """Print everything as JSON, for programs."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Print a model as Stan code, or data and hyperparameters as JSON, for CmdStan and its kin.

    Exit code: 0 if it is printed, 2 for bad usage or a file that cannot be read.
    """

    model: Annotated[str, tyro.conf.Positional]
    """Name of the model, as `models` lists it."""
    format: Literal["stan", "json"] = "stan"
    """stan: the program; json: its data."""
    data: Path | None = None
    """Your observations, as a CSV file or - for standard input. Without it, those of the example."""


COMMANDS = {"models": ListModels, "sample": Sample, "check": CheckDraws, "export": Export}


def main(arguments: list[str], prog: str = "python -m bayes") -> int:
    """Run the command line, of the program ``prog``, and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    commands: dict[str, type] = dict(COMMANDS)
    try:
        help_command = [prog, *arguments[:1], "--help"] if arguments and arguments[0] in COMMANDS else [prog, "--help"]
        if name := _model_name(arguments):
            arguments = hyperparameters.join_values(arguments, get_model(name).exact)
            commands[arguments[0]] = _with_hyperparameters(commands[arguments[0]], name)
            help_command[2:2] = ["--model", name] if arguments[0] == "check" else [name]
        options = command_line.parsed(
            lambda: tyro.extras.subcommand_cli_from_dict(commands, prog=prog, description=__doc__, args=arguments),
            " ".join(help_command),
        )
        match options:
            case Sample():
                return _sample(options, console)
            case CheckDraws():
                return _check(options)
            case Export():
                return _export(options)
            case _:
                return _models(options)
    except ValueError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    except BrokenPipeError:
        raise
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


def _model_name(arguments: list[str]) -> str:
    """Return the model whose hyperparameters are options, or an empty name if there is none.

    It is the value of --model, or of `sample` and `export` the positional argument. ValueError if the registry does not
    have it, or if there are two.
    """
    command, *rest = arguments or [""]
    if command not in COMMANDS:
        return ""
    flags = {
        f"--{prefix}{option.name.replace('_', '-')}"
        for option in fields(COMMANDS[command])
        if option.type is bool
        for prefix in ("", "no-")
    }
    pairs = hyperparameters.option_pairs(rest, flags)
    positional = [text for option, text in pairs if not option]
    if len(positional) > 1:
        kind = "file of draws" if command == "check" else "model"
        raise ValueError(f"`{command}` takes one {kind}, got {', '.join(map(repr, positional))}; give one of them.")
    names = [text for option, text in pairs if option == "--model"] if command == "check" else positional
    if len(names) > 1:
        raise ValueError(f"`model` must be given once, got {', '.join(map(repr, names))}.")
    return get_model(names[0]).name if names and command != "models" else ""


def _with_hyperparameters(command: type, name: str) -> type:
    """Return the options of a command with a group for the hyperparameters of a model."""
    example = get_model(name).example
    descriptions = hyperparameters.descriptions(example.model)
    defaults = {name: hyperparameters.format_value(value) for name, value in vars(example.model).items()}
    options = [
        (
            parameter.name,
            Annotated[
                str | None,
                tyro.conf.arg(
                    metavar="JSON",
                    help=descriptions.get(parameter.name, ""),
                    help_behavior_hint=f"(default: {defaults[parameter.name]})",
                ),
            ],
            field(default=None),
        )
        for parameter in fields(example.model)
    ]
    group = make_dataclass("Hyperparameters", options, frozen=True, kw_only=True)
    equations = "\n\n".join(" ".join(line.split()) for line in example.equations.splitlines())
    about = f"Of {name}, each a number, or numbers in brackets as JSON has them.\n\n{equations}"
    annotated_group = Annotated[group, tyro.conf.OmitArgPrefixes, tyro.conf.arg(help=about)]
    extended = make_dataclass(
        command.__name__,
        [("hyperparameters", annotated_group, field(default_factory=group))],
        bases=(command,),
        frozen=True,
        kw_only=True,
    )
    extended.__doc__ = command.__doc__
    return extended


def _hyperparameter_texts(options: Any) -> dict[str, str]:
    """Return the hyperparameters on the command line, as text."""
    group = getattr(options, "hyperparameters", None)
    return {} if group is None else {name: text for name, text in asdict(group).items() if text is not None}


def _model_with_data(options: Any) -> Model:
    """Return the model with the hyperparameters and the data of the options."""
    model = get_model(options.model)
    texts = _hyperparameter_texts(options)
    if not texts and options.data is None:
        return model
    exact = hyperparameters.with_values(model.exact, texts)
    if options.data is None:
        try:
            return model.with_data(model.y, exact=exact)
        except ValueError as error:
            raise ValueError(
                f"{error} Without --data the observations are those of the example: give yours with --data."
            ) from error
    from bayes.io.observations import read_observations

    vectors = [value for value in vars(exact).values() if np.ndim(value) == 1]  # as long as a row of y, if it has any
    with _file(options.data, ".csv") as path:
        y = read_observations(path, columns=len(vectors[0]) if model.y.ndim == 2 else 1)
    return model.with_data(y, exact=exact)


@contextmanager
def _file(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yield the path of a file; - and pipes are copied to a file first. ValueError names a file that cannot be read."""
    try:
        if path == STANDARD_INPUT:
            if sys.stdin is None:  # as `<&-` has it
                raise ValueError(
                    "file - is the standard input, which is closed; give a file, or a pipe into this command."
                )
            content, label = sys.stdin.buffer.read(), "- (standard input)"
        elif path.exists() and not path.is_file() and not path.is_dir():  # a pipe, as of `<(command)`, is read once
            content, label = path.read_bytes(), repr(str(path))
        else:
            yield path
            return
        suffix = suffix or (".nc" if content[:4] in {b"\x89HDF", b"CDF\x01", b"CDF\x02"} else ".csv")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, f"input{suffix}")
            copy.write_bytes(content)
            try:
                yield copy
            except ValueError as error:
                raise ValueError(str(error).replace(repr(str(copy)), label)) from error
    except OSError as error:
        raise ValueError(f"file {str(path)!r} cannot be read: {error.strerror or error}.") from error


def _models(options: ListModels) -> int:
    models = [get_model(name) for name in ([options.name] if options.name else NAMES)]
    if options.json:
        print(json.dumps([_description(model) for model in models], indent=2))
        return 0
    for model in models:
        print(f"{model.name} - {model.example.title}\n\n{indent(model.example.equations, '    ')}\n")
        print(f"    example: {model.source}; log evidence {model.exact.log_evidence(model.y):.4f} nats")
        for scalar, marginal in scalars(model.exact, model.y).items():
            print(f"      {scalar}: mean {marginal.mean():.4g}, sd {marginal.std():.4g}")
        print(f"    {model.example.references}\n")
    return 0


def _description(model: Model) -> dict[str, Any]:
    """Return the equations, references, hyperparameters and example of a model."""
    posterior = {
        name: {"mean": float(marginal.mean()), "sd": float(marginal.std())}
        for name, marginal in scalars(model.exact, model.y).items()
    }
    return {
        "name": model.name,
        "title": model.example.title,
        "equations": model.example.equations,
        "references": model.example.references,
        "hyperparameters": {
            field.name: np.asarray(getattr(model.exact, field.name)).tolist() for field in fields(model.exact)
        },
        "example": {
            "source": model.source,
            "y": model.y.tolist(),
            "posterior": {name: _with_nulls(moments) for name, moments in posterior.items()},
            "log_evidence": model.exact.log_evidence(model.y),
        },
    }


def _sample(options: Sample, console: Console) -> int:
    model = _model_with_data(options)
    if options.out.exists():
        raise ValueError(f"`out` {options.out} is there already; choose another with --out, or remove it.")
    if not options.out.resolve().parent.is_dir():
        raise ValueError(f"`out` must be in a folder that exists, got {options.out}; make {options.out.parent} first.")
    try:
        tempfile.TemporaryFile(dir=options.out.resolve().parent).close()  # better now than after the sampling
    except OSError as error:  # which names the file that was tried
        raise ValueError(
            f"`out` {options.out} cannot be written: {error.strerror}; choose another with --out."
        ) from error
    from bayes.sampling import inference  # after the options are read: PyMC takes seconds to import

    fewest = inference.FEWEST_PARTICLES if options.engine == "smc" else 1
    for name, least in {"draws": fewest, "chains": 1, "seed": 0}.items():
        whole_number(name, getattr(options, name), f" from {least} to 2^63 - 1", least, inference.MOST_SEED)
    console.print(f"{options.engine} on {model.name}: {options.chains} x {options.draws} (compiling takes seconds)")
    with console.status("sampling"):
        if options.engine == "smc":
            tree = inference.smc(model.program(), seed=options.seed, runs=options.chains, draws=options.draws)
        else:
            tree = inference.nuts(
                model.program(), seed=options.seed, draws=options.draws, chains=options.chains, engine=options.engine
            )
    with written_whole(options.out) as partial:
        tree.to_netcdf(partial)
    print(options.out)
    return 0


def _check(options: CheckDraws) -> int:
    if options.file == options.data == STANDARD_INPUT:
        raise ValueError("`data` and the draws are both -: one of them must be a file.")
    model = _model_with_data(options)
    exact, y = model.exact, model.y
    rename = dict(_renaming(text, list(model.variables)) for text in options.var)
    from bayes._check import check  # after the options are read: ArviZ takes a second to import
    from bayes.io.draws import is_smc
    from bayes.io.draws_file import load_draws

    with _file(options.file) as path:
        draws = load_draws(path, model.variables, rename)
    if is_smc(draws):
        checks = check(None, exact, y, evidence=draws, evidence_law=options.evidence_law, alpha=options.alpha)
    else:
        checks = check(draws, exact, y, alpha=options.alpha)
    if options.json:
        about = {
            "file": str(options.file),
            "model": model.name,
            "hyperparameters": {
                name: np.asarray(getattr(exact, name)).tolist() for name in _hyperparameter_texts(options)
            },
            "observations": len(y),
        }
        print(json.dumps(about | _to_json(checks), indent=2))
    else:
        print(checks)
    return EXIT_CODES[checks.verdict]


def _renaming(text: str, names: list[str]) -> tuple[str, str]:
    """Return the name in the file and the name of the model that an option --var gives."""
    name_in_file, _, name = text.partition("=")
    if not name_in_file or name not in names:
        raise ValueError(f"`var` must be YOURS=MODEL with a variable of the model, {', '.join(names)}, got {text!r}.")
    return name_in_file, name


def _to_json(checks: Checks) -> dict[str, Any]:
    rows = [_with_nulls(row) for row in checks.rows()]
    return {"verdict": checks.verdict, "alpha": checks.alpha, "checks": rows, "notes": list(checks.notes)}


def _with_nulls(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with None for numbers that JSON does not have."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def _export(options: Export) -> int:
    from bayes.io import stan

    model = _model_with_data(options)
    text = (
        stan.code(model.name).rstrip("\n") if options.format == "stan" else json.dumps(stan.data(model.exact, model.y))
    )
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(command_line.run(main))
