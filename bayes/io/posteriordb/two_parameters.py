"""Models of learning in dogs, which avoid a shock or get it (Gelman and Hill 2007, section 24.2): two parameters each.

Both have the numbers of avoidances and of shocks before a trial as predictors. y is 1 for a shock, (dogs, trials).
"""

from collections.abc import Mapping
from functools import lru_cache
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bayes.exact.numerics.logistic_likelihood import Rows, grouped
from bayes.exact.two_parameters import TwoParameters
from bayes.io.posteriordb.data import whole
from bayes.io.posteriordb.known import Built, Known

type Array = NDArray[np.float64]


def trials(y: Array) -> Rows:
    """Return the different pairs of avoidances and shocks before a trial, with the shocks and avoidances at each."""
    return _trials(np.shape(y), np.asarray(y, dtype=float).tobytes())


@lru_cache(maxsize=8)
def _trials(shape: tuple[int, int], content: bytes) -> Rows:
    y = np.frombuffer(content).reshape(shape)
    shocks = np.cumsum(y, axis=1) - y
    avoidances = np.arange(shape[1]) - shocks
    return grouped(np.stack([avoidances.ravel(), shocks.ravel()], axis=1), y.ravel().astype(np.int64))


def log_p_logistic(avoidance: Array, shock: Array, y: Array) -> Array:
    """Return log p(y) where the log odds of a shock are ``avoidance`` times avoidances + ``shock`` times shocks."""
    return trials(y).log_likelihood(avoidance, shock)


def log_p_power(a: Array, b: Array, y: Array) -> Array:
    """Return log p(y) where the probability of a shock is a^shocks b^avoidances; before the first trial it is 1."""
    rows, log_a, log_b, total = trials(y), np.log(a), np.log(b), np.zeros(np.shape(a))
    for (avoided, shocked), ones, zeros in zip(rows.x, rows.ones, rows.zeros, strict=True):
        if avoided == shocked == 0:  # p = 1, whatever a and b are, and an avoidance is impossible
            total = total - (np.inf if zeros else 0.0)
            continue
        log_p = shocked * log_a + avoided * log_b
        # log(1 - p), without a term 0 log 0
        total = total + ones * log_p + (zeros * np.log(-np.expm1(log_p)) if zeros else 0.0)
    return total


def _logistic(data: Mapping[str, Any]) -> Built:
    # beta[1] ~ Uniform(-100, 0), beta[2] ~ Uniform(0, 100)
    model = TwoParameters(
        names=("avoidance", "shock"),
        log_likelihood=log_p_logistic,
        priors=(stats.uniform(-100, 100), stats.uniform(0, 100)),
        start=(-0.25, 0.1),
        scales=(0.02, 0.02),
    )
    elements = {"beta[1]": ("avoidance", ()), "beta[2]": ("shock", ())}
    return Built(model=model, y=whole("y", data["y"], 0, 1).astype(float), elements=elements, dropped=-2 * log(100))


def _power(data: Mapping[str, Any]) -> Built:
    model = TwoParameters(
        names=("a", "b"),
        log_likelihood=log_p_power,
        priors=((0.0, 1.0), (0.0, 1.0)),
        start=(0.9, 0.8),
        scales=(0.01, 0.01),
    )
    return Built(model=model, y=whole("y", data["y"], 0, 1).astype(float), elements={"a": ("a", ()), "b": ("b", ())})


KNOWN: dict[str, Known] = {
    "dogs_log": Known(
        how="two-dimensional quadrature of both coefficients",
        dimension=2,
        program_sha256="f0257153c50d7ef91d9958607c159ae9097d622e3d5ed9778cd3be60fd91b56b",
        build=_logistic,
    ),
    "dogs_hierarchical": Known(
        how="two-dimensional quadrature of both parameters",
        dimension=2,
        program_sha256="779b2a41c4a7affab0704780336aa92def39e1c91b655c845eaa8dd4bc873d80",
        build=_power,
    ),
}
