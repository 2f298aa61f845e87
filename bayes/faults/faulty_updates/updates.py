"""Posteriors that are wrong because a model was told, or was shown, something else; and data that are miscounted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mistake = Callable[[Any, Array], Any]
"""``wrong(exact, y)``: a posterior with a mistake, which has the method ``rvs``."""

TINY, HUGE = 1e-9, 1e9


def told(**changes: Any) -> Mistake:
    """Return the posterior of a model with other hyperparameters: values, or functions of the right model."""

    def wrong(exact: Any, y: Array) -> Any:
        return replace(exact, **{k: new(exact) if callable(new) else new for k, new in changes.items()}).posterior(y)

    return wrong


def shown(change: Callable[[Array], Any]) -> Mistake:
    """Return the posterior given other data."""
    return lambda exact, y: exact.posterior(change(y))


@dataclass(frozen=True)
class Drawn:
    """A posterior known by its draws: ``draw(size, rng)`` returns them by name."""

    draw: Callable[[int, np.random.Generator], dict[str, Any]]

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Any]:
        """Return ``size`` draws."""
        return self.draw(size, random_state)


def given_variance(name: str, sd: Callable[[Any, Array], Any]) -> Mistake:
    """Return right draws of sigma2, and ``name`` with ``sd(joint, sigma2)`` where sqrt(sigma2) belongs."""

    def wrong(exact: Any, y: Array) -> Any:
        joint = exact.posterior(y)

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            drawn = joint.rvs(size, rng)
            sigma2 = drawn["sigma2"].reshape(-1, *[1] * (drawn[name].ndim - 1))
            return drawn | {name: joint.m + (drawn[name] - joint.m) / np.sqrt(sigma2) * sd(joint, sigma2)}

        return Drawn(draw)

    return wrong


def drawn(change: Callable[[dict[str, Array], np.random.Generator], dict[str, Any]]) -> Mistake:
    """Return right draws of the joint posterior with those that ``change(drawn, rng)`` returns in their place."""

    def wrong(exact: Any, y: Array) -> Drawn:
        joint = exact.posterior(y)

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            right = joint.rvs(size, rng)
            return right | change(right, rng)

        return Drawn(draw)

    return wrong


def in_other_orders(*names: str) -> Mistake:
    """Return right draws, every column of the variables ``names`` in an order of its own: right marginals alone."""
    return drawn(lambda right, rng: {name: rng.permuted(right[name], axis=0) for name in names})


def one_in_another_order(name: str, place: int) -> Mistake:
    """Return right draws with one column of a vector in another order."""

    def change(right: dict[str, Array], rng: np.random.Generator) -> dict[str, Any]:
        values = right[name].copy()
        values[:, place] = rng.permutation(values[:, place])
        return {name: values}

    return drawn(change)


TWICE = shown(lambda y: np.concatenate([y, y]))
LAST_LEFT_OUT = shown(lambda y: y[:-1])
AVERAGE_ALONE = shown(lambda y: [np.mean(y, axis=0)])

GAMMA_PRIOR: dict[str, Mistake] = {
    "prior forgotten": told(shape=TINY, inverse_scale=TINY),
    "rate for scale of the prior": told(inverse_scale=lambda e: 1 / e.inverse_scale),
    "shape and rate swapped": told(shape=lambda e: e.inverse_scale, inverse_scale=lambda e: e.shape),
    "exponents for parameters": told(shape=lambda e: e.shape - 1 + TINY),
    "1 added to the shape": told(shape=lambda e: e.shape + 1),
}
"""Mistakes about a Gamma(shape, inverse_scale) prior, of whatever its rate is."""


def diagonal(matrix: Array) -> Array:
    """Return the matrix with zeros beside its diagonal."""
    return np.diag(np.diag(matrix))
