"""How many simulated data sets it takes to detect the faulty samplers: pooled tests beside ranks.

Each data set has parameters from the prior, and each run of the sampler is what ``bayes.calibration`` keeps of it. All
data sets are sampled at once. They are split into families of N, which do not overlap. A family is judged twice, as in
``calibrate`` but with one kind of checks: the pooled tests alone, and the ranks alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bayes.calibration.pooled import pooled_checks
from bayes.calibration.ranks import positions, rank_check
from bayes.calibration.summaries import FIELDS, averages, effective_draws, rank, thinned
from bayes.checking.judging import judge
from bayes.checking.statistics import FARTHEST
from bayes.faults.faulty_samplers import FAULTY_SAMPLERS, FaultySampler, posterior
from bayes.registry import get_model
from closedform.multiple_testing import ALPHA

type Array = NDArray[np.float64]

SIZES = (20, 50, 100, 200, 500, 1000)
"""Numbers of data sets that are judged together."""
MOST_FAMILIES = 20
"""Families of one size that are judged, at most."""
DRAWS = 125
"""Draws of each of four chains on a data set."""
OFTEN = 0.9
"""Share of families in which a mistake must be detected."""
OF_DRAWS = tuple(faulty for faulty in FAULTY_SAMPLERS if faulty.detected_by != "runs")
"""The faulty samplers that return draws."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """How often one kind of checks failed a sampler, by the number of data sets."""

    sizes: tuple[int, ...]
    families: tuple[int, ...]
    detected: tuple[int, ...]
    """Families that failed."""

    @property
    def needed(self) -> int | None:
        """The smallest size from which on at least ``OFTEN`` of the families fail; None if there is none."""
        enough = [k >= OFTEN * n for k, n in zip(self.detected, self.families, strict=True)]
        first = len(enough) - next((i for i, ok in enumerate(reversed(enough)) if not ok), len(enough))
        return self.sizes[first] if first < len(enough) else None


def power(
    faulty: FaultySampler,
    *,
    datasets: int = SIZES[-1],
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
    injected: bool = True,
    alpha: float = ALPHA,
) -> tuple[Power, Power]:
    """Return the power of the pooled tests and of the ranks. With ``injected=False`` the correct variant runs.

    Of each size N there are ``datasets // N`` families, 20 at most. The more there are, the better is the share known.

    Examples
    --------
    >>> pooled, ranks = power(FAULTY_SAMPLERS[0], datasets=400, sizes=[20, 200])
    >>> pooled.needed, ranks.needed  # draws 5 % too wide
    (20, None)
    """
    rows = summaries(faulty, datasets=datasets, seed=seed, injected=injected)
    model = get_model(faulty.model)
    names = tuple(model.exact.marginals(model.y))
    u = positions(rows, seed)[:, 0]
    families = [min(MOST_FAMILIES, datasets // N) for N in sizes]
    pooled, ranks = [0] * len(sizes), [0] * len(sizes)
    for i, N in enumerate(sizes):
        for place in range(families[i]):
            family = slice(place * N, (place + 1) * N)
            pooled[i] += judge(pooled_checks(names, rows[family]), alpha=alpha).verdict == "fail"
            ranks[i] += judge([rank_check(names[0], u[family])], alpha=alpha).verdict == "fail"
    return (
        Power(sizes=tuple(sizes), families=tuple(families), detected=tuple(pooled)),
        Power(sizes=tuple(sizes), families=tuple(families), detected=tuple(ranks)),
    )


def summaries(faulty: FaultySampler, *, datasets: int, seed: int, injected: bool = True) -> Array:
    """Return ``summaries.FIELDS`` of the sampler's one parameter on simulated data sets, (datasets, 1, 8)."""
    model = get_model(faulty.model)
    rng = np.random.default_rng([seed, datasets, injected])
    drawn = [model.exact.simulate(rng, len(model.y)) for _ in range(datasets)]
    (name,) = drawn[0][0]
    truth = np.array([params[name] for params, _ in drawn])
    stacked = replace(model, y=np.array([y for _, y in drawn]))
    draws = faulty.sample(stacked, rng, datasets, DRAWS, injected)
    return _rows(posterior(stacked), truth, draws, rng)[:, None]


def _rows(exact: Any, truth: Array, draws: Array, rng: np.random.Generator) -> Array:
    """Return what ``summaries.summary`` returns, for all data sets at once: ``draws`` (datasets, chain, draw)."""
    upper = -ndtri(exact.sf(draws))  # F rounds to 1 there
    z = np.clip(np.where(upper > 0, upper, ndtri(exact.cdf(draws))), -FARTHEST, FARTHEST)
    ess = effective_draws(z)
    rows = np.empty((len(draws), len(FIELDS)))
    rows[:, :4] = averages(z, (1, 2))
    rows[:, 4] = np.ravel(exact.ppf(0.5))
    for i, (true_value, x, independent) in enumerate(zip(truth, draws, ess, strict=True)):
        rows[i, 5:] = *rank(true_value, thinned(x, independent), rng), independent
    return rows
