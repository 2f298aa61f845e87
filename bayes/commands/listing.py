"""The command ``models``."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from textwrap import indent
from typing import Annotated, Any

import tyro

from bayes.io import hyperparameters
from bayes.registry import NAMES, Model, get_model


@dataclass(frozen=True, kw_only=True)
class ListModels:
    """List the models: their equations, the example with its exact posterior and evidence, and references."""

    name: Annotated[str, tyro.conf.Positional] = ""
    """A model, if only this one is to be listed."""
    json: bool = False
    """Print everything as JSON, for programs."""


def run(options: ListModels) -> tuple[str, int]:
    """Return the list of the models."""
    models = [get_model(name) for name in ([options.name] if options.name else NAMES)]
    if options.json:
        return json.dumps([_description(model) for model in models], indent=2), 0
    return "\n".join(map(_entry, models)), 0


def _entry(model: Model) -> str:
    lines = [
        f"{model.name} - {model.example.title}\n\n{indent(model.example.equations, '    ')}\n",
        f"    example: {model.source}; log evidence {model.exact.log_evidence(model.y):.4f} nats",
        *(
            f"      {scalar}: mean {marginal.mean():.4g}, sd {marginal.std():.4g}"
            for scalar, marginal in model.marginals.items()
        ),
        f"    {model.example.references}\n",
    ]
    return "\n".join(lines)


def _description(model: Model) -> dict[str, Any]:
    """Return the equations, references, hyperparameters and example of a model."""
    posterior = {
        name: {"mean": float(marginal.mean()), "sd": float(marginal.std())}
        for name, marginal in model.marginals.items()
    }
    return {
        "name": model.name,
        "title": model.example.title,
        "equations": model.example.equations,
        "references": model.example.references,
        "hyperparameters": {
            field.name: hyperparameters.plain(getattr(model.exact, field.name)) for field in fields(model.exact)
        },
        "example": {
            "source": model.source,
            "y": model.y.tolist(),
            "posterior": {name: with_nulls(moments) for name, moments in posterior.items()},
            "log_evidence": model.exact.log_evidence(model.y),
        },
    }


def with_nulls(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with None for numbers that JSON does not have."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def plain_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a table in plain text; the first column is aligned to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in [head, *body]
    ]
    return "\n".join(line.rstrip() for line in lines)
