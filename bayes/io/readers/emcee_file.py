"""The HDF5 backend of emcee: ``mcmc/chain`` of shape (step, walker, parameter), with parameters numbered from 0."""

from pathlib import Path
from typing import Any

from bayes.io.draws import Draws
from bayes.io.readers.contents import LARGEST, Contents, Wanted
from closedform.reasons import one_line


def is_backend(path: Path) -> bool:
    """Return whether an HDF5 file has runs of emcee. A damaged file has none."""
    import h5py  # here: text files do not need it

    try:
        with h5py.File(path) as file:
            return bool(_runs(file))
    except Exception:  # damaged files raise many types of errors
        return False


def read(path: Path, label: str, wanted: Wanted) -> Contents:
    """Read the wanted parameters, ``"0"``, ``"1"``, ... Each walker is a chain."""
    import h5py

    try:
        with h5py.File(path) as file:
            runs = _runs(file)
            if len(runs) > 1:
                raise ValueError(f"file {label} has several runs of emcee, {', '.join(runs)}; save one by itself.")
            run = file[runs[0]]
            chain = run["chain"]
            if chain.size * 8 > LARGEST:
                raise ValueError(f"file {label} has more than {LARGEST / 2**30:.0f} GiB of draws; thin them.")
            steps = int(run.attrs.get("iteration", len(chain)))
            draws = chain[:steps].transpose(2, 1, 0)  # (parameter, walker, step)
    except Exception as error:  # damaged files raise many types of errors
        if str(error).startswith("file "):
            raise
        raise ValueError(f"file {label} cannot be read as one of emcee ({one_line(error, 200)}).") from error
    names = [str(i) for i in range(len(draws))]
    posterior = {name: draws[int(name)] for name in wanted.names if name in names}
    return Contents(Draws(posterior=posterior, source=f"file {label}"), names)


def _runs(file: Any) -> list[str]:
    """Return the names of the groups that emcee wrote."""
    return [name for name, group in file.items() if {"nwalkers", "ndim"} <= set(group.attrs) and "chain" in group]
