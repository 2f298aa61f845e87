"""From a model and draws to a verdict on their leave-one-out estimates."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes.checking.leave_one_out import LeaveOneOut, compare_loo
from bayes.exact.distribution import Distribution, scalar_distributions
from bayes.io.draws import DrawsLike, as_draws, divergences, is_smc, log_likelihoods
from bayes.registry import Model
from closedform.multiple_testing import ALPHA


class HasLeaveOneOut(Protocol):
    """A model that predicts each observation from all others, such as those of ``bayes.exact``."""

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]: ...
    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]: ...
    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]: ...


def check_loo(draws: DrawsLike, model: HasLeaveOneOut | Model, y: ArrayLike, *, alpha: float = ALPHA) -> LeaveOneOut:
    """Check ArviZ's PSIS-LOO of posterior draws against the exact leave-one-out predictive densities of ``model``.

    Parameters
    ----------
    draws
        Draws with the log likelihood of each observation: an ArviZ ``DataTree`` with a group ``log_likelihood``, as
        ``pm.compute_log_likelihood`` makes it, or the result of ``load_draws(..., log_likelihood=True)``. Of draws
        without it, the log likelihood is that of the model's formula at the draws, and a note says so.
    model, y
        The exact model, or a model of the registry, and the data that the sampler was given, shape (n,).
    alpha
        Probability that an observation or the total fails although the draws are right.

    Returns
    -------
    bayes.checking.leave_one_out.LeaveOneOut
        Estimate, exact value, MCSE, Pareto k and WAIC of each observation, with a verdict. High k are inconclusive.

    Raises
    ------
    ValueError
        If the model does not predict one observation from the others, if there is more than one log likelihood or its
        shape is not (chain, draw, n), if draws lack a parameter, or if they are particles of SMC.

    Examples
    --------
    >>> from bayes.exact.normal_normal import EXAMPLE
    >>> rng = np.random.default_rng(0)
    >>> correct = {"mu": rng.normal(2.0866197, 0.0704225**0.5, size=(4, 1000))}
    >>> check_loo(correct, EXAMPLE.model, EXAMPLE.y).verdict
    'pass'
    >>> variance_as_sd = {"mu": rng.normal(2.0866197, 0.0704225, size=(4, 1000))}
    >>> check_loo(variance_as_sd, EXAMPLE.model, EXAMPLE.y).verdict
    'fail'
    """
    exact = model.exact if isinstance(model, Model) else model
    if not hasattr(exact, "leave_one_out"):
        raise ValueError(
            f"`model` must have `leave_one_out`, which {type(exact).__name__} has not: it does not say what one "
            "observation is; give one of the registry's, `bayes.models[NAME].exact`."
        )
    stats = as_draws(draws, [])
    if is_smc(stats):
        raise ValueError("`draws` are particles of SMC, which have no MCSE by which they could be judged; give chains.")
    logs, notes = log_likelihoods(draws), []
    if len(logs) > 1:
        raise ValueError(
            f"`draws` must have the log likelihood of one variable, got {', '.join(sorted(logs))}; drop the others."
        )
    if logs:
        (log_likelihood,) = logs.values()
    else:
        names = dict.fromkeys(name for name, _ in scalar_distributions(exact.marginals(y)))
        log_likelihood = exact.pointwise_log_likelihood(as_draws(draws, names).posterior, y)
        notes.append("the draws have no log_likelihood: it is that of the model's formula at the draws.")
    return compare_loo(exact.leave_one_out(y), log_likelihood, divergent=divergences(stats), alpha=alpha, notes=notes)
