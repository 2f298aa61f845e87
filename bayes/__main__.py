"""Models that are known exactly: what there are, and draws of them by a sampler.

`python -m bayes models` lists them; `python -m bayes sample MODEL --out draws.nc` runs one on its example data and
saves the draws as netCDF, which `arviz.from_netcdf` reads. Exit code: 0 if all is well, 2 for bad usage or a file that
cannot be written, 130 after Ctrl-C.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.text import Text

from bayes.models import NAMES, model, scalars


@dataclass(frozen=True, kw_only=True)
class Models:
    """List the models: their equations, the example with its exact posterior and evidence, and references."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Run one model on its example data and save the draws, or for smc the evidence runs, as netCDF."""

    model: Annotated[str, tyro.conf.Positional]
    """Name of the model, as `models` lists it."""
    engine: Literal["nutpie", "pymc", "numpyro", "blackjax", "smc"] = "nutpie"
    """Implementation of NUTS, or smc for sequential Monte Carlo."""
    out: Path = Path("draws.nc")
    """File to write; it must not be there yet."""
    draws: int = 1000
    """Draws a chain, or particles a run of smc."""
    chains: int = 4
    """Independent chains, or runs of smc, of which a verdict needs 8."""
    seed: int = 0
    """Seed of everything random."""


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        options = tyro.extras.subcommand_cli_from_dict(
            {"models": Models, "sample": Sample}, prog="python -m bayes", description=__doc__, args=arguments
        )
        return _sample(options, console) if isinstance(options, Sample) else _models()
    except ValueError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    except OSError as error:
        console.print(f"error: `out` {error.filename or ''} cannot be written: {error.strerror or error}", style="red")
        return 2
    except KeyboardInterrupt:
        console.print("interrupted: nothing was written", style="red")
        return 130


def _models() -> int:
    console = Console(highlight=False, soft_wrap=True)
    for name in NAMES:
        one = model(name)
        console.print(Text(name, style="bold"), Text(f"- {one.title}"))
        console.print(Text(f"\n{one.equations}\n"))
        console.print(Text(f"    example: {one.source}; log evidence {one.exact.log_evidence(one.y):.4f} nats"))
        for scalar, marginal in scalars(one.exact, one.y).items():
            console.print(Text(f"      {scalar}: mean {marginal.mean():.4g}, sd {marginal.std():.4g}"))
        console.print(Text(f"    {one.references}\n"))
    return 0


def _sample(options: Sample, console: Console) -> int:
    one = model(options.model)
    if options.out.exists():
        raise ValueError(f"`out` {options.out} is there already; choose another with --out, or remove it.")
    if not options.out.resolve().parent.is_dir():
        raise ValueError(f"`out` must be in a folder that exists, got {options.out}; make {options.out.parent} first.")
    from bayes import inference  # after the options are read: PyMC takes seconds to import

    console.print(f"{options.engine} on {one.name}: {options.chains} x {options.draws} (compiling takes seconds)")
    with console.status("sampling"):
        if options.engine == "smc":
            tree = inference.smc(one.program(), seed=options.seed, runs=options.chains, draws=options.draws)
        else:
            tree = inference.nuts(
                one.program(), seed=options.seed, draws=options.draws, chains=options.chains, engine=options.engine
            )
    partial = options.out.with_name(f".{options.out.name}.partial.nc")
    try:
        tree.to_netcdf(partial)
        partial.replace(options.out)
    finally:
        partial.unlink(missing_ok=True)
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
