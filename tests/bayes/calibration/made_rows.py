"""Rows of exact and of wrong samplers, made from normal scores: ``summaries.FIELDS`` of many data sets."""

import numpy as np
from scipy.special import ndtri

from bayes.calibration.summaries import TAIL


def rows_of_scores(z, medians=None, truths=None, seed=0):
    """Return rows (N, 1, 8) from normal scores of draws (N, n), and of the true values (N,)."""
    N, n = z.shape
    rng = np.random.default_rng([seed, 9])
    truths = rng.normal(size=N) if truths is None else truths
    medians = rng.normal(size=N) if medians is None else medians
    edge = ndtri(TAIL)
    fields = [
        *(z.mean(axis=1), np.mean(z**2, axis=1), np.mean(z < edge, axis=1), np.mean(z > -edge, axis=1)),
        *(medians, np.sum(z < truths[:, None], axis=1), np.full(N, n), np.full(N, n)),
    ]
    return np.stack(fields, axis=1)[:, None]


def exact_scores_of(N=200, n=500, seed=0):
    return np.random.default_rng(seed).normal(size=(N, n))


def heavy_tailed(z):
    """Return the scores with a tenth of their tails moved out, which leaves mean and median as they are."""
    return np.where(abs(z) > 1.5, 1.06 * z, 0.99 * z)
