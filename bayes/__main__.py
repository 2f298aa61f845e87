"""List and sample the models with exact answers, and check your draws against them.

    python -m bayes models                            list the models
    python -m bayes sample MODEL --out draws.nc       sample a model by NUTS or SMC, into a file for ArviZ
    python -m bayes check draws.nc --model MODEL      check draws of any sampler against the exact answer
    python -m bayes calibrate MODEL --engine numpyro  run NUTS on a thousand simulated data sets, and judge it
    python -m bayes evidence MODEL --method bridge    estimate the evidence, and hold its claimed error to the truth
    python -m bayes export MODEL --format stan        print the model for CmdStan; --format json: its data
    python -m bayes posteriordb PATH [NAME ...]       hold posteriordb's draws, or yours, to the exact posteriors

`sample`, `check` and `export` take your data and your hyperparameters. `check --model MODEL --help` lists the
hyperparameters of a model. The file - is the standard input.

Exit code: 0 if all is well, and for `check`, `calibrate` and `evidence` if every check passes. 1 if a check fails, 3 if
none fails but one is inconclusive, 2 for bad usage or a file that cannot be read or written, 130 after Ctrl-C.
"""

import sys

from bayes.commands import calibrating, checking, evidence, exporting, listing, parsing, posteriordb, sampling
from closedform import command_line

COMMANDS = parsing.COMMANDS


def main(arguments: list[str], prog: str = "python -m bayes") -> int:
    """Run the command line of the program ``prog`` and return the exit code."""
    try:
        options = parsing.parsed(arguments, prog, __doc__)
        match options:
            case sampling.Sample():
                text, code = sampling.run(options)
            case checking.CheckDraws():
                text, code = checking.run(options)
            case calibrating.Calibrate():
                text, code = calibrating.run(options)
            case evidence.EstimateEvidence():
                text, code = evidence.run(options)
            case exporting.Export():
                text, code = exporting.run(options)
            case posteriordb.Posteriordb():
                text, code = posteriordb.run(options)
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
    except KeyboardInterrupt as interrupt:
        return _ended(f"interrupted: {str(interrupt) or 'nothing was written'}", 130)


def _ended(message: str, code: int) -> int:
    """Print in red why the command ended, and return the exit code."""
    from rich.console import Console  # a command that ends well does not need it

    Console(stderr=True, highlight=False, soft_wrap=True).print(message, style="red", markup=False)
    return code


if __name__ == "__main__":
    sys.exit(command_line.run(main))
