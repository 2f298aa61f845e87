"""What every command line does: its version, refusals in one line, and a silent end where its reader has gone."""

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
    r" in python[\w .-]* --help": "",  # a command that is none
    r"^Missing from [\w .-]*: (.*)": r"missing: \1",
}
"""What tyro and Python say, as patterns -> what we say."""
HELP_TEXT = " " * 8
"""How lines of a box begin that describe an option."""
CLOSED_PIPE = 141
"""Exit code of a command whose reader closed the pipe, as `| head` does: that of one which SIGPIPE ends."""


def run(main: Callable[[list[str]], int]) -> int:
    """Run a command line with the arguments of this process, and return the exit code.

    What needs a package that is not installed says in one line which extra of closedform brings it.
    """
    if sys.stderr is None:  # as `2>&-` has it
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the process ends)
    if sys.stdout is None:  # as `>&-` has it
        sys.stderr.write("error: the standard output is closed; leave it open, or send it to /dev/null.\n")
        return 2
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it ends
        return CLOSED_PIPE


def parsed[T](parse: Callable[[], T], help_command: str) -> T:
    """Return what a parser of options makes of them; raise ValueError with one line where it draws a box and exits.

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
    """Return what a box of tyro says, without its frame, the help texts of options and the command for help."""
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
