"""Posterior updates with a mistake that people make, for every model. ``check_sampler`` must not pass them.

A mistake is a function ``mistake(exact, y)`` that returns a wrong posterior to draw from. It is the posterior of
another model or of other data, or an update with the mistake written out. If the data outweigh the prior, many of these
errors are too small to detect. So every model has a data set whose prior weighs about as much as its data.
``benchmarks/mistakes.py`` counts how often each mistake is detected.
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
"""Name of the model -> name of the mistake -> the posterior with this mistake."""


def sampler(mistake: Mistake) -> Callable[[Model, int, int], dict[str, Array]]:
    """Return a sampler for ``check_sampler`` that draws independently from the wrong posterior.

    Examples
    --------
    >>> from bayes import check_sampler
    >>> check_sampler(sampler(MISTAKES["beta_binomial"]["prior forgotten"]), models=["beta_binomial"]).verdict
    'fail'
    """

    def sample(model: Model, seed: int, n: int) -> dict[str, Array]:
        return chains(mistake(model.exact, model.y), model, np.random.default_rng([seed, 1936]), n)

    return sample
