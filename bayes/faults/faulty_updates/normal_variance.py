"""Mistakes about a normal variance."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import gamma, invgamma

from bayes.faults.faulty_updates.updates import DATA_TWICE, TINY, Array, Mistake, PosteriorSampler, with_hyperparameters


def _squares(e: Any, y: Array) -> float:
    return float(np.sum((y - e.mean) ** 2))


MISTAKES: dict[str, Mistake] = {
    "prior forgotten": with_hyperparameters(shape=TINY, scale=TINY),
    "scale left out": with_hyperparameters(scale=TINY),
    "rate for scale": with_hyperparameters(scale=lambda e: 1 / e.scale),
    "shape - 1 for shape": with_hyperparameters(shape=lambda e: e.shape - 1),
    "shape and scale of the scaled chi-square": with_hyperparameters(
        shape=lambda e: e.shape / 2, scale=lambda e: e.shape * e.scale / 2
    ),
    "mean 0": with_hyperparameters(mean=0.0),
    "about the mean of the data": lambda e, y: replace(e, mean=float(y.mean())).posterior(y),
    "n for n/2": lambda e, y: invgamma(e.shape + len(y), scale=e.scale + _squares(e, y) / 2),
    "n - 1 for n": lambda e, y: invgamma(e.shape + (len(y) - 1) / 2, scale=e.scale + _squares(e, y) / 2),
    "sum of squares without its half": lambda e, y: invgamma(e.shape + len(y) / 2, scale=e.scale + _squares(e, y)),
    "variance for sum of squares": lambda e, y: invgamma(
        e.shape + len(y) / 2, scale=e.scale + _squares(e, y) / len(y) / 2
    ),
    "data counted twice": DATA_TWICE,
    "precision for variance": lambda e, y: gamma(e.shape + len(y) / 2, scale=1 / (e.scale + _squares(e, y) / 2)),
    "sd for variance": lambda e, y: PosteriorSampler(
        lambda size, rng: {"sigma2": np.sqrt(e.posterior(y).rvs(size, rng))}
    ),
}
