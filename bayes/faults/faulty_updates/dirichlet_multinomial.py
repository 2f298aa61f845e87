"""Mistakes about probabilities of classes."""

from collections.abc import Callable

import numpy as np

from bayes.exact import dirichlet_multinomial
from bayes.faults.faulty_updates.updates import (
    DATA_TWICE,
    TINY,
    WITHOUT_LAST,
    Array,
    Mistake,
    permuted,
    permuted_element,
    with_draws,
)


def _dirichlet(change: Callable[[Array, Array], Array]) -> Mistake:
    """Return a Dirichlet with ``change(alpha, counts)`` for alpha_n, where counts are the sums over observations."""
    return lambda e, y: dirichlet_multinomial.Joint(concentration=change(e.concentration, y.sum(axis=0)))


def _rescaled(p: Array) -> Array:
    return p / p.sum(axis=1, keepdims=True)


def _share_sorted(p: Array) -> Array:
    """Return p with the shares of its first two classes sorted as their sums are: the same marginals, but dependent."""
    pair_sum = p[:, 0] + p[:, 1]
    share = np.empty(len(p))
    share[np.argsort(pair_sum)] = np.sort(p[:, 0] / pair_sum)
    return np.column_stack([share * pair_sum, (1 - share) * pair_sum, p[:, 2:]])


MISTAKES: dict[str, Mistake] = {
    "prior forgotten": _dirichlet(lambda _, counts: counts + TINY),
    "uniform prior": _dirichlet(lambda _, counts: counts + 1.0),
    "prior of its mean alone": _dirichlet(lambda alpha, counts: alpha / alpha.sum() + counts),
    "one concentration for all": _dirichlet(lambda alpha, counts: alpha.mean() + counts),
    "prior's classes shifted": _dirichlet(lambda alpha, counts: np.roll(alpha, 1) + counts),
    "counts shifted by a class": _dirichlet(lambda alpha, counts: alpha + np.roll(counts, 1)),
    "two classes swapped": _dirichlet(lambda alpha, counts: alpha + counts[[1, 0, *range(2, len(counts))]]),
    "exponents for parameters": _dirichlet(lambda alpha, counts: np.maximum(alpha + counts - 1, TINY)),
    "shares for counts": _dirichlet(lambda alpha, counts: alpha + counts / counts.sum()),
    "data counted twice": DATA_TWICE,
    "n - 1 for n": WITHOUT_LAST,
    "every class in another order": permuted("p"),
    "every class in another order, rescaled": with_draws(
        lambda draws, rng: {"p": _rescaled(rng.permuted(draws["p"], axis=0))}
    ),
    "one class in another order": permuted_element("p", 3),
    "a share that goes with its sum": with_draws(lambda draws, _: {"p": _share_sorted(draws["p"])}),
}
