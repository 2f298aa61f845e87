"""What an approximation loses against the exact answer of a model of the registry.

The divergence of the whole posterior needs no quadrature, because log p(y) is exact::

    KL(q || p) = E_q[log q(z) - log p(z | y)] = log p(y) - ELBO
"""

from dataclasses import dataclass
from math import nan

import numpy as np

from bayes._check import check
from bayes.approximations.marginal_losses import LEVELS, MarginalLoss, marginal_loss
from bayes.approximations.predictive_losses import PredictiveLoss, approximate_predictive_loss
from bayes.approximations.results import Approximation
from bayes.checking.results import Checks, aligned
from bayes.registry import Model
from closedform.validation import require

IMPOSSIBLE = 8.0
"""Standard errors by which an ELBO above the log evidence is no accident."""
CHAINS = 4
"""The draws are independent, so that they are four chains as well as one; ``check`` compares chains."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What an approximation loses on a model. ``str`` makes a table.

    Parameters
    ----------
    name, model
        The approximation, and the label of the model.
    kl, kl_se
        KL(q || p) = log p(y) - ELBO in nats, and its Monte Carlo standard error. Of several paths it is the mean of
        theirs, before draws are resampled.
    marginals
        The errors of every marginal.
    predictive
        Nats lost per new observation.
    pareto_k
        The shape of the tail of the importance ratios; above 0.7 the draws cannot be reweighted.
    checks
        The verdict of ``bayes.check`` on the draws: whether they can be told from the exact posterior. None for
        resampled draws, which repeat each other and have no ESS to be judged by.
    seconds
        Wall time of the approximation.
    """

    name: str
    model: str
    kl: float
    kl_se: float
    marginals: tuple[MarginalLoss, ...]
    predictive: PredictiveLoss
    pareto_k: float
    checks: Checks | None
    seconds: float

    @property
    def worst_location_error(self) -> float:
        """The location error that is largest in absolute value, in exact sds."""
        return _largest([marginal.location_error for marginal in self.marginals])

    @property
    def worst_log_sd_ratio(self) -> float:
        """The log ratio of sds that is largest in absolute value."""
        return _largest([marginal.log_sd_ratio for marginal in self.marginals])

    def coverage(self, level: float) -> float:
        """Return the exact probability of central intervals of ``level``, averaged over the parameters.

        Raises ValueError if ``level`` is none of ``LEVELS``.
        """
        require("level", level, level in LEVELS, f"one of {', '.join(map(str, LEVELS))}")
        return float(np.mean([marginal.coverage[LEVELS.index(level)] for marginal in self.marginals]))

    @property
    def verdict(self) -> str:
        """The verdict of ``checks``, or ``"not judged"``."""
        return self.checks.verdict if self.checks else "not judged"

    def __str__(self) -> str:
        levels = [f"{100 * level:g} % covers" for level in LEVELS]
        rows = [
            (
                marginal.name,
                f"{marginal.location_error:+.3f}",
                f"{marginal.log_sd_ratio:+.3f}",
                f"{marginal.kl:.3g}",
                *(f"{100 * share:.1f} %" for share in marginal.coverage),
            )
            for marginal in self.marginals
        ]
        loss = self.predictive
        return "\n".join(
            [
                f"{self.name} of {self.model}: {self.verdict}",
                *aligned([("parameter", "location, sd", "log sd ratio", "KL(p||q)", *levels), *rows]),
                f"KL(q||p) = log p(y) - ELBO = {self.kl:.4g} +- {self.kl_se:.2g} nats, Pareto k {self.pareto_k:.2f}",
                f"lost per new observation: {loss.nats:.3g} +- {loss.standard_error:.2g} nats",
            ]
        )


def losses(approximation: Approximation, model: Model) -> Losses:
    """Return what ``approximation`` loses against the exact answer of ``model``.

    Parameters
    ----------
    approximation
        An approximation of the posterior of ``model.program()``.
    model
        A model of the registry, with its data.

    Returns
    -------
    Losses
        Divergence, errors of the marginals, the predictive loss, and the verdict of ``bayes.check``.

    Raises
    ------
    ValueError
        If the arguments are not what they should be, or in the other order. If the approximation is of other data, if
        its draws lack a parameter of the model, if its ELBO is above the log evidence, or if the data leave no
        observation to predict.

    Examples
    --------
    >>> from bayes.approximations.laplace_method import laplace
    >>> from bayes.registry import get_model
    >>> model = get_model("normal_normal")
    >>> result = losses(laplace(model.program(), seed=0), model)
    >>> result.verdict, round(result.kl, 9)
    ('pass', 0.0)
    """
    kinds = isinstance(approximation, Approximation) and isinstance(model, Model)
    if not kinds:
        raise ValueError(
            "`approximation` must be an Approximation, as of `laplace`, and `model` a model of the registry, in this "
            f"order, got {type(approximation).__name__} and {type(model).__name__}."
        )
    posterior = approximation.draws["posterior"].dataset
    if missing := sorted(set(model.variables) - set(map(str, posterior.data_vars))):
        raise ValueError(
            f"`approximation` has no draws of {missing[0]}, which {model.label} has; approximate `model.program()`."
        )
    observed = approximation.target.observed
    if observed.size and not np.array_equal(observed, np.ravel(model.y)):
        raise ValueError(
            f"`approximation` was fitted to other data than those of {model.label}; approximate `model.program()`, or "
            "give `model.with_data(y)`."
        )
    kl = model.exact.log_evidence(model.y) - approximation.elbo
    if kl < -IMPOSSIBLE * max(approximation.elbo_se, 1e-9):
        raise ValueError(
            f"`approximation` has the ELBO {approximation.elbo:.6g}, and log p(y) of {model.label} is {-kl:.3g} nats "
            "lower, which no ELBO exceeds: it approximates another model, or other data."
        )
    n = posterior.sizes["draw"] // CHAINS
    chains = {
        name: posterior[name].values[0, : CHAINS * n].reshape(CHAINS, n, *posterior[name].shape[2:])
        for name in model.variables
    }
    return Losses(
        name=approximation.name,
        model=model.label,
        kl=kl,
        kl_se=approximation.elbo_se,
        marginals=tuple(marginal_loss(approximation, name, exact) for name, exact in model.marginals.items()),
        predictive=approximate_predictive_loss(approximation, model),
        pareto_k=approximation.pareto_k,
        checks=None if approximation.mean is None else check(chains, model, model.y),
        seconds=approximation.seconds,
    )


def _largest(errors: list[float]) -> float:
    """Return the error that is largest in absolute value; nan if none is a number."""
    known = [error for error in errors if not np.isnan(error)]
    return max(known, key=abs) if known else nan
