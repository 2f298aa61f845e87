"""Mistakes about a rate of counts."""

from scipy.stats import gamma, invgamma

from bayes.faults.faulty_updates.updates import DATA_TWICE, GAMMA_PRIOR, WITHOUT_LAST, Mistake

MISTAKES: dict[str, Mistake] = {
    **GAMMA_PRIOR,
    "data counted twice": DATA_TWICE,
    "n - 1 for n": WITHOUT_LAST,
    "average as one observation": lambda e, y: gamma(e.shape + y.mean(), scale=1 / (e.inverse_scale + 1)),
    "b_n for 1/b_n": lambda e, y: gamma(e.shape + y.sum(), scale=e.inverse_scale + len(y)),
    "1 for n": lambda e, y: gamma(e.shape + y.sum(), scale=1 / (e.inverse_scale + 1)),
    "n for the sum": lambda e, y: gamma(e.shape + len(y), scale=1 / (e.inverse_scale + len(y))),
    "scales added": lambda e, y: gamma(e.shape + y.sum(), scale=1 / (1 / e.inverse_scale + len(y))),
    "mean for rate": lambda e, y: invgamma(e.shape + y.sum(), scale=e.inverse_scale + len(y)),
}
