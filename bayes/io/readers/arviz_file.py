"""Draws that ArviZ saved (also ArviZ 0.x): a netCDF file or a Zarr folder. Nothing is unpickled."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from bayes.io.draws import DIVERGING, EVIDENCE, as_draws, log_likelihoods
from bayes.io.element_names import layouts
from bayes.io.readers.contents import LARGEST, TRIM, Contents, Wanted, first_bytes
from closedform.reasons import one_line

NETCDF = (b"\x89HDF", b"CDF")
"""First bytes of a netCDF file, in version 4 and in the classic format."""


def read(path: Path, label: str, wanted: Wanted) -> Contents:
    """Read the group ``posterior``, with dimensions (chain, draw, ...), and ``sample_stats`` if there is one."""
    try:
        with _open(path, label) as tree:
            groups = {name: group.dataset for name, group in tree.children.items()}
            if {"chain", "draw"} <= set(tree.dataset.dims):  # a single group that was saved by itself
                groups["posterior"] = tree.dataset
            if "posterior" not in groups:
                group_names = ", ".join(sorted(groups)) or "no group"
                raise ValueError(
                    f"file {label} has no group `posterior`, but {group_names}; save what ArviZ calls posterior."
                )
            names = [str(name) for name in groups["posterior"].data_vars]
            places = layouts(wanted.names, names, f"file {label}")
            variables = [element for place in places.values() for element in place.names.values()]
            loaded = {"posterior": _load(groups["posterior"], variables, label)}
            if "sample_stats" in groups:
                loaded["sample_stats"] = _load(groups["sample_stats"], [DIVERGING, *EVIDENCE], label)
            if "log_likelihood" in groups and wanted.log_likelihood:
                everything = [str(name) for name in groups["log_likelihood"].data_vars]
                loaded["log_likelihood"] = _load(groups["log_likelihood"], everything, label)
            loaded = _without_padding(loaded, label, wanted.trim)
    except ValueError as error:
        if str(error).startswith(("file ", "folder ")):
            raise
        raise _unreadable(path, label, error) from error
    except Exception as error:  # damaged files raise many types of errors
        raise _unreadable(path, label, error) from error
    tree = xr.DataTree.from_dict(loaded)
    draws = replace(as_draws(tree, places), log_likelihood=log_likelihoods(tree), source=f"file {label}")
    return Contents(draws, names)


@contextmanager
def _open(path: Path, label: str) -> Iterator[xr.DataTree]:
    """Open a Zarr folder or a netCDF file, also in the classic format, which has no groups."""
    import h5py  # here: text files do not need it

    if path.is_dir():
        _refuse_pickle(path, label)
    elif first_bytes(path, 3) == b"CDF":
        with xr.open_dataset(path, engine="scipy", create_default_indexes=False) as dataset:
            yield xr.DataTree(dataset)
        return
    else:
        with h5py.File(path) as file:
            dict(file.attrs)  # if they are damaged, h5netcdf leaves a half-open file that complains at its end
    engine = "zarr" if path.is_dir() else "h5netcdf"
    with xr.open_datatree(path, engine=engine, create_default_indexes=False) as tree:  # they would read all of `draw`
        yield tree


def _load(dataset: xr.Dataset, names: Collection[str], label: str) -> xr.Dataset:
    """Read the variables ``names`` that are in a group, with the labels of their dimensions."""
    here = [name for name in names if name in dataset.data_vars]
    for name in here:
        if dataset[name].nbytes > LARGEST:
            raise ValueError(
                f"file {label} has {dataset[name].nbytes / 2**30:.1f} GiB of {name!r}, more than "
                f"{LARGEST / 2**30:.0f}; thin the draws."
            )
    selection = dataset[here]
    dims = {dim for name in here for dim in dataset[name].dims} - {"chain", "draw"}
    return selection.drop_vars([name for name in selection.coords if name not in dims]).load().drop_attrs()


def _without_padding(groups: dict[str, xr.Dataset], label: str, trim: bool) -> dict[str, xr.Dataset]:
    """Return the groups up to the end of the shortest chain: ArviZ pads shorter chains with nan at their ends."""
    posterior, stats = groups["posterior"], groups.get("sample_stats", xr.Dataset())
    if set(EVIDENCE) & set(stats.data_vars):  # particles of SMC, and stages along `draw`
        return groups
    padded = [
        theta.isnull().all([dim for dim in theta.dims if dim not in ("chain", "draw")])
        for theta in posterior.data_vars.values()
        if {"chain", "draw"} <= set(theta.dims) and theta.dtype.kind == "f"
    ]
    if not padded or not padded[0].size:
        return groups
    drawn = ~np.logical_and.reduce([array.transpose("chain", "draw").values for array in padded])
    lengths = np.where(drawn.any(axis=1), drawn.shape[1] - drawn[:, ::-1].argmax(axis=1), 0)
    if not lengths.min() or lengths.min() == drawn.shape[1]:
        return groups
    if not trim:
        raise ValueError(
            f"file {label} has a chain that is nan after {lengths.min()} of {drawn.shape[1]} draws; if it was padded, "
            f"save chains of one length, {TRIM}; if its sampler returned nan, it is broken."
        )
    shortest = slice(int(lengths.min()))
    return {name: group.isel(draw=shortest) if "draw" in group.dims else group for name, group in groups.items()}


def _refuse_pickle(folder: Path, label: str) -> None:
    """Raise ValueError if a Zarr folder uses the codec pickle, because reading it would execute its contents."""
    for name in (".zarray", ".zmetadata", "zarr.json"):
        for file in folder.rglob(name):
            if '"pickle"' in file.read_text(encoding="utf-8", errors="replace"):
                raise ValueError(f"folder {label} holds pickled objects, which are not read: save plain numbers.")


def _unreadable(path: Path, label: str, error: Exception) -> ValueError:
    kind = "Zarr folder" if path.is_dir() else "netCDF file"
    reason = one_line(error, 300)
    if not path.is_dir() and not first_bytes(path, 4).startswith(NETCDF):
        reason = "it does not begin as one"
    return ValueError(
        f"file {label} cannot be read as a {kind} ({reason}); it must be an ArviZ netCDF file, a Zarr folder, or "
        "a CSV file."
    )
