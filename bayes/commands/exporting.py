"""The command ``export``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from bayes.commands.inputs import model_with_data


@dataclass(frozen=True, kw_only=True)
class Export:
    """Print a model as Stan code, or its data and hyperparameters as JSON, for CmdStan and similar tools.

    Exit code: 0 if the model is printed, 2 for bad usage or a file that cannot be read.
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """Name of the model, as `models` lists it."""
    format: Literal["stan", "json"] = "stan"
    """stan: the program; json: its data and hyperparameters."""
    data: Path | None = None
    """Your observations: a CSV file, or - for standard input. If left out: those of the example."""


def run(options: Export) -> tuple[str, int]:
    """Return the program, or its data."""
    from bayes.io import stan

    model = model_with_data(options)
    if options.format == "json":
        return json.dumps(stan.data(model.exact, model.y)), 0
    return stan.code(model.name).rstrip("\n"), 0
