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

import sys

from bayes.commands import checking, exporting, listing, parsing, sampling
from closedform import command_line

COMMANDS = parsing.COMMANDS


def main(arguments: list[str], prog: str = "python -m bayes") -> int:
    """Run the command line, of the program ``prog``, and return the exit code."""
    try:
        options = parsing.parsed(arguments, prog, __doc__)
        match options:
            case sampling.Sample():
                text, code = sampling.run(options)
            case checking.CheckDraws():
                text, code = checking.run(options)
            case exporting.Export():
                text, code = exporting.run(options)
            case listing.ListModels():
                text, code = listing.run(options)
        print(text)
        return code
    except ValueError as error:
        return _ended(f"error: {error}", 2)
    except BrokenPipeError:
        raise
    except OSError as error:
        what = f"`out` {error.filename}" if error.filename else "the output"
        return _ended(f"error: {what} cannot be written: {error.strerror or error}", 2)
    except KeyboardInterrupt:
        return _ended("interrupted: nothing was written", 130)


def _ended(message: str, code: int) -> int:
    """Say in red why the command ended, and return the exit code."""
    from rich.console import Console  # which a command that ends well does not need

    Console(stderr=True, highlight=False, soft_wrap=True).print(message, style="red", markup=False)
    return code


if __name__ == "__main__":
    sys.exit(command_line.run(main))
