"""The command ``sample``."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from bayes.commands.inputs import model_with_data
from closedform.files import written_whole
from closedform.validation import whole_number


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Sample a model, with its example or your data, and save the draws as netCDF, or the evidence runs with smc.

    Exit code: 0 if the file is saved, 2 for bad usage or a file that cannot be read or written, 130 after Ctrl-C.
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """Name of the model, as `models` lists it."""
    engine: Literal["nutpie", "pymc", "numpyro", "blackjax", "smc"] = "nutpie"
    """Implementation of NUTS, or smc for sequential Monte Carlo."""
    data: Path | None = None
    """Your observations: a CSV file, or - for standard input. If left out: those of the example."""
    out: Path = Path("draws.nc")
    """File to write; it must not exist yet."""
    draws: int = 1000
    """Draws in each chain, or particles in each run of smc."""
    chains: int = 4
    """Number of independent chains, or of runs of smc. A verdict on the evidence needs 8 runs."""
    seed: int = 0
    """Seed of everything random."""


def run(options: Sample) -> tuple[str, int]:
    """Sample the model and return the name of the file; the progress is shown on the standard error."""
    model = model_with_data(options)
    if options.out.exists():
        raise ValueError(f"`out` {options.out} is there already; choose another with --out, or remove it.")
    if not options.out.resolve().parent.is_dir():
        raise ValueError(f"`out` must be in a folder that exists, got {options.out}; make {options.out.parent} first.")
    try:
        tempfile.TemporaryFile(dir=options.out.resolve().parent).close()  # fails now rather than after the sampling
    except OSError as error:  # its message has the name of the temporary file
        raise ValueError(
            f"`out` {options.out} cannot be written: {error.strerror}; choose another with --out."
        ) from error
    from rich.console import Console

    from bayes.sampling import inference  # after the options are read: PyMC takes seconds to import

    fewest = inference.FEWEST_PARTICLES if options.engine == "smc" else 1
    for name, least in {"draws": fewest, "chains": 1, "seed": 0}.items():
        whole_number(name, getattr(options, name), f" from {least} to 2^63 - 1", least, inference.MOST_SEED)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"{options.engine} on {model.name}: {options.chains} x {options.draws} (compiling takes seconds)")
    with console.status("sampling"):
        if options.engine == "smc":
            tree = inference.smc(model.program(), seed=options.seed, runs=options.chains, draws=options.draws)
        else:
            tree = inference.nuts(
                model.program(), seed=options.seed, draws=options.draws, chains=options.chains, engine=options.engine
            )
    with written_whole(options.out) as partial:
        tree.to_netcdf(partial)
    return str(options.out), 0
