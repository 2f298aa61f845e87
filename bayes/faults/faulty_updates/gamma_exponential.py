"""Mistakes about a rate of waiting times."""

from scipy.stats import gamma, invgamma

from bayes.faults.faulty_updates.updates import AVERAGE_AS_ONE, DATA_TWICE, GAMMA_PRIOR, WITHOUT_LAST, Mistake

MISTAKES: dict[str, Mistake] = {
    **GAMMA_PRIOR,
    "data counted twice": DATA_TWICE,
    "n - 1 for n": WITHOUT_LAST,
    "average as one observation": AVERAGE_AS_ONE,
    "b_n for 1/b_n": lambda e, y: gamma(e.shape + len(y), scale=e.inverse_scale + y.sum()),
    "average for the sum": lambda e, y: gamma(e.shape + len(y), scale=1 / (e.inverse_scale + y.mean())),
    "1 for n": lambda e, y: gamma(e.shape + 1, scale=1 / (e.inverse_scale + y.sum())),
    "sum for n": lambda e, y: gamma(e.shape + y.sum(), scale=1 / (e.inverse_scale + len(y))),
    "mean for rate": lambda e, y: invgamma(e.shape + len(y), scale=e.inverse_scale + y.sum()),
}
