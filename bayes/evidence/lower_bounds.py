"""The evidence lower bound (ELBO): how much a normalised density q has of the unnormalised posterior p~.

    ELBO = E_q[log p~ - log q] = log p(y) - KL(q || p) <= log p(y)

(Blei, Kucukelbir and McAuliffe 2017, "Variational inference: a review for statisticians", section 2.2). Any q gives a
bound. How far it is below log p(y), KL(q || p), cannot be seen from it. The Monte Carlo error is that of a mean of
independent terms.
"""

from math import log, pi, sqrt

import numpy as np

from bayes.evidence import monte_carlo
from bayes.evidence.laplace_approximation import mode_of
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.evidence.targets import Array, Target
from closedform.validation import whole_number

ROUNDING = 1e-8
"""Terms that differ by less, in nats, are equal: what differs is rounding, which has no tail."""
NOTE = "the ELBO is below log p(y) by KL(q || p), which is not known from it."


def elbo(target: Target, *, seed: int, proposals: int = 10_000) -> EvidenceEstimate:
    """Return the ELBO of the normal of Laplace's method, from ``proposals`` independent draws of it.

    Of another approximation, ``bayes.approximations.lower_bounds.lower_bound`` returns it.

    Raises
    ------
    ValueError
        If ``target`` has no normal of Laplace's method, if ``proposals`` are fewer than 100, or as ``mean_log_ratio``.
    """
    whole_number("proposals", proposals, ", 100 or more", 100)
    m = mode_of(target, "elbo")
    z = np.random.default_rng(seed).standard_normal((proposals, target.dimension))
    # x = m + L^-T z with -H = L L^T
    x = m.point + np.linalg.solve(m.factor.T, z.T).T
    log_q = -0.5 * np.sum(z**2, axis=1) - target.dimension / 2 * log(2 * pi) + np.sum(np.log(np.diag(m.factor)))
    return mean_log_ratio(
        target.log_density(x) - log_q, evaluations=m.evaluations + proposals, notes=(NOTE, *target.notes)
    )


def mean_log_ratio(log_ratios: Array, *, evaluations: int, notes: tuple[str, ...] = (NOTE,)) -> EvidenceEstimate:
    """Return the mean of log p~ - log q over independent draws of q, (n,), as a lower bound with its error.

    Raises ValueError if a ratio is not finite: q is then where the posterior is not, and its ELBO is minus infinity.
    """
    infinite = int(np.sum(~np.isfinite(log_ratios)))
    if infinite:
        raise ValueError(
            f"`model` has no finite log density at {infinite} of {len(log_ratios)} draws of the approximation, whose "
            "ELBO is minus infinity; use another approximation, or method='bridge'."
        )
    below = log_ratios.max() - log_ratios  # the terms that pull the mean down, as positive numbers
    with np.errstate(divide="ignore"):
        k = -np.inf if np.ptp(below) < ROUNDING else monte_carlo.tail_index(np.log(below))
    return EvidenceEstimate(
        log_evidence=float(log_ratios.mean()),
        standard_error=float(log_ratios.std(ddof=1)) / sqrt(len(log_ratios)),
        method="elbo",
        evaluations=evaluations,
        diagnostics=(
            Diagnostic(
                name="Pareto k of the lower tail of log p - log q",
                value=k,
                threshold=monte_carlo.FINITE_VARIANCE,
                meaning="the mean may lack terms far below it, so that its error is larger than it says",
            ),
        ),
        notes=notes,
    )
