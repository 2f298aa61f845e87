"""Laplace's method: the normal whose mode and curvature are those of the posterior, on the unconstrained space.

With z^ the mode of p~ and H the Hessian of log p~ there::

    q(z) = Normal(z^, Sigma),    Sigma = (-H)^-1

(MacKay 2003, "Information Theory, Inference, and Learning Algorithms", eq. 27.5 and 27.6, and section 27.1 on the
choice of the space.) It is exact if the posterior is normal on the unconstrained space.
"""

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from bayes.approximations.results import Approximation, normal_approximation, require_numbers
from bayes.approximations.unconstrained import unconstrained_posterior
from bayes.sampling.modes import mode


def laplace(model: Any, *, seed: int, draws: int = 10_000) -> Approximation:
    """Approximate the posterior of ``model`` by Laplace's method.

    The mode is by SciPy's trust-region method from PyMC's initial point, and then by Newton's method
    (``bayes.sampling.modes``).

    Parameters
    ----------
    model
        A PyMC model whose free variables are continuous, a model of the registry, or an ``unconstrained_posterior``.
    seed
        Seed of the draws. The fit is not random.
    draws
        Number of independent draws, 100 or more.

    Returns
    -------
    bayes.approximations.results.Approximation
        With the name ``"laplace"``.

    Raises
    ------
    ValueError
        If no mode was found, or if the log density is not curved downwards there in every direction. If a free
        variable is discrete. If ``seed`` or ``draws`` is not valid.

    Examples
    --------
    >>> from bayes.registry import get_model
    >>> result = laplace(get_model("normal_normal").program(), seed=0)
    >>> round(float(result.mean[0]), 6), round(float(result.covariance[0, 0]), 6)
    (2.08662, 0.070423)
    """
    started = perf_counter()
    require_numbers(seed, draws)
    target = unconstrained_posterior(model)
    found = mode(
        lambda z: float(target.log_density(z[None])[0]),
        lambda z: target.gradient(z[None])[0],
        lambda z: target.hessian(z[None])[0],
        target.initial_point,
        otherwise="use `pathfinder`",
    )
    result = normal_approximation(
        "laplace",
        target,
        mean=found.point,
        covariance=found.covariance,
        mode=found.point,
        rng=np.random.default_rng(seed),
        draws=draws,
        attrs={"engine": "laplace", "seed": seed},
    )
    return replace(result, seconds=perf_counter() - started)
