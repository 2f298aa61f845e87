"""Mistakes about a rate of counts."""

from scipy.stats import gamma, invgamma

from bayes.mistakes.updates import LAST_LEFT_OUT, TINY, TWICE, Mistake, told

MISTAKES: dict[str, Mistake] = {
    "prior forgotten": told(shape=TINY, inverse_scale=TINY),
    "rate for scale of the prior": told(inverse_scale=lambda e: 1 / e.inverse_scale),
    "shape and rate swapped": told(shape=lambda e: e.inverse_scale, inverse_scale=lambda e: e.shape),
    "exponents for parameters": told(shape=lambda e: e.shape - 1 + TINY),
    "1 added to the shape": told(shape=lambda e: e.shape + 1),
    "data counted twice": TWICE,
    "n - 1 for n": LAST_LEFT_OUT,
    "average as one observation": lambda e, y: gamma(e.shape + y.mean(), scale=1 / (e.inverse_scale + 1)),
    "b_n for 1/b_n": lambda e, y: gamma(e.shape + y.sum(), scale=e.inverse_scale + len(y)),
    "1 for n": lambda e, y: gamma(e.shape + y.sum(), scale=1 / (e.inverse_scale + 1)),
    "n for the sum": lambda e, y: gamma(e.shape + len(y), scale=1 / (e.inverse_scale + len(y))),
    "scales added": lambda e, y: gamma(e.shape + y.sum(), scale=1 / (1 / e.inverse_scale + len(y))),
    "mean for rate": lambda e, y: invgamma(e.shape + y.sum(), scale=e.inverse_scale + len(y)),
}
