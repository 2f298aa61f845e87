"""Draws as one value, for any file or program that they come from, and what checks read from it."""

from collections.abc import Collection, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes.exact.distribution import Element, element_name, parsed_element
from bayes.io.element_names import Labels, gathered
from bayes.io.repeated_draws import require_chains, shared_values
from closedform.validation import in_words

DIVERGING = "diverging"
EVIDENCE = ("log_evidence", "log_marginal_likelihood")
"""Names of the log evidence of a run in ``sample_stats``: by ``bayes.sampling.inference.smc`` and ``pm.sample_smc``."""


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays cannot be compared by ==
class Draws:
    """Draws of one sampler.

    Parameters
    ----------
    posterior
        Name of a variable -> its draws, (chain, draw, ...).
    sample_stats
        ``"diverging"``, true or false for each draw, (chain, draw). For SMC, the log evidence of every run, (R,), in
        nats, under one of the names in ``EVIDENCE``. Either may be missing.
    labels
        Name of a variable -> labels of its elements along each axis, if they have labels, such as names of schools.
    log_likelihood
        Name of an observed variable -> log likelihood of each observation, (chain, draw, n), in nats; empty if it was
        not saved, or not asked for.
    source
        Where the draws come from, for messages.
    """

    posterior: Mapping[str, NDArray[Any]]
    sample_stats: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    labels: Mapping[str, Labels] = field(default_factory=dict)
    log_likelihood: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    source: str = "`draws`"

    def __post_init__(self) -> None:
        """Raise ValueError if a variable is not an array (chain, draw, ...), or if an element has no label."""
        for name, values in self.posterior.items():
            if np.ndim(values) < 2 or not isinstance(values, np.ndarray):
                kind = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
                raise ValueError(f"`posterior[{name!r}]` must be an array (chain, draw, ...), got {kind}.")
            sizes = tuple(map(len, self.labels.get(name, ())))
            if sizes and sizes != values.shape[2:]:
                raise ValueError(
                    f"`labels[{name!r}]` must be as many as the elements, {values.shape[2:]}, got {sizes}; leave them "
                    "out if there are none."
                )


type DrawsLike = Draws | xr.DataTree | xr.Dataset | Mapping[str, ArrayLike]
"""Draws, an ArviZ DataTree with the group ``posterior``, that group alone, or a mapping from names to arrays of shape
(chain, draw, ...). Elements may have names of their own, ``p[0]``, ``p[1]``.

Divergent transitions are read from ``diverging``: in ``sample_stats`` of the tree, or (chain, draw) in the mapping."""


def as_draws(draws: DrawsLike, names: Iterable[str]) -> Draws:
    """Return the variables ``names`` from the user's draws. Elements with names of their own are joined to arrays.

    Raises ValueError if a variable or one of its elements is missing, or has no chains.
    """
    if isinstance(draws, Draws):
        for name in names:
            _require_present(name, draws.posterior)
        return draws
    names = list(names)
    names_in_draws = variable_names(draws) if names or not isinstance(draws, xr.DataTree) else []
    posterior, labels = {}, {}
    for name in names:
        found = gathered(name, names_in_draws, lambda name: _array(name, draws), "`draws`")
        if found is None:
            raise _missing(name, names_in_draws)
        posterior[name], labels[name] = found
        if name in names_in_draws and isinstance(draws, xr.DataTree | xr.Dataset):
            labels[name] = coordinate_labels(_posterior(draws)[name])
    return Draws(posterior=posterior, sample_stats=_statistics(draws), labels=labels)


def variable_names(draws: DrawsLike) -> list[str]:
    """Return the names of the variables; raise ValueError if ``draws`` have an unknown type."""
    if isinstance(draws, Draws):
        return list(draws.posterior)
    if isinstance(draws, xr.DataTree | xr.Dataset):
        return [str(name) for name in _posterior(draws).data_vars]
    if not isinstance(draws, Mapping):
        raise ValueError(
            f"`draws` must be an ArviZ DataTree with a group `posterior`, or a dict from names to arrays of shape "
            f"(chain, draw), got {type(draws).__name__}; load a file with `bayes.load_draws`."
        )
    return list(draws)


def coordinate_labels(array: xr.DataArray) -> Labels:
    """Return the labels of an array's elements, from its coordinates.

    Whole numbers that could be positions, such as 1, 2, 3, are not labels. Years are.
    """
    dims = [dim for dim in array.dims if dim not in ("chain", "draw")]
    axes = []
    for dim in dims:
        indices = tuple(map(str, range(array.sizes[dim])))
        labels = tuple(map(str, array.coords[dim].to_numpy().tolist())) if dim in array.coords else indices
        is_position = {str(i) for i in range(len(indices) + 1)}.intersection(labels)
        axes.append(indices if is_position or len(set(labels)) < len(labels) else labels)
    is_labelled = any(labels != tuple(map(str, range(len(labels)))) for labels in axes)
    return tuple(axes) if is_labelled else ()


def scalar_draws(element: Element, draws: Draws) -> NDArray[np.float64]:
    """Return the draws of one element as a float64 array (chain, draw), or raise ValueError."""
    name, index = element
    _require_present(name, draws.posterior)
    theta = draws.posterior[name]
    printed = element_name(element)
    if len(index) != theta.ndim - 2:
        raise ValueError(
            f"`draws[{name!r}]` has the shape {theta.shape}, chains, draws and {theta.ndim - 2} more, but {printed!r} "
            f"has {len(index)} more; give the marginal of an array as one array-valued distribution, or name an "
            "element."
        )
    try:
        theta = theta[(..., *index)]
    except IndexError:
        raise ValueError(f"`draws[{name!r}]` has no element {printed!r}: its shape is {theta.shape}.") from None
    if theta.dtype.kind not in "iuf":
        raise ValueError(f"`draws[{printed!r}]` must hold real numbers, got {in_words(theta.dtype)}.")
    if theta.shape[0] > theta.shape[1]:
        raise ValueError(
            f"`draws[{printed!r}]` have {theta.shape[0]} chains of {theta.shape[1]} draws, more chains than draws; if "
            "they are (draw, chain), as emcee's get_chain and PyStan 2 return them, swap the axes: x.T, or of a vector "
            "x.swapaxes(0, 1). Of so many short chains give no more than each has draws."
        )
    if theta.shape[0] < 1 or theta.shape[1] < 4:
        raise ValueError(
            f"`draws[{printed!r}]` must have at least 4 draws a chain, got shape {theta.shape}; draw more."
        )
    theta = theta.astype(np.float64)
    nans = np.argwhere(np.isnan(theta))
    if len(nans):
        chain, draw = nans[0]
        raise ValueError(
            f"`draws[{printed!r}]` must be numbers, got {theta[chain, draw]} at chain {chain}, draw {draw} "
            f"and {len(nans)} such draws in all; a sampler that returns them is broken or not finished."
        )
    if np.ptp(theta) == 0:
        raise ValueError(f"`draws[{printed!r}]` are all {theta[0, 0]}; the sampler did not move.")
    require_chains(printed, np.clip(theta, -1e300, 1e300))  # an infinite draw is wrong, but not a copy
    return theta


def chains_and_draws(name: str, draws: DrawsLike) -> NDArray[np.float64]:
    """Return ``scalar_draws`` of a scalar variable, or of an element by its printed name such as ``theta[2]``."""
    element = parsed_element(name, variable_names(draws))
    return scalar_draws(element, as_draws(draws, [element[0]]))


def require_shape(name: str, shape: tuple[int, ...], draws: Draws) -> None:
    """Raise ValueError unless each draw of a variable has the ``shape`` of its marginal."""
    got = draws.posterior[name].shape
    if got[2:] == shape:
        return
    if got[2:] == (*shape, 1):
        advice = "take its last axis away, x[..., 0]"
    else:
        advice = "if its axes are in another order, move them with np.moveaxis"
    dimensions = ", ".join(["chain", "draw", *map(str, shape)])
    raise ValueError(f"`draws[{name!r}]` must have the shape ({dimensions}), got {got}; {advice}.")


def require_fresh(elements: Iterable[Element], old: Draws, fresh: Draws) -> None:
    """Raise ValueError if ``fresh`` draws of ``elements`` begin with the ``old`` draws, or contain or repeat them."""
    for element in elements:
        before, after = scalar_draws(element, old), scalar_draws(element, fresh)
        for (a, b), count in shared_values([*before, *after]).items():
            if a < len(before) <= b:
                raise ValueError(
                    f"the fresh draws of {element_name(element)!r} are not independent of the first: chain "
                    f"{b - len(before)} has {count} values or stretches of the first chain {a}; draw with the seed "
                    "that is given, a new one."
                )


def log_likelihoods(draws: DrawsLike) -> Mapping[str, NDArray[Any]]:
    """Return the log likelihood of each observation, (chain, draw, n), by the name of its variable; empty if none."""
    if isinstance(draws, Draws):
        return draws.log_likelihood
    if not isinstance(draws, xr.DataTree) or "log_likelihood" not in draws.children:
        return {}
    group = draws["log_likelihood"].to_dataset()
    return {str(name): array.transpose("chain", "draw", ...).to_numpy() for name, array in group.data_vars.items()}


def is_smc(draws: Draws) -> bool:
    """Return whether ``draws`` come from SMC runs, with a log evidence for each."""
    return any(name in draws.sample_stats for name in EVIDENCE)


def evidence_runs(draws: Draws) -> NDArray[np.float64]:
    """Return the log evidence of every run of SMC, shape (R,), in nats."""
    return next(draws.sample_stats[name] for name in EVIDENCE if name in draws.sample_stats)


def divergences(draws: Draws) -> int:
    """Return the number of divergent transitions, 0 if none are recorded; raise ValueError for other marks."""
    marks = np.asarray(draws.sample_stats.get(DIVERGING, ()))
    if marks.size and not (marks.ndim == 2 and marks.dtype.kind in "biuf" and np.isin(marks, (0, 1)).all()):
        raise ValueError(
            f"`{DIVERGING}` must be true or false (or 1 or 0) for each draw, of shape (chain, draw), got shape "
            f"{marks.shape} and {in_words(marks.dtype)}; leave it out if the sampler has none."
        )
    return int(marks.sum())


def _posterior(draws: xr.DataTree | xr.Dataset) -> xr.Dataset:
    """Return the group with the draws; raise ValueError if there is none."""
    if isinstance(draws, xr.Dataset):
        return draws
    if "posterior" not in draws.children:
        raise ValueError(f"`draws` has no group `posterior`, only {sorted(draws.children)}; give a sampled DataTree.")
    return draws["posterior"].to_dataset()


def _array(name: str, draws: xr.DataTree | xr.Dataset | Mapping[str, ArrayLike]) -> NDArray[Any]:
    """Return the draws of a variable as an array (chain, draw, ...); raise ValueError if it has no chains."""
    values: Any = _posterior(draws)[name] if isinstance(draws, xr.DataTree | xr.Dataset) else draws[name]
    if isinstance(values, xr.DataArray):
        if {"chain", "draw"} <= set(values.dims):
            values = values.transpose("chain", "draw", ...)
        elif not isinstance(draws, Mapping) or isinstance(draws, xr.Dataset):
            raise ValueError(f"`draws[{name!r}]` must have the dimensions (chain, draw, ...), got {values.dims}.")
    if np.ma.is_masked(values):
        raise ValueError(f"`draws[{name!r}]` must not have masked values; a sampler's draws are all there.")
    try:
        theta = np.asarray(values)
    except ValueError as error:  # from NumPy, for rows of different lengths
        chains = values if isinstance(values, Iterable) else [values]
        lengths = [len(chain) for chain in chains if isinstance(chain, Sized)]
        raise ValueError(
            f"`draws[{name!r}]` must be an array (chain, draw, ...), got chains of {lengths} draws; give as many "
            "of every chain."
        ) from error
    if theta.ndim < 2:
        raise ValueError(f"`draws[{name!r}]` must have the shape (chain, draw), got {theta.shape}; use x[None, :].")
    return theta


def _statistics(draws: xr.DataTree | xr.Dataset | Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Return the divergences, and the log evidence of every run, if there are any."""
    if isinstance(draws, xr.DataTree):
        group = draws["sample_stats"].to_dataset() if "sample_stats" in draws.children else {}
        chains = draws["posterior"].sizes.get("chain") if "posterior" in draws.children else None
        stages = {name: _last_stages(group[name].to_numpy(), chains) for name in EVIDENCE if name in group}
        return stages | ({DIVERGING: group[DIVERGING].to_numpy()} if DIVERGING in group else {})
    return {DIVERGING: np.asarray(draws[DIVERGING])} if DIVERGING in draws else {}


def _last_stages(values: NDArray[Any], chains: int | None) -> NDArray[np.float64]:
    """Return the log evidence of every run, shape (R,), from its values at all stages.

    ``pm.sample_smc`` has three layouts: an array (run, stage) of objects padded with nan, a list for each run with its
    own length, and a plain vector over the stages for a single run.
    """
    rows = [values] if values.ndim == 1 and values.dtype != object and chains == 1 else values
    try:
        stages = [np.ravel(np.asarray(row, dtype=np.float64)) for row in rows]
    except (ValueError, TypeError) as error:  # from NumPy, for text
        raise ValueError(f"the log evidence of every run must be a number, got {in_words(values.dtype)}.") from error
    return np.array([next((x for x in row[::-1] if not np.isnan(x)), np.nan) for row in stages])


def _require_present(name: str, names: Collection[str]) -> None:
    """Raise ValueError unless ``name`` is among the ``names`` of the draws."""
    if name not in names:
        raise _missing(name, names)


def _missing(name: str, names: Iterable[str]) -> ValueError:
    return ValueError(f"`draws` has no variable {name!r}, only {sorted(names)}; rename it or drop its marginal.")
