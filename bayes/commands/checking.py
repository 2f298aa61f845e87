"""The command ``check``."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from bayes.commands.inputs import STANDARD_INPUT, hyperparameter_texts, model_with_data, readable, renamings
from bayes.commands.listing import with_nulls
from bayes.io import hyperparameters
from bayes.registry import Model
from closedform.multiple_testing import ALPHA
from closedform.verdict import EXIT_CODES

if TYPE_CHECKING:
    from bayes.checking.leave_one_out import LeaveOneOut
    from bayes.checking.results import Checks


@dataclass(frozen=True, kw_only=True)
class CheckDraws:
    """Check draws of any sampler against the exact posterior, or runs of SMC against the exact evidence.

    Every hyperparameter of the model is an option too, such as --prior-sd 2 or --prior-mean "[0, 1]". Its default is
    the value of the example. `--model MODEL --help` lists the hyperparameters of a model.

    Exit code: 0 if every check passes, 1 if one fails, 3 if none fails but one is inconclusive, 2 for bad usage or a
    file that cannot be read.
    """

    file: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE", help_behavior_hint="(required)")
    ]
    """File of draws: ArviZ's netCDF or Zarr; CSV or Parquet with the columns chain, draw and one for each scalar;
    CmdStan's CSV files, one for each chain, or their folder; .npz; posteriordb's JSON; emcee's HDF5. A file may be
    compressed by gzip, bzip2 or zip. The file - is the standard input."""
    model: str
    """Name of the model, as `models` lists it."""
    data: Path | None = None
    """The observations that the sampler was given: a CSV file, or - for standard input. If left out: the example's."""
    var: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """YOURS=MODEL if a variable has another name in your file, such as theta=mu or slope=beta[1], or 0=mu for emcee. If
    your variable is a transform, write sigma=sqrt(sigma2), with exp, log, sqrt, square, reciprocal, logit or inv_logit.
    Repeat the option for several variables."""
    trim: bool = False
    """Cut chains of different lengths to the shortest one; in ArviZ's files, chains that end in nan."""
    evidence_law: Literal["unbiased", "log_unbiased", "inverse_unbiased"] = "unbiased"
    """What evidence runs estimate without bias: Z (SMC), log Z (nested sampling with exp(-i/N)) or 1/Z (dynesty)."""
    loo: bool = False
    """Check ArviZ's PSIS-LOO instead: its value for each observation against the exact one, with Pareto k, MCSE and
    WAIC. It is computed from the group log_likelihood of ArviZ's file, or without one from the model at the draws."""
    alpha: float = ALPHA
    """Probability that a correct sampler has a failed check."""
    json: bool = False
    """Print everything as JSON, for programs."""


def run(options: CheckDraws) -> tuple[str, int]:
    """Return the table of the checks, and the exit code of the verdict."""
    if options.data == STANDARD_INPUT in options.file:
        raise ValueError("`data` and the draws are both -: one of them must be a file.")
    model = model_with_data(options)
    rename = renamings(options.var, model.variables, model)
    from bayes._check import check  # here, after the options are read: importing ArviZ takes seconds
    from bayes._check_loo import check_loo
    from bayes.io.draws import is_smc
    from bayes.io.draws_file import load_draws

    with ExitStack() as stack:
        paths = [stack.enter_context(readable(path)) for path in options.file]
        draws = load_draws(paths, model.variables, rename, trim=options.trim, log_likelihood=options.loo)
    if options.loo:
        checks = check_loo(draws, model, model.y, alpha=options.alpha)
    elif is_smc(draws):
        checks = check(None, model, model.y, evidence=draws, evidence_law=options.evidence_law, alpha=options.alpha)
    else:
        checks = check(draws, model, model.y, alpha=options.alpha)
    return _json(checks, options, model) if options.json else str(checks), EXIT_CODES[checks.verdict]


def _json(checks: "Checks | LeaveOneOut", options: CheckDraws, model: Model) -> str:
    files = [str(file) for file in options.file]
    about = {
        "file": files[0] if len(files) == 1 else files,
        "model": model.name,
        "hyperparameters": {
            name: hyperparameters.plain(getattr(model.exact, name)) for name in hyperparameter_texts(options)
        },
        "observations": len(model.y),
        "verdict": checks.verdict,
        "alpha": checks.alpha,
        "checks": [with_nulls(row) for row in checks.rows()],
        "notes": list(checks.notes),
    }
    return json.dumps(about, indent=2)
