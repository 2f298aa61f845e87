"""The estimators of the evidence over all models: a row for each, with its errors and what it claims."""

from collections.abc import Sequence
from math import isnan

import numpy as np
from scipy.stats import binomtest

from bayes.evidence.results import EvidenceEstimate
from reports.approximations.measurements import Estimates
from reports.shared.page import Numbers

Z = 1.96
"""Half the width of a 95 % interval, in claimed errors."""


def error(estimate: EvidenceEstimate, exact: float) -> float:
    """Return the error of an estimate in nats, 0 if it is rounding alone."""
    difference = estimate.log_evidence - exact
    return 0.0 if abs(difference) <= 8 * np.finfo(float).eps * max(1.0, abs(exact)) else difference


def errors(cell: Estimates) -> np.ndarray:
    """Return the error of every estimate, (runs,), in nats."""
    return np.array([error(estimate, cell.exact) for estimate in cell.estimates])


def covered(cell: Estimates) -> int | None:
    """Return how many of the claimed 95 % intervals have the exact value, or None if no error is claimed."""
    claimed = np.array([estimate.standard_error for estimate in cell.estimates])
    return None if isnan(claimed[0]) else int(np.sum(abs(errors(cell)) <= Z * claimed))


def by_method(cells: Sequence[Estimates]) -> Numbers:
    """Return the table with a row for each method, with the median and the largest RMSE over the models."""
    of = {
        method: [cell for cell in cells if cell.method == method] for method in dict.fromkeys(c.method for c in cells)
    }
    rmse = {method: [root_mean_square(errors(cell)) for cell in of[method]] for method in of}
    runs = {method: sum(len(cell.estimates) for cell in of[method]) for method in of}
    return {
        "estimator": [words(method) for method in of],
        "models": [len(of[method]) for method in of],
        "runs": list(runs.values()),
        "median RMSE": [float(np.median(rmse[method])) for method in of],
        "largest RMSE": [max(rmse[method]) for method in of],
        "covers": [
            "none claimed"
            if covered(of[method][0]) is None
            else share(sum(covered(cell) or 0 for cell in of[method]), runs[method])
            for method in of
        ],
        "ms": [1e3 * float(np.median([cell.seconds for cell in of[method]])) for method in of],
    }


def words(method: str) -> str:
    """Return the name of a method as words."""
    return method.replace("_", " ")


def root_mean_square(values: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def share(count: int | None, n: int) -> str:
    """Return a share with its 95 % interval (Clopper and Pearson 1934), or an empty text if there is none."""
    if count is None:
        return ""
    interval = binomtest(count, n).proportion_ci()
    return f"{count / n:.1%} [{interval.low:.0%}, {interval.high:.0%}]"
