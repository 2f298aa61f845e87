"""Common behaviour of all command lines: the version, errors in one line, and a silent end if the reader has gone."""

import io
import os
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from importlib.metadata import version
from pathlib import Path

from closedform.extras import EXTRAS

MESSAGES = {
    r"^Error parsing (\S+): could not convert string to float: (.*)": r"\1 must be a number, got \2",
    r"^Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)": r"\1 must be a whole number, got \2",
    r" in python[\w .-]* --help": "",  # the hint after an unknown command
    r"^Missing from [\w .-]*: (.*)": r"missing: \1",
}
"""Patterns of messages by tyro and Python -> our messages."""
HELP_TEXT = " " * 8
"""Beginning of a line in a box that describes an option."""
CLOSED_PIPE = 141
"""Exit code if the reader closes the pipe, as `| head` does. It is that of a command that SIGPIPE ends."""


def run(main: Callable[[list[str]], int]) -> int:
    """Run a command line with the arguments of this process, and return the exit code.

    If a package is not installed, a message in one line says which extra of closedform has it. Characters that the
    encoding of the output lacks are escaped, such as those of a file name that is not UTF-8.
    """
    if sys.stderr is None:  # after `2>&-`
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the process ends)
    if sys.stdout is None:  # after `>&-`
        sys.stderr.write("error: the standard output is closed; leave it open, or send it to /dev/null.\n")
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if "--version" in sys.argv[1:]:
        sys.stdout.write(f"closedform {version('closedform')}\n")
        return 0
    try:
        try:
            return main(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        extra = f"closedform[{EXTRAS[package]}]"
        sys.stderr.write(f"error: this command needs {package}, which is not installed; pip install '{extra}'.\n")
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains at its end
        return CLOSED_PIPE


def parsed[T](parse: Callable[[], T], help_command: str) -> T:
    """Return the options from a parser; raise ValueError, in one line, where the parser would draw a box and exit.

    ``help_command`` is the command that shows the options.
    """
    written = io.StringIO()
    try:
        with redirect_stderr(written):
            options = parse()
    except SystemExit as end:
        if end.code != 2:
            raise
        raise ValueError(f"{in_one_line(written.getvalue())}; see `{help_command}`.") from None
    sys.stderr.write(written.getvalue())
    return options


def in_one_line(box: str) -> str:
    """Return the message in a box of tyro, without the frame, the help texts of options and the hint for help."""
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).removeprefix("│ ") for line in box.splitlines()[1:]]
    lines = [line.strip("│ ") for line in plain if not line.startswith(HELP_TEXT)]
    parts = "\n".join(line for line in lines if not line.startswith("╰")).replace("─", "-")  # by the terminal either
    sections = [" ".join(part.split()) for part in re.split(r"(?m)^-{3,}$", parts)]
    messages = [
        part.rstrip(". ")
        for part in sections
        if part and not part.startswith(("Argument helptext", "For full helptext"))
    ]
    text = "; ".join(messages)
    for pattern, message in MESSAGES.items():
        text = re.sub(pattern, message, text)
    return text
