"""Calibration of Bayes factors between two models, from data sets that are simulated from each.

B12 = p(y | M1) / p(y | M2) is the ratio of the densities of y under both models. So with data from M2 it has the mean
1, and with data from M1 its inverse B21 has (Turing and Good; Sekulovski, Marsman and Wagenmakers 2024, "A good check
on the Bayes factor", Behavior Research Methods). These means are ruled by rare data sets, unless the models are close.

If both models are equally probable before, p = P(M1 | y) = B12 / (1 + B12) is bounded. Then 1{M1} - p has the mean 0
whatever y is (Schad et al. 2023, "Workflow techniques for the robust use of Bayes factors", Psychological Methods), and
so has its product with any function of y::

    share   E[1{M1} - p] = 0                 a constant is missing in one of the evidences
    slope   E[(1{M1} - p)(p - 1/2)] = 0      the log Bayes factor is too large or too small on both sides
"""

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import t

from bayes.calibration.evidence import mean_one_check
from bayes.calibration.outcomes import sampler_seed
from bayes.calibration.pooled import FEWEST_DATA_SETS
from bayes.calibration.simulation import ExactSimulation, exact_simulation
from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks
from closedform.multiple_testing import ALPHA
from closedform.reasons import one_line
from closedform.validation import whole_number

type Array = NDArray[np.float64]
type Estimator = Callable[[Any, Any, int], float]
"""``estimate(model, y, seed)`` returns log Z, an estimate of log p(y | model) in nats."""

TINY = 1e-300
"""Smallest variance, so that none is 0."""
FEWEST_UNCERTAIN = 20
"""With a smaller sum of the probabilities of the wrong model, over all data sets, too few of them say anything about
the Bayes factor, and the statistic is too far from Student's t."""


def turing_good(
    log_bf_given_1: ArrayLike, log_bf_given_2: ArrayLike, *, alpha: float = ALPHA, notes: tuple[str, ...] = ()
) -> Checks:
    """Check estimates of log B12, in nats, on independent data sets from model 1, (N1,), and from model 2, (N2,).

    The four checks are one family. Those of the mean of a Bayes factor cannot pass if its log has a large spread, which
    ``bayes.calibration.evidence`` explains; the other two need data sets on which the models are not told apart.

    Raises
    ------
    ValueError
        If an argument is not one-dimensional, has fewer than 2 numbers, or has one that is not a number.

    Examples
    --------
    >>> y = np.random.default_rng(0).normal([[1.0], [0.0]], 1.0, (2, 400))  # Normal(1, 1) or Normal(0, 1)
    >>> log_bf = y - 0.5
    >>> turing_good(*log_bf).verdict, turing_good(*(log_bf + 0.7)).verdict
    ('inconclusive', 'fail')
    """
    first, second = _log_factors("log_bf_given_1", log_bf_given_1), _log_factors("log_bf_given_2", log_bf_given_2)
    few = min(len(first), len(second))
    reason = f"data sets {few} < {FEWEST_DATA_SETS}" if few < FEWEST_DATA_SETS else ""
    p1, p2 = expit(first), expit(second)  # P(M1 | y) of the data sets from model 1, and from model 2
    checks = [
        mean_one_check("B21 given M1", -first, reason=reason),
        mean_one_check("B12 given M2", second, reason=reason),
        _mean_product("share", p1, p2, np.ones_like, reason),
        _mean_product("slope", p1, p2, lambda p: p - 0.5, reason),
    ]
    return judge(checks, alpha=alpha, notes=notes)


def check_bayes_factors(
    estimate: Estimator,
    model_1: Any,
    model_2: Any,
    *,
    datasets: int = 200,
    observations: int | None = None,
    seed: int = 0,
    alpha: float = ALPHA,
) -> Checks:
    """Simulate data sets from both models, estimate both evidences of each, and check the Bayes factors.

    Parameters
    ----------
    estimate
        ``estimate(model, y, seed)`` returns log Z, an estimate of log p(y | model) in nats.
    model_1, model_2
        Models with ``simulate``, as in ``calibrate``, of the same kind of data. Their exact evidence is not used.
    datasets
        Data sets from each model.
    observations
        Observations in a data set; as many as the data of a model of the registry have, if it is missing.
    seed
        The first seed. Every data set has its own.
    alpha
        Probability that a correct estimator has a failed check.

    Raises
    ------
    ValueError
        If a model cannot be simulated, if the models differ in their number of observations, or if ``estimate`` fails
        on all data sets of a model but one. A data set on which it fails is named in a note, and nothing can pass then.
    """
    whole_number("datasets", datasets, ", 2 or more", 2)
    simulations = exact_simulation(model_1, observations), exact_simulation(model_2, observations)
    sizes = [simulation.observations for simulation in simulations]
    if sizes[0] != sizes[1]:
        raise ValueError(f"`model_1` and `model_2` must have as many observations, got {sizes}; give `observations`.")
    factors: list[list[float]] = [[], []]
    failures: list[str] = []
    for i in range(2 * datasets):
        origin = i // datasets  # each model has numbers of its own, so that no two data sets share random numbers
        _, y = simulations[origin].data_set(seed, i)
        try:
            factors[origin].append(_log_factor(estimate, simulations, y, sampler_seed(seed, i)))
        except Exception as error:  # an estimator may raise anything; it is reported
            failures.append(f"data set {i}, from model {origin + 1}: {type(error).__name__}: {one_line(error)}")
    if min(map(len, factors)) < 2:
        raise ValueError(f"`estimate` failed on {len(failures)} of {2 * datasets} data sets: {failures[0]}")
    checks = turing_good(*factors, alpha=alpha)
    if not failures:
        return checks
    reason = f"`estimate` failed on {len(failures)} of {2 * datasets} data sets"
    return judge([replace(check, reason=reason) for check in checks], alpha=alpha, notes=failures[:3])


def _log_factor(estimate: Estimator, simulations: tuple[ExactSimulation, ...], y: Any, seed: int) -> float:
    log_z = [float(estimate(simulation.model(y), y, seed)) for simulation in simulations]
    if not np.isfinite(log_z).all():
        raise ValueError(f"`estimate` must return finite numbers, got {log_z}.")
    return log_z[0] - log_z[1]


def _log_factors(name: str, values: ArrayLike) -> Array:
    factors = np.asarray(values, dtype=float)
    if factors.ndim != 1 or len(factors) < 2 or np.isnan(factors).any():
        raise ValueError(
            f"`{name}` must be a row of 2 or more log Bayes factors, without nan, got shape {factors.shape} with "
            f"{int(np.isnan(factors).sum())} nan; give log B12 of every data set."
        )
    return factors


def _mean_product(statistic: str, p1: Array, p2: Array, h: Callable[[Array], Array], reason: str) -> Check:
    """Return the check of E[(1{M1} - p) h(p)] = 0, from P(M1 | y) of data sets from each model, (N1,) and (N2,).

    The variance is that of the sample, or that of the null hypothesis from all p if it is larger (Spiegelhalter 1986,
    "Probabilistic prediction in patient management and clinical trials", Statistics in Medicine 5). That of the sample
    is too small where few data sets are given to the wrong model.
    """
    # E[(1{M1} - p) h] = 1/2 E[a | M1] - 1/2 E[b | M2],    a = (1 - p) h,    b = p h
    a, b = (1 - p1) * h(p1), p2 * h(p2)
    error = float(a.mean() - b.mean()) / 2
    # with E over both models: E[a | M1] = E[b | M2] = 2 E[p (1 - p) h],    E[a^2 | M1] = 2 E[p (1 - p)^2 h^2], ...
    mean, a2, b2 = (
        float(f(p1).mean() + f(p2).mean())
        for f in (
            lambda p: p * (1 - p) * h(p),
            lambda p: p * (1 - p) ** 2 * h(p) ** 2,
            lambda p: p**2 * (1 - p) * h(p) ** 2,
        )
    )
    of_null = (a2 - mean**2) / len(a) + (b2 - mean**2) / len(b)
    of_sample = a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)
    null_error = sqrt(max(of_null, of_sample, TINY)) / 2
    degrees_of_freedom = len(a) + len(b) - 2
    wrong = float((1 - p1).sum() + p2.sum())
    told_apart = wrong < FEWEST_UNCERTAIN
    return Check(
        parameter="P(M1 | y)",
        statistic=statistic,
        exact=float(b.mean()),
        estimate=float(a.mean()),
        error=error,
        null_error=null_error,
        p_value=1.0 if told_apart else float(2 * t.sf(abs(error) / null_error, degrees_of_freedom)),
        degrees_of_freedom=degrees_of_freedom,
        ess=len(a) + len(b),
        reason=reason or (f"the models are told apart on all but about {wrong:.0f} data sets" if told_apart else ""),
    )
