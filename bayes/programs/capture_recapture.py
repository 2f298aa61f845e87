"""The model M0 of capture and recapture as a PyMC program, summed over whether each candidate is there."""

from functools import partial
from typing import Any, cast

import pymc as pm
import pytensor.tensor as pt
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.capture_recapture import CaptureRecapture


def program(exact: CaptureRecapture, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n, T)."""
    T = exact.occasions
    with pm.Model() as model:
        omega = pm.Beta("omega", alpha=float64(exact.present), beta=float64(exact.absent))
        p = pm.Beta("p", alpha=float64(exact.captures), beta=float64(exact.misses))
        pm.CustomDist(
            "y",
            omega,
            p,
            dist=partial(draw_histories, T=T),
            logp=partial(log_likelihood, T=T),
            signature=f"(),()->({T})",
            observed=validate.counts(y, 1, columns=T),
        )
    return model


def draw_histories(omega: Any, p: Any, size: Any, *, T: int) -> Any:
    """Return random histories of the shape ``size`` + (T,)."""
    is_there = pm.Bernoulli.dist(omega, size=size)
    return is_there[..., None] * pm.Bernoulli.dist(p, size=pt.concatenate([is_there.shape, [T]]))


def log_likelihood(histories: Any, omega: Any, p: Any, *, T: int) -> Any:
    """Return log p(history | omega, p) of each candidate, (n,), in nats."""
    captures: Any = pt.sum(histories, axis=-1)
    log_p, log_q, log_omega = (cast(Any, value) for value in (pt.log(p), pt.log1p(-p), pt.log(omega)))
    there = log_omega + captures * log_p + (T - captures) * log_q
    never_captured = pt.logaddexp(log_omega + T * log_q, pt.log1p(-omega))
    return pt.switch(pt.gt(captures, 0), there, never_captured)
