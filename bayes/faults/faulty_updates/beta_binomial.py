"""Mistakes about a probability."""

from scipy.stats import beta

from bayes.faults.faulty_updates.updates import LAST_LEFT_OUT, TINY, TWICE, Mistake, told

MISTAKES: dict[str, Mistake] = {
    "prior forgotten": told(successes=TINY, failures=TINY),
    "uniform prior": told(successes=1.0, failures=1.0),
    "Jeffreys's prior": told(successes=0.5, failures=0.5),
    "prior's a and b swapped": told(successes=lambda e: e.failures, failures=lambda e: e.successes),
    "exponents for parameters": lambda e, y: beta(e.successes + y.sum() - 1, e.failures + (e.trials - y).sum() - 1),
    "successes and failures swapped": lambda e, y: e.posterior(e.trials - y),
    "trials for failures": lambda e, y: beta(e.successes + y.sum(), e.failures + e.trials * len(y)),
    "trials of one count": lambda e, y: beta(e.successes + y.sum(), e.failures + abs(e.trials - y.sum())),
    "b not updated": lambda e, y: beta(e.successes + y.sum(), e.failures),
    "data counted twice": TWICE,
    "n - 1 for n": LAST_LEFT_OUT,
}
