"""Mistakes about the number of animals and their capture."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayes.exact.capture_recapture import CaptureRecapture, GivenAbundance, Joint
from bayes.exact.numerics.beta_mixtures import log_beta_ratio, log_choose
from bayes.faults.faulty_updates.updates import (
    DATA_TWICE,
    TINY,
    Array,
    Mistake,
    permuted,
    with_data,
    with_hyperparameters,
)


def _given(change: Callable[[CaptureRecapture, GivenAbundance], dict[str, Any]]) -> Mistake:
    """Return the mixture over N with the parts that ``change(exact, given)`` returns."""

    def faulty_posterior(exact: CaptureRecapture, y: Array) -> Joint:
        given = exact.posterior(y).given
        return Joint(model=exact, given=replace(given, **change(exact, given)))

    return faulty_posterior


def _at(index: Callable[[GivenAbundance], int]) -> Mistake:
    """Return the posterior given one N."""
    return _given(
        lambda _, given: {"log_weights": np.where(np.arange(len(given.abundance)) == index(given), 0, -np.inf)}
    )


def _without_arrangements(_: CaptureRecapture, given: GivenAbundance) -> dict[str, Any]:
    """Forget in how many ways N - C of the M - C candidates never captured may be there."""
    N, C, M = given.abundance, given.abundance[0], given.abundance[-1]
    return {"log_weights": given.log_weights - log_choose(N - C, M - N)}


def _without_omega(exact: CaptureRecapture, given: GivenAbundance) -> dict[str, Any]:
    """Forget p(N), as if N were uniform before its arrangements."""
    N, M = given.abundance, given.abundance[-1]
    return {"log_weights": given.log_weights - log_beta_ratio(N, M - N, exact.present, exact.absent)}


def _first_captures(y: Array) -> Array:
    """Return the histories without recaptures."""
    return np.where(np.cumsum(y, axis=1) == 1, y, 0)


MISTAKES: dict[str, Mistake] = {
    "Jeffreys's prior of omega": with_hyperparameters(present=0.5, absent=0.5),
    "prior of p forgotten": with_hyperparameters(captures=TINY, misses=TINY),
    "uniform priors": with_hyperparameters(present=1.0, absent=1.0, captures=1.0, misses=1.0),
    "a and b of omega swapped": with_hyperparameters(present=lambda e: e.absent, absent=lambda e: e.present),
    "c and d of p swapped": with_hyperparameters(captures=lambda e: e.misses, misses=lambda e: e.captures),
    "priors of omega and p swapped": with_hyperparameters(
        present=lambda e: e.captures,
        absent=lambda e: e.misses,
        captures=lambda e: e.present,
        misses=lambda e: e.absent,
    ),
    "every candidate is there": _at(lambda given: len(given.abundance) - 1),
    "only captured animals are there": _at(lambda _: 0),
    "N at its mode": _at(lambda given: int(np.argmax(given.log_weights))),
    "arrangements forgotten": _given(_without_arrangements),
    "prior of N forgotten": _given(_without_omega),
    "misses of captured animals alone": _given(lambda _, given: {"misses": 0 * given.misses + given.misses[0]}),
    "omega of captured animals alone": _given(
        lambda _, given: {"present": 0 * given.present + given.present[0], "absent": 0 * given.absent + given.absent[0]}
    ),
    "candidates never captured left out": with_data(lambda y: y[y.any(axis=1)]),
    "recaptures left out": with_data(_first_captures),
    "captures and misses swapped": with_data(lambda y: 1 - y),
    "data counted twice": DATA_TWICE,
    "omega in another order": permuted("omega"),
}
