"""Check samplers against exact answers, train classifiers, and make the report pages.

`closedform check draws.nc --model MODEL` checks draws of any sampler against the exact answer of a model. `closedform
train` trains a classifier. `closedform report` makes the report pages. `closedform COMMAND --help` shows the options of
a command, and `closedform --tyro-write-completion bash FILE` writes completions for a shell. Every command is also one
of `python -m bayes`, `python -m nets` or `python -m reports`, with the same name and the same exit codes.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Literal

import tyro

from closedform import command_line
from closedform.reasons import of_file
from closedform.validation import nearest

PROG = "closedform"
PACKAGES = {
    **dict.fromkeys(["models", "sample", "check", "calibrate", "evidence", "export", "posteriordb"], "bayes"),
    **dict.fromkeys(["train", "runs", "evaluate", "predict", "export-run", "prepare"], "nets"),
}
"""Name of a command -> the package that has it."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Make report pages in build/report; `report PAGE --help` shows the options of a page."""

    page: Annotated[
        Literal[
            "all",
            "normal-normal",
            "models",
            "samplers",
            "calibration",
            "approximations",
            "gradients",
            "classifiers",
            "posteriordb",
        ],
        tyro.conf.Positional,
    ] = "all"
    """The page, or all pages."""


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    name, *rest = arguments or [""]
    if name == "report":
        return import_module("reports.__main__").main(rest, prog=f"{PROG} report")
    if name in PACKAGES:
        return import_module(f"{PACKAGES[name]}.__main__").main(arguments, prog=PROG)
    if name and not name.startswith("-"):
        names = [*PACKAGES, "report"]
        message = f"the command must be one of {', '.join(names)}, got {name!r}{nearest(name, names)}"
        sys.stderr.write(f"error: {message}\n")
        return 2
    commands = {
        command: import_module(f"{package}.__main__").COMMANDS[command] for command, package in PACKAGES.items()
    }
    try:  # help, completion, or no command
        command_line.parsed(
            lambda: tyro.extras.subcommand_cli_from_dict(
                {**commands, "report": Report}, prog=PROG, description=__doc__, args=arguments
            ),
            f"{PROG} --help",
        )
    except (ValueError, AssertionError) as error:  # tyro asserts that the shell is one it knows
        sys.stderr.write(f"error: {error}\n")
    except OSError as error:
        sys.stderr.write(f"error: {of_file(error)}\n")
    return 2


def run() -> None:
    """Run the console script."""
    sys.path.append("")  # the current folder, as `python -m` has it: `--model my_networks:SmallNet` is found there
    sys.exit(command_line.run(main))


if __name__ == "__main__":
    run()
