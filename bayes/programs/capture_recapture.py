"""The model M0 of capture and recapture as a PyMC program, summed over whether each candidate is there."""

from typing import Any

import pymc as pm
import pytensor.tensor as pt
from numpy import float64
from numpy.typing import ArrayLike

from bayes.exact import validate
from bayes.exact.capture_recapture import CaptureRecapture


def program(exact: CaptureRecapture, y: ArrayLike) -> pm.Model:
    """Return the PyMC model with the hyperparameters of ``exact``, conditioned on ``y`` of shape (n, T)."""
    with pm.Model() as model:
        omega = pm.Beta("omega", alpha=float64(exact.present), beta=float64(exact.absent))
        p = pm.Beta("p", alpha=float64(exact.captures), beta=float64(exact.misses))
        histories = validate.counts(y, 1, columns=exact.occasions)
        signature = f"(),()->({exact.occasions})"
        pm.CustomDist("y", omega, p, logp=log_likelihood, signature=signature, observed=histories)
    return model


def log_likelihood(histories: Any, omega: Any, p: Any) -> Any:
    """Return log p(history | omega, p) of each candidate, (n,), in nats."""
    captures: Any = pt.sum(histories, axis=-1)
    T = histories.shape[-1]
    there = pt.log(omega) + captures * pt.log(p) + (T - captures) * pt.log1p(-p)
    never_captured = pt.logaddexp(pt.log(omega) + T * pt.log1p(-p), pt.log1p(-omega))
    return pt.switch(pt.gt(captures, 0), there, never_captured)
