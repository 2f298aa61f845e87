"""Draws and marginals at the edge of every comparison: they come in as float64 (chain, draw) or not at all."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes.exact.distribution import Distribution

Draws = xr.DataTree | Mapping[str, ArrayLike]
"""An ArviZ DataTree with group ``posterior``, or a mapping from names to arrays of shape (chain, draw)."""


def validate_distribution(name: str, distribution: Distribution) -> None:
    """Raise ValueError unless ``distribution`` is univariate, scalar and continuous."""
    if hasattr(distribution, "pmf"):
        raise ValueError(f"`marginals[{name!r}]` is discrete; only continuous marginals can be compared.")
    quantiles = np.asarray([distribution.ppf(q) for q in (0.05, 0.5, 0.95)] if hasattr(distribution, "ppf") else None)
    if quantiles.shape != (3,) or not np.all(np.diff(quantiles) > 0):
        raise ValueError(
            f"`marginals[{name!r}]` must be a frozen univariate scipy.stats distribution with scalar parameters, got "
            f"{distribution!r} with 5, 50 and 95 % quantiles {quantiles}; give one distribution a scalar variable."
        )


def chains_and_draws(name: str, draws: Draws) -> NDArray[np.float64]:
    """Return the draws of ``name`` as a float64 array (chain, draw), or raise ValueError naming what is wrong."""
    if not isinstance(draws, xr.DataTree | Mapping) or isinstance(draws, xr.Dataset):
        raise ValueError(
            f"`draws` must be an ArviZ DataTree with a group `posterior`, or a dict from names to arrays of shape "
            f"(chain, draw), got {type(draws).__name__}; load a file with `arviz.from_netcdf`."
        )
    if isinstance(draws, xr.DataTree):
        if "posterior" not in draws.children:
            raise ValueError(
                f"`draws` has no group `posterior`, only {sorted(draws.children)}; give a sampled DataTree."
            )
        posterior = draws["posterior"].to_dataset()
        _validate_present(name, [str(variable) for variable in posterior.data_vars])
        variable = posterior[name]
        if set(variable.dims) != {"chain", "draw"}:
            raise ValueError(
                f"`draws[{name!r}]` must have the dimensions (chain, draw), got {variable.dims}; select one element, "
                "under a name of its own."
            )
        theta = variable.transpose("chain", "draw").to_numpy()
    else:
        _validate_present(name, list(draws))
        if np.ma.is_masked(draws[name]):
            raise ValueError(f"`draws[{name!r}]` must not have masked values; a sampler's draws are all there.")
        theta = np.asarray(draws[name])
        if theta.ndim != 2:
            raise ValueError(f"`draws[{name!r}]` must have the shape (chain, draw), got {theta.shape}; use x[None, :].")
    if theta.dtype.kind not in "iuf":
        raise ValueError(f"`draws[{name!r}]` must hold real numbers, got dtype {theta.dtype}.")
    if theta.shape[0] < 1 or theta.shape[1] < 4:
        raise ValueError(f"`draws[{name!r}]` must have at least 4 draws a chain, got shape {theta.shape}; draw more.")
    theta = theta.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(theta))
    if len(wrong):
        chain, draw = wrong[0]
        raise ValueError(
            f"`draws[{name!r}]` must be finite, got {theta[chain, draw]} at chain {chain}, draw {draw} "
            f"and {len(wrong)} such draws in all; a sampler that returns them is broken or not finished."
        )
    if np.ptp(theta) == 0:
        raise ValueError(f"`draws[{name!r}]` are all {theta[0, 0]}; the sampler did not move.")
    _, first = np.unique(theta, axis=0, return_index=True)
    if len(first) < len(theta):
        copies = sorted(set(range(len(theta))) - set(first.tolist()))
        raise ValueError(f"`draws[{name!r}]` hold copied chains, {copies}; give each chain its own seed.")
    return theta


def _validate_present(name: str, names: list[str]) -> None:
    """Raise ValueError unless ``name`` is among the ``names`` that were drawn."""
    if name not in names:
        raise ValueError(f"`draws` has no variable {name!r}, only {sorted(names)}; rename it or drop its marginal.")


def divergences(draws: Draws) -> int:
    """Return the number of divergent transitions, 0 if none are recorded."""
    if isinstance(draws, xr.DataTree) and "sample_stats" in draws.children:
        statistics = draws["sample_stats"].to_dataset()
        if "diverging" in statistics.data_vars:
            return int(statistics["diverging"].sum())
    return 0
