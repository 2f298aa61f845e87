"""Conjugate updates with a mistake that people make, for every model: what ``check_sampler`` must not pass.

A mistake is a function ``mistake(exact, y)`` that returns a posterior to draw from: that of another model, of other
data, or an update written out with the mistake in it. Where the data outweigh the prior, many of these errors are too
small to detect. So every model has a data set whose prior weighs as much as its data. ``benchmarks/mistakes.py`` counts
how often each mistake is detected.
"""

from collections.abc import Callable
from importlib import import_module

import numpy as np

from bayes.faults.false_alarms import chains
from bayes.faults.faulty_updates.updates import Array, Mistake
from bayes.registry import NAMES, Model

MISTAKES: dict[str, dict[str, Mistake]] = {
    name: import_module(f"bayes.faults.faulty_updates.{name}").MISTAKES for name in NAMES
}
"""Model -> what is wrong -> the posterior with that mistake."""


def sampler(mistake: Mistake) -> Callable[[Model, int, int], dict[str, Array]]:
    """Return independent draws with the mistake, as ``check_sampler`` takes them.

    Examples
    --------
    >>> from bayes import check_sampler
    >>> check_sampler(sampler(MISTAKES["beta_binomial"]["prior forgotten"]), models=["beta_binomial"]).verdict
    'fail'
    """

    def sample(model: Model, seed: int, n: int) -> dict[str, Array]:
        return chains(mistake(model.exact, model.y), model, np.random.default_rng([seed, 1936]), n)

    return sample
