"""Saved draws: an ArviZ netCDF file or Zarr folder, of ArviZ 0.x too, or a CSV file.

Nothing is unpickled, and of large files only the variables asked for are read.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from bayes.io._draws_csv import LARGEST, from_csv
from bayes.io.draws import EVIDENCE, Draws, is_smc, variable_names
from closedform.reasons import one_line

STATISTICS = ("diverging", *EVIDENCE)
NETCDF = (b"\x89HDF", b"CDF")
"""First bytes of a netCDF file: of version 4, and of the classic format."""
NETCDF_NAMES = {".nc", ".nc4", ".netcdf", ".cdf", ".h5", ".hdf5"}


def load_draws(path: Path, names: Iterable[str], rename: dict[str, str] | None = None) -> Draws:
    """Read the variables ``names`` from a file of draws.

    Parameters
    ----------
    path
        A netCDF file or Zarr folder with group ``posterior``, with dimensions (chain, draw, ...), and where there is
        one ``sample_stats``; or a CSV file with the columns ``chain`` and ``draw`` (also ``.chain``, ``chain__``, ...)
        and one for each scalar: ``mu``, ``beta[0]``, ``beta[1]``, or as Stan has it ``beta.1``, ``beta.2``.
    names
        Names of the variables, without indices, as the model has them.
    rename
        Name in the file -> name of the model, where they differ.

    Raises
    ------
    ValueError
        If the file is not there, empty, damaged, of another kind, too large, asks for pickle, or lacks a variable (but
        not if it has evidence runs of SMC, which are judged by themselves); in one line.
    """
    name_map = dict(rename or {})
    if len(set(name_map.values())) < len(name_map):
        raise ValueError(
            f"`var` must give a variable of the model once, got {', '.join(map('='.join, name_map.items()))}."
        )
    name_map |= {name: name for name in names if name not in name_map.values()}
    label = repr(str(path))
    if not path.exists():
        raise ValueError(f"file {label} does not exist.")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"file {label} is empty; the sampler that wrote it may not have ended.")
    draws, names_in_file = (_from_groups if _has_groups(path) else from_csv)(path, name_map)
    evidence = is_smc(draws)
    loaded_names = variable_names(draws)
    for name_in_file, name in name_map.items():
        if name not in loaded_names and (name_in_file in (rename or {}) or not evidence):
            raise ValueError(
                f"file {label} has no {name_in_file!r}, only {', '.join(names_in_file)[:200]}; if it has another name "
                f"there, say --var NAME={name}."
            )
    return draws


def _has_groups(path: Path) -> bool:
    """Return whether it is a Zarr folder or a netCDF file, whatever its name, or has the name of one."""
    if path.is_dir():
        return True
    with path.open("rb") as file:
        return file.read(4).startswith(NETCDF) or path.suffix.lower() in NETCDF_NAMES


def _from_groups(path: Path, name_map: dict[str, str]) -> tuple[xr.DataTree, list[str]]:
    """Read a netCDF file or a Zarr folder; return the variables in ``name_map`` and the names of all."""
    label = repr(str(path))
    try:
        with _open(path) as tree:
            groups = {name: group.dataset for name, group in tree.children.items()}
            if {"chain", "draw"} <= set(tree.dataset.dims):  # one group, saved by itself
                groups["posterior"] = tree.dataset
            if "posterior" not in groups:
                group_names = ", ".join(sorted(groups)) or "no group"
                raise ValueError(
                    f"file {label} has no group `posterior`, but {group_names}; save what ArviZ calls posterior."
                )
            names_in_file = [str(name) for name in groups["posterior"].data_vars]
            contents = {"posterior": _load(groups["posterior"], name_map, label)}
            if "sample_stats" in groups:
                contents["sample_stats"] = _load(
                    groups["sample_stats"], dict(zip(STATISTICS, STATISTICS, strict=True)), label
                )
    except ValueError as error:
        if str(error).startswith(("file ", "folder ")):
            raise
        raise _unreadable(path, error) from error
    except Exception as error:  # whatever a damaged file makes of the libraries that read it
        raise _unreadable(path, error) from error
    return xr.DataTree.from_dict(contents), names_in_file


@contextmanager
def _open(path: Path) -> Iterator[xr.DataTree]:
    """Open a Zarr folder or a netCDF file, of the classic format too, which has no groups."""
    if path.is_dir():
        _refuse_pickle(path)
    elif _begins_with(path, b"CDF"):
        with xr.open_dataset(path, engine="scipy", create_default_indexes=False) as dataset:
            yield xr.DataTree(dataset)
        return
    engine = "zarr" if path.is_dir() else "h5netcdf"
    with xr.open_datatree(path, engine=engine, create_default_indexes=False) as tree:  # they would read all of `draw`
        yield tree


def _begins_with(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _load(dataset: xr.Dataset, name_map: dict[str, str], label: str) -> xr.Dataset:
    """Read the variables in ``name_map`` of a group, under the names of the model."""
    names = [name for name in name_map if name in dataset.data_vars]
    for name in names:
        if dataset[name].nbytes > LARGEST:
            raise ValueError(
                f"file {label} has {dataset[name].nbytes / 2**30:.1f} GiB of {name!r}, more than "
                f"{LARGEST / 2**30:.0f}; thin the draws."
            )
    selection = dataset[names].reset_coords(drop=True)
    return selection.load().rename({name: name_map[name] for name in names}).drop_attrs()


def _refuse_pickle(folder: Path) -> None:
    """Raise ValueError if a Zarr folder names pickle among its codecs: to read it would be to run what it holds."""
    for name in (".zarray", ".zmetadata", "zarr.json"):
        for file in folder.rglob(name):
            if '"pickle"' in file.read_text(encoding="utf-8", errors="replace"):
                raise ValueError(
                    f"folder {str(folder)!r} holds pickled objects, which are not read: save plain numbers."
                )


def _unreadable(path: Path, error: Exception) -> ValueError:
    kind = "Zarr folder" if path.is_dir() else "netCDF file"
    reason = one_line(error, 300)
    if not path.is_dir() and not _begins_with(path, NETCDF[0]) and not _begins_with(path, NETCDF[1]):
        reason = "it does not begin as one"
    return ValueError(
        f"file {str(path)!r} cannot be read as a {kind} ({reason}); it must be an ArviZ netCDF file, a Zarr folder, or "
        "a CSV file named .csv."
    )
