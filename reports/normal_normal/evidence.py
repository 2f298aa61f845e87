"""The section on the evidence: two priors compared, and the evidence as a function of the prior variance."""

import math
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from bayes.exact.validate import LARGEST, SMALLEST
from reports.normal_normal import figures
from reports.normal_normal.problem import Problem
from reports.shared.page import Numbers

SMALLEST_SHOWN = 5e-7
"""A log Bayes factor below this rounds to 0 in the digits shown."""
LARGEST_WRITTEN_OUT = 1e6
"""For a larger absolute value of x, exp(x) is written as a power of ten alone."""


def evidence_section(problem: Problem) -> Numbers:
    """Return the evidence of both priors, their Bayes factor, and log evidence as a curve over the prior variance."""
    model, y, labels = problem.model, problem.y, list(problem.priors)
    log_evidence = [prior.log_evidence(y) for prior in problem.priors.values()]
    terms = [prior.log_evidence_terms(y) for prior in problem.priors.values()]
    log_bayes_factor = log_evidence[0] - log_evidence[1]
    favoured, other = (0, 1) if log_bayes_factor >= 0 else (1, 0)
    best = model.best_prior_sd(y) ** 2
    best_log_evidence = _log_evidence(problem, best) if best > 0 else None
    return {
        "evidence": {
            "prior": labels,
            "evidence p(y)": [_power_of_ten(value) for value in log_evidence],
            "log p(y)": log_evidence,
            "noise": [term["noise"] for term in terms],
            "Occam's factor": [term["occam"] for term in terms],
            "scatter of the data": [term["scatter"] for term in terms],
            "misfit of the prior mean": [term["misfit"] for term in terms],
        },
        "smallest_shown": SMALLEST_SHOWN,
        "bayes_factor": _power_of_ten(abs(log_bayes_factor)),
        "favoured": labels[favoured],
        "unfavoured": labels[other],
        "log_bayes_factor": log_bayes_factor,
        "strength": _strength(abs(log_bayes_factor)),
        "curve": _curve(problem, best),
        "best_prior_var": best,
        "best_log_evidence": best_log_evidence,
        "loss_to_best": None if best_log_evidence is None else best_log_evidence - log_evidence[0],
        "other_loss_to_best": None if best_log_evidence is None else best_log_evidence - log_evidence[1],
        "mean_distance": abs(y.mean() - model.prior_mean),
        "standard_error": model.noise_sd / math.sqrt(len(y)),
    }


def _log_evidence(problem: Problem, prior_var: float) -> float:
    return replace(problem.model, prior_sd=math.sqrt(prior_var)).log_evidence(problem.y)


def _curve(problem: Problem, best: float) -> Figure:
    model, y = problem.model, problem.y
    marks = {label: (prior.prior_sd**2, prior.log_evidence(y)) for label, prior in problem.priors.items()}
    if best > 0:
        marks["maximum"] = (best, _log_evidence(problem, best))
    anchors = [point[0] for point in marks.values()] + [model.noise_sd**2 / len(y)]
    # 1 % inside the range that a model accepts, so that the rounding of a square root cannot leave it.
    smallest, largest = (1.01 * SMALLEST) ** 2, (0.99 * LARGEST) ** 2
    variances = np.geomspace(max(smallest, min(anchors) / 10), min(largest, max(anchors) * 100), 400)
    return figures.evidence_curve(variances, np.array([_log_evidence(problem, v) for v in variances]), marks)


def _power_of_ten(log_value: float) -> str:
    """Return exp(log_value) with five digits, as text; it may be too small or too large for a float."""
    if abs(log_value) > LARGEST_WRITTEN_OUT:
        return f"10^({log_value / math.log(10):.6g})"
    exponent, rest = divmod(log_value / math.log(10), 1)
    mantissa, carry = f"{10**rest:.4e}".split("e")
    exponent += int(carry)
    return f"{float(mantissa) * 10**exponent:.5g}" if -3 <= exponent <= 5 else f"{mantissa}e{int(exponent):+03d}"


def _strength(log_bayes_factor: float) -> str:
    """Return what Kass and Raftery (1995), "Bayes factors", section 3.2, call a log Bayes factor, in nats."""
    two_log_bayes_factor = 2 * log_bayes_factor
    for limit, words in [(2, "not worth more than a bare mention"), (6, "positive"), (10, "strong")]:
        if two_log_bayes_factor < limit:
            return words
    return "very strong"
