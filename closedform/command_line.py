"""What every command line does: it says its version, and ends silently where its reader has gone."""

import os
import sys
from collections.abc import Callable
from importlib.metadata import version

CLOSED_PIPE = 141
"""Exit code of a command whose reader closed the pipe, as `| head` does: that of one which SIGPIPE ends."""


def run(main: Callable[[list[str]], int]) -> int:
    """Run a command line with the arguments of this process, and return the exit code."""
    if "--version" in sys.argv[1:]:
        sys.stdout.write(f"closedform {version('closedform')}\n")
        return 0
    try:
        try:
            return main(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it ends
        return CLOSED_PIPE
