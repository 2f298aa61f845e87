"""Draws and marginals validated before every check: float64 (chain, draw), or a ValueError that says what is wrong."""

import re
from collections.abc import Iterable, Mapping, Sized
from typing import Any, TypeGuard

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes.exact.distribution import Distribution
from bayes.io.repeated_draws import require_chains, shared_values
from closedform.validation import in_words

Draws = xr.DataTree | Mapping[str, ArrayLike]
"""An ArviZ DataTree with group ``posterior``, or a mapping from names to arrays of shape (chain, draw).

Divergent transitions are those of ``diverging``: in the tree's ``sample_stats``, or (chain, draw) in the mapping."""

DIVERGING = "diverging"


EVIDENCE = ("log_evidence", "log_marginal_likelihood")
"""What ``bayes.sampling.inference.smc`` and ``pm.sample_smc`` call the log evidence of a run in ``sample_stats``."""


def validate_distribution(name: str, distribution: Distribution) -> None:
    """Raise ValueError unless ``distribution`` is continuous, and univariate or array-valued."""
    if hasattr(distribution, "pmf"):
        raise ValueError(f"`marginals[{name!r}]` is discrete; only continuous marginals can be compared.")
    quantiles = np.asarray([distribution.ppf(q) for q in (0.05, 0.5, 0.95)] if hasattr(distribution, "ppf") else None)
    if quantiles.dtype == object or len(quantiles) != 3 or not np.all(np.diff(quantiles, axis=0) > 0):
        raise ValueError(
            f"`marginals[{name!r}]` must be a frozen univariate scipy.stats distribution, got {distribution!r} with 5, "
            f"50 and 95 % quantiles {quantiles}."
        )


def chains_and_draws(name: str, draws: Draws) -> NDArray[np.float64]:
    """Return the draws of ``name`` as a float64 array (chain, draw), or raise ValueError naming what is wrong.

    ``name`` is a scalar variable, or an element of an array, such as ``theta[2]``.
    """
    base, index = _element(name, variable_names(draws))
    theta = variable(base, draws)
    if len(index) != theta.ndim - 2:
        raise ValueError(
            f"`draws[{base!r}]` has the shape {theta.shape}, chains, draws and {theta.ndim - 2} more, but {name!r} has "
            f"{len(index)} more; give the marginal of an array as one array-valued distribution, or name an element."
        )
    try:
        theta = theta[(..., *index)]
    except IndexError:
        raise ValueError(f"`draws[{base!r}]` has no element {name!r}: its shape is {theta.shape}.") from None
    if theta.dtype.kind not in "iuf":
        raise ValueError(f"`draws[{name!r}]` must hold real numbers, got {in_words(theta.dtype)}.")
    if theta.shape[0] > theta.shape[1]:
        raise ValueError(
            f"`draws[{name!r}]` have {theta.shape[0]} chains of {theta.shape[1]} draws, more chains than draws; if "
            "they are (draw, chain), as emcee's get_chain and PyStan 2 return them, swap the axes: x.T, or of a vector "
            "x.swapaxes(0, 1). Of so many short chains give no more than each has draws."
        )
    if theta.shape[0] < 1 or theta.shape[1] < 4:
        raise ValueError(f"`draws[{name!r}]` must have at least 4 draws a chain, got shape {theta.shape}; draw more.")
    theta = theta.astype(np.float64)
    nans = np.argwhere(np.isnan(theta))
    if len(nans):
        chain, draw = nans[0]
        raise ValueError(
            f"`draws[{name!r}]` must be numbers, got {theta[chain, draw]} at chain {chain}, draw {draw} "
            f"and {len(nans)} such draws in all; a sampler that returns them is broken or not finished."
        )
    if np.ptp(theta) == 0:
        raise ValueError(f"`draws[{name!r}]` are all {theta[0, 0]}; the sampler did not move.")
    require_chains(name, np.clip(theta, -1e300, 1e300))  # an infinite draw is wrong, but no copy
    return theta


def variable(name: str, draws: Draws) -> NDArray[Any]:
    """Return the draws of a variable as an array (chain, draw, ...); ValueError if it is not there or has no chains."""
    _require_present(name, variable_names(draws))
    if isinstance(draws, xr.DataTree):
        array = draws["posterior"].to_dataset()[name]
        if not {"chain", "draw"} <= set(array.dims):
            raise ValueError(f"`draws[{name!r}]` must have the dimensions (chain, draw, ...), got {array.dims}.")
        return array.transpose("chain", "draw", ...).to_numpy()
    values = draws[name]
    if np.ma.is_masked(values):
        raise ValueError(f"`draws[{name!r}]` must not have masked values; a sampler's draws are all there.")
    if isinstance(values, xr.DataArray) and {"chain", "draw"} <= set(values.dims):
        values = values.transpose("chain", "draw", ...)
    try:
        theta = np.asarray(values)
    except ValueError as error:  # numpy's, of rows that differ
        chains = values if isinstance(values, Iterable) else [values]
        lengths = [len(chain) for chain in chains if isinstance(chain, Sized)]
        raise ValueError(
            f"`draws[{name!r}]` must be an array (chain, draw, ...), got chains of {lengths} draws; give as many "
            "of every chain."
        ) from error
    if theta.ndim < 2:
        raise ValueError(f"`draws[{name!r}]` must have the shape (chain, draw), got {theta.shape}; use x[None, :].")
    return theta


def require_shapes(names: Iterable[str], draws: Draws) -> None:
    """Raise ValueError unless the arrays of ``draws`` have the elements ``names``, such as ``p[0]``, and no more."""
    places: dict[str, list[tuple[int, ...]]] = {}
    for name in names:
        base, place = _element(name, [])
        places.setdefault(base, []).append(place)
    for name, indices in places.items():
        expected = tuple(max(axis) + 1 for axis in zip(*indices, strict=True))
        shape = variable(name, draws).shape
        if shape[2:] == (*expected, 1):
            advice = "take its last axis away, x[..., 0]"
        else:
            advice = "if its axes are in another order, move them with np.moveaxis"
        if shape[2:] != expected:
            dimensions = ", ".join(["chain", "draw", *map(str, expected)])
            raise ValueError(f"`draws[{name!r}]` must have the shape ({dimensions}), got {shape}; {advice}.")


def require_fresh(names: Iterable[str], old: Draws, fresh: Draws) -> None:
    """Raise ValueError if ``fresh`` draws of ``names`` begin with the ``old`` ones, contain or repeat them."""
    for name in names:
        before, after = chains_and_draws(name, old), chains_and_draws(name, fresh)
        for (a, b), count in shared_values([*before, *after]).items():
            if a < len(before) <= b:
                raise ValueError(
                    f"the fresh draws of {name!r} are not independent of the first: chain {b - len(before)} has "
                    f"{count} values or stretches of the first chain {a}; draw with the seed that is given, a new one."
                )


def variable_names(draws: Draws) -> list[str]:
    """Return the names of the variables; ValueError if ``draws`` are of no kind that has them."""
    if not isinstance(draws, xr.DataTree | Mapping) or isinstance(draws, xr.Dataset):
        raise ValueError(
            f"`draws` must be an ArviZ DataTree with a group `posterior`, or a dict from names to arrays of shape "
            f"(chain, draw), got {type(draws).__name__}; load a file with `arviz.from_netcdf`."
        )
    if not isinstance(draws, xr.DataTree):
        return list(draws)
    if "posterior" not in draws.children:
        raise ValueError(f"`draws` has no group `posterior`, only {sorted(draws.children)}; give a sampled DataTree.")
    return [str(name) for name in draws["posterior"].to_dataset().data_vars]


def _element(name: str, names: list[str]) -> tuple[str, tuple[int, ...]]:
    """Return the variable and the place in it that ``name`` means: ``theta[2]`` is the third of ``theta``."""
    indexed = re.fullmatch(r"(.+)\[(\d+(?:,\d+)*)\]", name)
    if name in names or not indexed:
        return name, ()
    return indexed[1], tuple(map(int, indexed[2].split(",")))


def _require_present(name: str, names: list[str]) -> None:
    """Raise ValueError unless ``name`` is among the ``names`` that were drawn."""
    if name not in names:
        raise ValueError(f"`draws` has no variable {name!r}, only {sorted(names)}; rename it or drop its marginal.")


def is_smc(draws: object) -> TypeGuard[xr.DataTree]:
    """Return whether ``draws`` are a tree of SMC runs, with the log evidence of each: ours, or that of PyMC."""
    if not isinstance(draws, xr.DataTree) or "sample_stats" not in draws.children:
        return False
    return any(name in draws.children["sample_stats"].data_vars for name in EVIDENCE)


def evidence_runs(tree: xr.DataTree) -> NDArray[np.float64]:
    """Return the log evidence of every run of a tree of SMC, shape (R,), in nats: the last of its stages.

    ``pm.sample_smc`` stores it in three layouts: (run, stage) objects padded with nan, one list of its own length a
    run, and for a single run a plain vector over the stages.
    """
    stats = tree["sample_stats"].to_dataset()
    values = stats[next(name for name in EVIDENCE if name in stats.data_vars)].to_numpy()
    single_run = values.ndim == 1 and values.dtype != object and "posterior" in tree.children
    rows = [values] if single_run and tree["posterior"].sizes.get("chain") == 1 else values
    try:
        stages = [np.ravel(np.asarray(row, dtype=np.float64)) for row in rows]
    except (ValueError, TypeError) as error:  # numpy's, of text
        raise ValueError(f"the log evidence of every run must be a number, got {in_words(values.dtype)}.") from error
    return np.array([next((x for x in row[::-1] if not np.isnan(x)), np.nan) for row in stages])


def divergences(draws: Draws) -> int:
    """Return the number of divergent transitions, 0 if none are recorded; ValueError unless each is true or false."""
    diverging: Any = ()
    if isinstance(draws, xr.DataTree) and "sample_stats" in draws.children:
        statistics = draws["sample_stats"].to_dataset()
        diverging = statistics[DIVERGING].to_numpy() if DIVERGING in statistics.data_vars else ()
    elif isinstance(draws, Mapping) and DIVERGING in draws:
        diverging = draws[DIVERGING]
    marks = np.asarray(diverging)
    if marks.size and not (marks.ndim == 2 and marks.dtype.kind in "biuf" and np.isin(marks, (0, 1)).all()):
        raise ValueError(
            f"`{DIVERGING}` must be true or false (or 1 or 0) for each draw, of shape (chain, draw), got shape "
            f"{marks.shape} and {in_words(marks.dtype)}; leave it out if the sampler has none."
        )
    return int(marks.sum())
