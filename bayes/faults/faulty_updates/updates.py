"""Ways to make a posterior faulty: other hyperparameters, other data, or changed draws."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mistake = Callable[[Any, Array], Any]
"""``mistake(exact, y)`` returns a posterior with a mistake. The posterior has the method ``rvs``."""

TINY, HUGE = 1e-9, 1e9


def with_hyperparameters(**changes: Any) -> Mistake:
    """Return the posterior with other hyperparameters, which are values or functions of the exact model."""

    def faulty_posterior(exact: Any, y: Array) -> Any:
        return replace(exact, **{k: new(exact) if callable(new) else new for k, new in changes.items()}).posterior(y)

    return faulty_posterior


def with_data(change: Callable[[Array], Any]) -> Mistake:
    """Return the posterior given other data."""
    return lambda exact, y: exact.posterior(change(y))


@dataclass(frozen=True)
class PosteriorSampler:
    """A posterior given by a sampler: ``draw(size, rng)`` returns draws by name."""

    draw: Callable[[int, np.random.Generator], dict[str, Any]]

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Any]:
        """Return ``size`` draws."""
        return self.draw(size, random_state)


def with_conditional_sd(name: str, sd: Callable[[Any, Array], Any]) -> Mistake:
    """Return exact draws of sigma2, and of ``name`` with ``sd(joint, sigma2)`` in place of sqrt(sigma2)."""

    def faulty_posterior(exact: Any, y: Array) -> Any:
        joint = exact.posterior(y)

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            draws = joint.rvs(size, rng)
            sigma2 = draws["sigma2"].reshape(-1, *[1] * (draws[name].ndim - 1))
            return draws | {name: joint.m + (draws[name] - joint.m) / np.sqrt(sigma2) * sd(joint, sigma2)}

        return PosteriorSampler(draw)

    return faulty_posterior


def with_draws(change: Callable[[dict[str, Array], np.random.Generator], dict[str, Any]]) -> Mistake:
    """Return exact draws of the joint posterior, updated with the variables that ``change(draws, rng)`` returns."""

    def faulty_posterior(exact: Any, y: Array) -> PosteriorSampler:
        joint = exact.posterior(y)

        def draw(size: int, rng: np.random.Generator) -> dict[str, Any]:
            draws = joint.rvs(size, rng)
            return draws | change(draws, rng)

        return PosteriorSampler(draw)

    return faulty_posterior


def permuted(*names: str) -> Mistake:
    """Return exact draws with each column of the variables ``names`` permuted separately. The marginals stay exact."""
    return with_draws(lambda draws, rng: {name: rng.permuted(draws[name], axis=0) for name in names})


def permuted_element(name: str, index: int) -> Mistake:
    """Return exact draws with one column of a vector permuted."""

    def change(draws: dict[str, Array], rng: np.random.Generator) -> dict[str, Any]:
        values = draws[name].copy()
        values[:, index] = rng.permutation(values[:, index])
        return {name: values}

    return with_draws(change)


DATA_TWICE = with_data(lambda y: np.concatenate([y, y]))
WITHOUT_LAST = with_data(lambda y: y[:-1])
AVERAGE_AS_ONE = with_data(lambda y: [np.mean(y, axis=0)])

GAMMA_PRIOR: dict[str, Mistake] = {
    "prior forgotten": with_hyperparameters(shape=TINY, inverse_scale=TINY),
    "rate for scale of the prior": with_hyperparameters(inverse_scale=lambda e: 1 / e.inverse_scale),
    "shape and rate swapped": with_hyperparameters(shape=lambda e: e.inverse_scale, inverse_scale=lambda e: e.shape),
    "exponents for parameters": with_hyperparameters(shape=lambda e: e.shape - 1 + TINY),
    "1 added to the shape": with_hyperparameters(shape=lambda e: e.shape + 1),
}
"""Mistakes about a Gamma(shape, inverse_scale) prior of any rate."""


def diagonal(matrix: Array) -> Array:
    """Return the diagonal part of a matrix."""
    return np.diag(np.diag(matrix))
