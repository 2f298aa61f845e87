"""One data set: simulate it, sample, and keep a summary. A sampler that fails on it is an outcome too."""

import hashlib
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes.calibration.simulation import Simulation
from bayes.calibration.summaries import Quantity, summary
from bayes.evidence.estimates import combine
from bayes.exact.distribution import parsed_element
from bayes.io.draws import EVIDENCE, Draws, DrawsLike, as_draws, divergences, require_shape, scalar_draws
from closedform.reasons import one_line

type Sampler = Callable[[Any, Any, int], DrawsLike]
"""``sample(model, y, seed)`` returns posterior draws, as ``bayes.check`` takes them."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is kept of one data set."""

    index: int
    rows: NDArray[np.float64] | None = field(default=None, repr=False)
    """``summaries.FIELDS`` of each quantity; None if the sampler failed."""
    seconds: float = nan
    gradients: float = nan
    """Gradients of the log density that were evaluated, with warm-up if the sampler says so."""
    divergent: float = 0
    log_evidence_error: float = nan
    """log Z_hat - log Z in nats, if the sampler estimated the evidence."""
    fingerprint: float = nan
    """48 bits of a hash of the draws. Equal draws on two data sets have equal fingerprints."""
    failure: str = ""
    """Why the sampler failed, in one line."""


def sampler_seed(seed: int, i: int) -> int:
    """Return the seed that the sampler gets for data set ``i``."""
    return int(np.random.SeedSequence([seed, i, 1]).generate_state(1)[0])


def outcome(simulation: Simulation, sample: Sampler, seed: int, i: int) -> Outcome:
    """Return the outcome of one data set; an exception of the sampler, or bad draws, make it a failure."""
    truth, y = simulation.data_set(seed, i)
    given = deepcopy(y)  # a sampler may centre the data in place; they are needed again
    start = time.perf_counter()
    try:
        draws = sample(simulation.model(given), given, sampler_seed(seed, i))
        seconds = time.perf_counter() - start
        return summarised(simulation, seed, i, truth, y, draws, seconds=seconds)
    except (Exception, SystemExit) as error:  # a sampler may raise anything; it is reported
        return Outcome(
            index=i, seconds=time.perf_counter() - start, failure=f"{type(error).__name__}: {one_line(error)}"
        )


def summarised(
    simulation: Simulation,
    seed: int,
    i: int,
    truth: Mapping[str, Any],
    y: Any,
    draws: DrawsLike,
    *,
    seconds: float,
    are_chains: bool = False,
) -> Outcome:
    """Return the outcome of draws that are there. Raises ValueError if they are not finite or have a wrong shape.

    Draws of which it is known that they ``are_chains`` are not searched for values that come back, which takes half of
    the time.
    """
    quantities = simulation.quantities(y)
    values, stats = _validated(quantities, truth, draws, are_chains)
    exact = simulation.log_evidence(y) if EVIDENCE[0] in stats else None
    steps = stats.get("n_steps")
    return Outcome(
        index=i,
        rows=summary(quantities, truth, values, np.random.default_rng([seed, i, 2])),
        seconds=seconds,
        gradients=nan if steps is None else float(np.sum(steps)),
        divergent=float(np.sum(stats.get("diverging", 0))),
        log_evidence_error=nan if exact is None else combine(stats[EVIDENCE[0]]).log_evidence - exact,
        fingerprint=fingerprint(values),
    )


def fingerprint(draws: Mapping[str, NDArray[Any]]) -> float:
    """Return 48 bits of a hash of the draws, which a float64 holds exactly."""
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(draws):
        digest.update(np.ascontiguousarray(draws[name], dtype=np.float64))
    return float(int.from_bytes(digest.digest()))


def _validated(
    quantities: Mapping[str, Quantity], truth: Mapping[str, Any], draws: DrawsLike, are_chains: bool
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the draws of the true parameters' variables (chain, draw, ...), and the sample stats by name."""
    found = as_draws(draws, truth)
    stats = _statistics(draws, found)
    for name, value in truth.items():
        require_shape(name, np.shape(value), found)
    for printed in quantities:
        name, index = parsed_element(printed)
        if name in truth and (are_chains or EVIDENCE[0] in stats):  # or particles, which may be equal
            _require_finite(printed, found.posterior[name][(..., *index)])
        elif name in truth:
            scalar_draws((name, index), found)  # raises ValueError if they are not numbers, or do not move
    divergences(found)
    return dict(found.posterior), stats


def _statistics(draws: DrawsLike, found: Draws) -> dict[str, Any]:
    """Return the sample stats: ``diverging``, ``n_steps``, and the log evidence of every run."""
    stats: dict[str, Any] = dict(found.sample_stats)
    if isinstance(draws, xr.DataTree):
        group = draws["sample_stats"].to_dataset() if "sample_stats" in draws.children else {}
        stats |= {"n_steps": group["n_steps"].to_numpy()} if "n_steps" in group else {}
    elif isinstance(draws, Mapping):
        stats |= {name: np.ravel(np.asarray(draws[name])) for name in ("n_steps", EVIDENCE[0]) if name in draws}
    if EVIDENCE[1] in stats:
        stats.setdefault(EVIDENCE[0], stats.pop(EVIDENCE[1]))
    return stats


def _require_finite(name: str, particles: NDArray[Any]) -> None:
    if not np.isfinite(particles).all():
        raise ValueError(f"`draws[{name!r}]` must be finite numbers; a sampler that returns others is broken.")
