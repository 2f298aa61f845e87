"""``load_draws``: from files of draws in any format to ``Draws``."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from pathlib import Path

from bayes.exact.distribution import element_name
from bayes.io.draws import Draws, is_smc
from bayes.io.element_names import gathered
from bayes.io.readers import arviz_file, cmdstan, csv_file, emcee_file, numpy_file, parquet_file, posteriordb
from bayes.io.readers.compressed import ZIP, opened
from bayes.io.readers.contents import Contents, Wanted, first_bytes
from bayes.io.transforms import Target, inverted, parsed_target

NETCDF_NAMES = {".nc", ".nc4", ".netcdf", ".cdf", ".h5", ".hdf5"}
ZARR_FILES = ("zarr.json", ".zgroup", ".zmetadata")
type Reader = Callable[[Path, str, Wanted], Contents]
READERS: dict[bytes, Reader] = {
    **dict.fromkeys(arviz_file.NETCDF, arviz_file.read),
    b"PAR1": parquet_file.read,
    ZIP: numpy_file.read,
}
"""The first bytes of a file -> the reader of its format."""
CSV_NAMES = ("*.csv", "*.csv.gz", "*.csv.bz2")


def load_draws(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    names: Iterable[str],
    rename: Mapping[str, str] | None = None,
    *,
    trim: bool = False,
    log_likelihood: bool = False,
) -> Draws:
    """Read the variables ``names`` from a file of draws, or from several files with one chain in each.

    The format is found from the content, not from the name. Every format may be compressed by gzip or bzip2, or be
    alone in a zip file. Nothing is unpickled. From files of ArviZ and NumPy, only the named variables are read.

    ==================  ===============================================================================================
    ArviZ               netCDF file, Zarr folder or its zip file, of ArviZ 0.x too: group ``posterior``, dimensions
                        (chain, draw, ...), and ``sample_stats`` where there is one
    CSV, Parquet        columns ``chain`` and ``draw`` (also ``.chain``, ``chain__``, ...) and one for each scalar;
                        Parquet needs ``closedform[parquet]``
    CmdStan             its own CSV files, one a chain: several paths, a pattern such as ``"run-*.csv"``, or a folder;
                        warm-up that was saved is left out
    NumPy               ``numpy.savez(file, mu=..., theta=...)``, arrays (chain, draw, ...)
    posteriordb         JSON of reference draws
    emcee               its HDF5 backend: walkers are chains, parameters are numbered, ``rename={"0": "mu"}``. Steps of
                        burn-in are draws like others: give a backend that was reset after them
    ==================  ===============================================================================================

    The elements of a vector are in an array, or have names of their own: ``beta[0]``, ``beta[1]`` (from 0 or from 1),
    ``beta.1``, or with labels ``theta[Choate]``, in the order of the file. Tables show the labels.

    Parameters
    ----------
    path
        The file, folder or pattern, or several files of CmdStan.
    names
        Names of the model's variables, without indices.
    rename
        Name in the file -> its meaning in the model: a variable, ``{"height": "mu"}``, an element, ``{"slope":
        "beta[1]"}``, or a transform of one of these, ``{"sigma": "sqrt(sigma2)"}`` (``bayes.io.transforms``). A square
        is allowed only for a variable that cannot be negative, because its root is taken as 0 or more.
    trim
        Cut chains of different lengths to the shortest chain, and accept an unfinished run of CmdStan.
    log_likelihood
        Read also the group ``log_likelihood`` of ArviZ's files, if there is one, for ``bayes.check_loo``.

    Raises
    ------
    ValueError
        If a file does not exist, is empty, damaged, of another kind or too large, or needs pickle. If it lacks a
        variable, unless it has evidence runs of SMC, which can be judged alone. If a draw is not a possible value of
        its transform. The message is one line.
    """
    targets = {name: parsed_target(text) for name, text in (rename or {}).items()}
    elements = [target.element for target in targets.values()]
    wholes = {name for name, index in elements if not index}
    if len(set(elements)) < len(elements) or any(index and name in wholes for name, index in elements):
        pairs = ", ".join("=".join(pair) for pair in (rename or {}).items())
        raise ValueError(f"`var` must give a variable of the model once, got {pairs}.")
    renamed = {name for name, _ in elements}
    others = [name for name in names if name not in renamed]
    with ExitStack() as stack:
        draws, names_in_file = _read(_expanded(path), Wanted([*targets, *others], trim, log_likelihood), stack)
    for name in [*targets, *others]:
        if name not in draws.posterior and (name in targets or not is_smc(draws)):
            model_name = element_name(targets[name].element) if name in targets else name
            raise ValueError(
                f"{draws.source} has no {name!r}, only {', '.join(names_in_file)[:200]}; if it has another name "
                f"there, say --var NAME={model_name}."
            )
    return _renamed(draws, targets)


def _renamed(draws: Draws, targets: Mapping[str, Target]) -> Draws:
    """Return draws of the model's variables from draws of the variables in the file."""
    columns = {
        element_name(target.element): inverted(name, draws.posterior[name], target.functions, draws.source)
        for name, target in targets.items()
    }
    posterior = {name: theta for name, theta in draws.posterior.items() if name not in targets}
    labels = {name: axes for name, axes in draws.labels.items() if name not in targets}
    labels |= {target.element[0]: draws.labels.get(name, ()) for name, target in targets.items()}
    for name in dict.fromkeys(target.element[0] for target in targets.values()):
        if found := gathered(name, columns, columns.__getitem__, "`var`"):
            posterior[name] = found[0]
    return replace(draws, posterior=posterior, labels=labels)


def _expanded(path: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[Path]:
    """Return the files that a path, a pattern or a folder means. A Zarr folder counts as one file."""
    if isinstance(path, Sequence) and not isinstance(path, str):
        if not path:
            raise ValueError("no file of draws is given; name one, or several of CmdStan.")
        return [file for entry in path for file in _expanded(entry)]
    path = Path(path)
    if path.is_dir() and not any(os.path.lexists(path / name) for name in ZARR_FILES):
        if files := sorted(file for pattern in CSV_NAMES for file in path.glob(pattern)):
            return files
        raise ValueError(f"folder {str(path)!r} has no draws: it is no Zarr folder, and has no CSV file of CmdStan.")
    if path.exists():
        return [path]
    if files := sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))):
        return files
    raise ValueError(f"file {str(path)!r} does not exist.")


def _read(paths: Sequence[Path], wanted: Wanted, stack: ExitStack) -> Contents:
    """Read one file, or several files of CmdStan."""
    labels = [repr(str(path)) for path in paths]
    for path, label in zip(paths, labels, strict=True):
        if path.is_file() and path.stat().st_size == 0:
            raise ValueError(f"file {label} is empty; the sampler that wrote it may not have ended.")
    contents = [stack.enter_context(opened(path, label)) for path, label in zip(paths, labels, strict=True)]
    is_chain = [
        _reader(path) is csv_file.read and cmdstan.is_chain(path, label)
        for path, label in zip(contents, labels, strict=True)
    ]
    if all(is_chain):
        return cmdstan.read(contents, labels, wanted)
    if len(paths) > 1:
        other = labels[is_chain.index(False)]
        raise ValueError(
            f"several files must be CSV files as CmdStan writes them, one a chain, and {other} is none; give one file "
            "of draws."
        )
    return _reader(contents[0])(contents[0], labels[0], wanted)


def _reader(path: Path) -> Reader:
    """Return the reader of a file by its first bytes, if the file is not CmdStan's."""
    if path.is_dir():
        return arviz_file.read
    start = first_bytes(path, 64)
    for mark, reader in READERS.items():
        if start.startswith(mark):
            return emcee_file.read if reader is arviz_file.read and emcee_file.is_backend(path) else reader
    if path.suffix.lower() in NETCDF_NAMES:  # a damaged netCDF file
        return arviz_file.read
    return posteriordb.read if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{") else csv_file.read
