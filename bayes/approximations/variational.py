"""ADVI: the normal on the unconstrained space with the largest ELBO, by stochastic gradients (``pm.fit``).

A full-rank normal has any covariance. A mean-field normal has independent coordinates. On a normal posterior with
precision Lambda its best sds are 1/sqrt(Lambda_ii), which are too small if the coordinates are correlated (Turner and
Sahani 2011, "Two problems with variational expectation maximisation for time-series models", section 3; Blei,
Kucukelbir and McAuliffe 2017, "Variational inference: a review for statisticians", section 2.3), and it loses ::

    KL(q || p) = 1/2 (sum_i log Lambda_ii - log |Lambda|)
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pymc as pm
from numpy.typing import NDArray

from bayes.approximations.results import Approximation, normal_approximation, require_numbers
from bayes.approximations.unconstrained import Unconstrained, unconstrained_posterior
from closedform.validation import require, whole_number

type Family = Literal["mean field", "full rank"]
METHODS = {"mean field": "advi", "full rank": "fullrank_advi"}
"""Family of normals -> its name in PyMC."""


def advi(
    model: Any,
    *,
    seed: int,
    family: Family = "mean field",
    draws: int = 10_000,
    iterations: int = 10_000,
    optimizer: Callable[..., Any] | None = None,
) -> Approximation:
    """Approximate the posterior of ``model`` by automatic differentiation variational inference.

    The budget is fixed: there is no test of convergence. The defaults are PyMC's, and they have two faults
    (``benchmarks/advi_optimizer.py``). A coordinate moves by about 1e-3 in an iteration, and many a model has not
    converged after 10,000. And ``adagrad_window`` divides each gradient by a norm that it is part of: where it comes to
    rest, the mean gradient is not zero, and sds are about a tenth too large. Adam has neither fault.

    Parameters
    ----------
    model
        A PyMC model whose free variables are continuous, a model of the registry, or an ``unconstrained_posterior``.
    seed
        Seed of the fit and of the draws.
    family
        ``"mean field"`` or ``"full rank"``.
    draws
        Number of independent draws, 100 or more, which also give the ELBO.
    iterations
        Steps of stochastic gradient ascent, each with one draw. The last iterate is the result.
    optimizer
        An optimiser of PyMC, such as ``pm.adam(learning_rate=0.01)``. The default is ``pm.adagrad_window()``.

    Returns
    -------
    bayes.approximations.results.Approximation
        With the name ``"advi mean field"`` or ``"advi full rank"``.

    Raises
    ------
    ValueError
        If the family is unknown, if a free variable is discrete, or if a number is not valid.
    FloatingPointError
        By PyMC, if the fit runs into nan.

    References
    ----------
    Kucukelbir, Tran, Ranganath, Gelman and Blei (2017), "Automatic differentiation variational inference", JMLR 18.
    """
    started = perf_counter()
    require_numbers(seed, draws)
    require("family", family, family in METHODS, f"one of {', '.join(METHODS)}")
    whole_number("iterations", iterations, ", 1 or more", 1)
    rule = "an optimiser of PyMC, such as pm.adam(learning_rate=0.01)"
    require("optimizer", optimizer, optimizer is None or callable(optimizer), rule)
    optimizer = pm.adagrad_window() if optimizer is None else optimizer
    target = unconstrained_posterior(model)
    fit_seed, draws_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    mean, covariance = _fit(target, family, fit_seed, iterations, optimizer)
    result = normal_approximation(
        f"advi {family}",
        target,
        mean=mean,
        covariance=covariance,
        rng=np.random.default_rng(draws_seed),
        draws=draws,
        attrs={"engine": METHODS[family], "seed": seed, "iterations": iterations},
    )
    return replace(result, seconds=perf_counter() - started)


def _fit(
    target: Unconstrained, family: Family, seed: int, iterations: int, optimizer: Callable[..., Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and covariance of the last iterate, with the coordinates in the order of ``target``."""
    logger = logging.getLogger("pymc.variational.inference")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        fitted: Any = pm.fit(
            iterations,
            method=METHODS[family],
            model=target.model,
            random_seed=seed,
            progressbar=False,
            obj_optimizer=optimizer,
        )
    finally:
        logger.setLevel(level)
    (group,) = fitted.groups
    order = np.empty(target.size, dtype=int)  # coordinate of ours -> coordinate of PyMC
    for name, place, *_ in group.ordering.values():
        order[target.slices[name]] = np.arange(place.start, place.stop)
    return group.mean.eval()[order], group.cov.eval()[np.ix_(order, order)]
