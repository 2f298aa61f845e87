"""Mistakes about a probability."""

from scipy.stats import beta

from bayes.faults.faulty_updates.updates import DATA_TWICE, TINY, WITHOUT_LAST, Mistake, with_hyperparameters

MISTAKES: dict[str, Mistake] = {
    "prior forgotten": with_hyperparameters(successes=TINY, failures=TINY),
    "uniform prior": with_hyperparameters(successes=1.0, failures=1.0),
    "Jeffreys's prior": with_hyperparameters(successes=0.5, failures=0.5),
    "prior's a and b swapped": with_hyperparameters(successes=lambda e: e.failures, failures=lambda e: e.successes),
    "exponents for parameters": lambda e, y: beta(e.successes + y.sum() - 1, e.failures + (e.trials - y).sum() - 1),
    "successes and failures swapped": lambda e, y: e.posterior(e.trials - y),
    "trials for failures": lambda e, y: beta(e.successes + y.sum(), e.failures + e.trials * len(y)),
    "trials of one count": lambda e, y: beta(e.successes + y.sum(), e.failures + abs(e.trials - y.sum())),
    "b not updated": lambda e, y: beta(e.successes + y.sum(), e.failures),
    "data counted twice": DATA_TWICE,
    "n - 1 for n": WITHOUT_LAST,
}
