"""The ELBO of an approximation as a lower bound of the log evidence, for ``bayes.check``."""

from bayes.approximations.results import Approximation
from bayes.evidence.lower_bounds import mean_log_ratio
from bayes.evidence.results import EvidenceEstimate


def lower_bound(approximation: Approximation) -> EvidenceEstimate:
    """Return the ELBO of ``approximation`` with its Monte Carlo error, as an estimate of the method ``"elbo"``.

    Raises ValueError if the ELBO is minus infinity, where the approximation has draws outside the posterior.

    Examples
    --------
    >>> from bayes import check
    >>> from bayes.approximations.laplace_method import laplace
    >>> from bayes.registry import get_model
    >>> model = get_model("beta_binomial")
    >>> bound = lower_bound(laplace(model.program(), seed=0))
    >>> check(None, model, model.y, evidence=bound).verdict
    'pass'
    """
    return mean_log_ratio(approximation.log_p - approximation.log_q, evaluations=len(approximation.log_p))
