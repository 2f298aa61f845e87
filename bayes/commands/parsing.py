"""From arguments to options: those of a command, and the hyperparameters of the model that the arguments name."""

import re
from collections.abc import Sequence
from dataclasses import Field, field, fields, make_dataclass
from typing import Annotated, Any

import tyro

from bayes.commands.calibrating import Calibrate
from bayes.commands.checking import CheckDraws
from bayes.commands.evidence import EstimateEvidence
from bayes.commands.exporting import Export
from bayes.commands.listing import ListModels
from bayes.commands.posteriordb import Posteriordb
from bayes.commands.sampling import Sample
from bayes.io import hyperparameters
from bayes.registry import NAMES, canonical, get_model
from closedform import command_line

COMMANDS = {
    "models": ListModels,
    "sample": Sample,
    "check": CheckDraws,
    "calibrate": Calibrate,
    "evidence": EstimateEvidence,
    "export": Export,
    "posteriordb": Posteriordb,
}
WITHOUT_MODEL = ("models", "calibrate", "evidence", "posteriordb")
"""Commands that do not take one model of the registry, and so no hyperparameters."""
type Options = ListModels | Sample | CheckDraws | Calibrate | EstimateEvidence | Export | Posteriordb


def parsed(arguments: list[str], prog: str, description: str | None) -> Options:
    """Return the options of the command that ``arguments`` name; raise ValueError, in one line, if they are invalid.

    The name of the model is read first, because its hyperparameters are options of the command.
    """
    _require_values(arguments)
    name, *rest = arguments or [""]
    commands: dict[str, type] = dict(COMMANDS)
    help_command = [prog, name, "--help"] if name in COMMANDS else [prog, "--help"]
    if name in COMMANDS and name not in WITHOUT_MODEL:
        model = command_line.parsed(lambda: _named_model(name, rest), " ".join(help_command))
        if model:
            commands[name] = _with_hyperparameters(COMMANDS[name], get_model(model).name)
            help_command[2:2] = ["--model", model] if name == "check" else [model]
    return command_line.parsed(
        lambda: tyro.extras.subcommand_cli_from_dict(commands, prog=prog, description=description, args=arguments),
        " ".join(help_command),
    )


def _require_values(arguments: Sequence[str]) -> None:
    """Raise ValueError if an argument or the value of an option is empty."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option = re.fullmatch(r"--([\w-]+)=", argument) or (not argument and re.fullmatch(r"--([\w-]+)", before))
        if option:
            raise ValueError(f"`{option[1]}` is empty; write --{option[1]} VALUE.")
        if not argument:
            raise ValueError("an argument is empty; leave it out, or say what it is.")


def _named_model(command: str, arguments: Sequence[str]) -> str:
    """Return the model that ``arguments`` of a command name, or an empty name if there is none.

    For ``check`` it is the value of --model. For ``sample`` and ``export`` it is the positional argument, which may
    follow hyperparameters; their values are never names of models. Raises ValueError if there are two models.
    """
    options = [_as_given(option) for option in fields(COMMANDS[command])]
    known = make_dataclass(COMMANDS[command].__name__, options, frozen=True, kw_only=True)
    found, rest = tyro.cli(known, args=arguments, return_unknown_args=True, add_help=False)
    if command == "check":
        if len(found.model) > 1:
            raise ValueError(f"`model` must be given once, got {', '.join(map(repr, found.model))}.")
        return "".join(found.model)
    models = [*found.model, *(text for text in rest if canonical(text) in NAMES)]
    if len(models) > 1:
        raise ValueError(f"`{command}` takes one model, got {', '.join(map(repr, models))}; give one of them.")
    return "".join(models)


def _as_given(option: Field[Any]) -> tuple[str, Any, Any]:
    """Return an option that takes any text, any number of times; a flag stays a flag."""
    if option.type is bool:
        return option.name, bool, field(default=option.default)
    is_positional = tyro.conf.Positional in getattr(option.type, "__metadata__", ())
    texts = Annotated[tuple[str, ...], tyro.conf.Positional if is_positional else tyro.conf.UseAppendAction]
    return option.name, texts, field(default=())


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
    about = f"Hyperparameters of {name}: each is a number, or a list of numbers in JSON.\n\n{equations}"
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
