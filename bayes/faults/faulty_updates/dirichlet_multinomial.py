"""Mistakes about probabilities of classes."""

from collections.abc import Callable

import numpy as np

from bayes.exact import dirichlet_multinomial
from bayes.faults.faulty_updates.updates import (
    LAST_LEFT_OUT,
    TINY,
    TWICE,
    Array,
    Mistake,
    drawn,
    in_other_orders,
    one_in_another_order,
)


def _dirichlet(change: Callable[[Array, Array], Array]) -> Mistake:
    """Return a Dirichlet whose alpha_n is ``change(alpha, counts)``, with the counts of all observations."""
    return lambda e, y: dirichlet_multinomial.Joint(concentration=change(e.concentration, y.sum(axis=0)))


def _rescaled(p: Array) -> Array:
    return p / p.sum(axis=1, keepdims=True)


def _share_sorted(p: Array) -> Array:
    """Return p with the shares of its first two classes in the order of their sums: as many of each, and dependent."""
    both = p[:, 0] + p[:, 1]
    share = np.empty(len(p))
    share[np.argsort(both)] = np.sort(p[:, 0] / both)
    return np.column_stack([share * both, (1 - share) * both, p[:, 2:]])


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
    "data counted twice": TWICE,
    "n - 1 for n": LAST_LEFT_OUT,
    "every class in another order": in_other_orders("p"),
    "every class in another order, rescaled": drawn(
        lambda right, rng: {"p": _rescaled(rng.permuted(right["p"], axis=0))}
    ),
    "one class in another order": one_in_another_order("p", 3),
    "a share that goes with its sum": drawn(lambda right, _: {"p": _share_sorted(right["p"])}),
}
