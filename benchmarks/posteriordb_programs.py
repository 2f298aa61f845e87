"""PyMC programs of posteriordb's posteriors whose exact family has none here, with the priors of the Stan programs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
from numpy.typing import NDArray

type Data = Mapping[str, Any]


def rates(data: Data, rate: list[int]) -> pm.Model:
    """Return counts k_i ~ Binomial(n_i, theta[rate_i]) with uniform priors."""
    k = np.array([data["k1"], data["k2"]])
    with pm.Model() as model:
        theta = pm.Beta("theta", 1.0, 1.0, shape=max(rate) + 1)
        pm.Binomial("y", n=np.array([data["n1"], data["n2"]]), p=theta[np.array(rate)], observed=k)
    return model


def rate_and_prior(data: Data) -> pm.Model:
    """Return one count, and a rate of the prior beside its own."""
    with pm.Model() as model:
        theta = pm.Beta("theta", 1.0, 1.0)
        pm.Beta("thetaprior", 1.0, 1.0)
        pm.Binomial("y", n=data["n"], p=theta, observed=np.array([data["k"]]))
    return model


def _history(data: Data) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return a dog's shocks, and its earlier avoidances and shocks, from the second trial on, each (dogs * trials,)."""
    y = np.array(data["y"])
    shocks = np.cumsum(y, axis=1)[:, :-1]
    avoided = np.cumsum(1 - y, axis=1)[:, :-1]
    return y[:, 1:].ravel(), avoided.ravel(), shocks.ravel()


def dogs_logistic(data: Data) -> pm.Model:
    """Return shocks with a logistic regression on earlier avoidances and shocks; the first trial has p = 1/2."""
    y, avoided, shocks = _history(data)
    first = np.array(data["y"])[:, 0]
    y = np.concatenate([first, y])
    avoided, shocks = (np.concatenate([0 * first, earlier]) for earlier in (avoided, shocks))
    with pm.Model() as model:
        a, b = pm.Uniform("avoidance", -100.0, 0.0), pm.Uniform("shock", 0.0, 100.0)
        pm.Bernoulli("y", logit_p=a * avoided + b * shocks, observed=y)
    return model


def dogs_powers(data: Data) -> pm.Model:
    """Return shocks with p = a^shocks b^avoidances; the first trial is a shock with certainty."""
    y, avoided, shocks = _history(data)
    with pm.Model() as model:
        a, b = pm.Uniform("a", 0.0, 1.0), pm.Uniform("b", 0.0, 1.0)
        pm.Bernoulli("y", p=a**shocks * b**avoided, observed=y)
    return model


def dugongs(data: Data) -> pm.Model:
    """Return the growth curve alpha - beta lambda^x."""
    x, y = np.array(data["x"]), np.array(data["Y"])
    with pm.Model() as model:
        alpha, beta = pm.Normal("alpha", 0.0, 1000.0), pm.Normal("beta", 0.0, 1000.0)
        decay = pm.Uniform("lambda", 0.5, 1.0)
        tau = pm.Gamma("tau", 1e-4, 1e-4)
        pm.Normal("y", mu=alpha - beta * decay**x, sigma=tau**-0.5, observed=y)
    return model


PROGRAMS: dict[str, Callable[[Data], pm.Model]] = {
    "Rate_2_data-Rate_2_model": lambda data: rates(data, [0, 1]),
    "Rate_3_data-Rate_3_model": lambda data: rates(data, [0, 0]),
    "Rate_4_data-Rate_4_model": rate_and_prior,
    "Rate_5_data-Rate_5_model": lambda data: rates(data, [0, 0]),
    "dogs-dogs_hierarchical": dogs_powers,
    "dogs-dogs_log": dogs_logistic,
    "dugongs_data-dugongs_model": dugongs,
}
"""Name of a posterior -> its program."""
