"""The section on the evidence: two priors compared, and all between."""

import math
from dataclasses import replace

import numpy as np

from bayes.exact.validate import LARGEST, SMALLEST
from reports.normal_normal import figures
from reports.normal_normal.problem import Problem
from reports.shared.page import Page

SMALLEST_SHOWN = 5e-7
"""A smaller log Bayes factor rounds to 0 in the digits shown."""
LARGEST_WRITTEN_OUT = 1e6
"""Of exp(x) for a larger |x| no digit but the power of ten is worth writing."""


def add_evidence(page: Page, problem: Problem) -> None:
    """Add the evidence of both priors, their Bayes factor, and log evidence as a curve over the prior variance."""
    y, labels = problem.y, list(problem.priors)
    page.section("Two priors, and all between")
    log_evidence = [model.log_evidence(y) for model in problem.priors.values()]
    terms = [model.log_evidence_terms(y) for model in problem.priors.values()]
    page.table(
        "evidence",
        "The evidence of both priors and the four terms of its logarithm, in nats.",
        {
            "prior": labels,
            "evidence $p(y)$": [_power_of_ten(value) for value in log_evidence],
            "log $p(y)$": log_evidence,
            "noise": [term["noise"] for term in terms],
            "Occam's factor": [term["occam"] for term in terms],
            "scatter of the data": [term["scatter"] for term in terms],
            "misfit of the prior mean": [term["misfit"] for term in terms],
        },
        formats=dict.fromkeys(
            ["log $p(y)$", "noise", "Occam's factor", "scatter of the data", "misfit of the prior mean"], ".6f"
        ),
    )
    log_bayes_factor = log_evidence[0] - log_evidence[1]
    favoured, other = (0, 1) if log_bayes_factor >= 0 else (1, 0)
    verdict = (
        "The two priors predicted these data equally well: the Bayes factor is 1."
        if abs(log_bayes_factor) < SMALLEST_SHOWN
        else "These data were {bayes_factor} times more probable under {favoured} than under {unfavoured}: "
        "the log Bayes factor of the first prior against the second is {log_bayes_factor:.6f} nats, evidence that Kass "
        "and Raftery (1995) call <em>{strength}</em>."
    )
    page.conclusion(
        verdict,
        bayes_factor=_power_of_ten(abs(log_bayes_factor)),
        favoured=labels[favoured],
        unfavoured=labels[other],
        log_bayes_factor=log_bayes_factor,
        strength=_strength(abs(log_bayes_factor)),
    )
    _evidence_curve(page, problem)


def _evidence_curve(page: Page, problem: Problem) -> None:
    model, y = problem.model, problem.y

    def log_evidence(variance: float) -> float:
        return replace(model, prior_sd=math.sqrt(variance)).log_evidence(y)

    best = model.best_prior_sd(y) ** 2
    marks = {label: (prior.prior_sd**2, prior.log_evidence(y)) for label, prior in problem.priors.items()}
    if best > 0:
        marks["maximum"] = (best, log_evidence(best))
    anchors = [point[0] for point in marks.values()] + [model.noise_sd**2 / len(y)]
    # A hundredth inside what a model accepts, so that rounding a root does not step over.
    smallest, largest = (1.01 * SMALLEST) ** 2, (0.99 * LARGEST) ** 2
    variances = np.geomspace(max(smallest, min(anchors) / 10), min(largest, max(anchors) * 100), 400)
    page.figure(
        figures.evidence_curve(variances, np.array([log_evidence(v) for v in variances]), marks),
        caption="Log evidence over the variance of the prior: one number a model, no parameter left in it.",
        alt="A curve of log evidence against prior variance with both priors and, where there is one, the maximum.",
    )
    if best > 0:
        page.conclusion(
            "The evidence is largest at $\\tau^2 = (\\bar y - m_0)^2 - \\sigma^2/n$ = {best_prior_var:.5f}, where log "
            "$p(y)$ = {best_log_evidence:.5f}: there the prior is as wide as the data mean's distance from $m_0$ "
            "calls for. The first prior falls {loss_to_best:.5f} nats short of that, the second "
            "{other_loss_to_best:.5f}. The narrower a prior is, the less it allows for the data mean; the wider, the "
            "more it spreads itself over means that did not happen: far to the right, half a nat for every $e$-fold "
            "of $\\tau^2$.",
            best_prior_var=best,
            best_log_evidence=log_evidence(best),
            loss_to_best=log_evidence(best) - model.log_evidence(y),
            other_loss_to_best=log_evidence(best) - problem.other.log_evidence(y),
        )
    else:
        page.conclusion(
            "The data mean lies {mean_distance:.4g} from $m_0$, closer than its own standard error "
            "{standard_error:.4g}: the evidence only grows as the prior narrows towards $m_0$, and has no maximum at "
            "a positive $\\tau^2$.",
            mean_distance=abs(y.mean() - model.prior_mean),
            standard_error=model.noise_sd / math.sqrt(len(y)),
            best_prior_var=best,
        )


def _power_of_ten(log_value: float) -> str:
    """Return exp(log_value) with five digits, or as a power of ten, where it is too small or too large for a float."""
    if abs(log_value) > LARGEST_WRITTEN_OUT:
        return f"10^({log_value / math.log(10):.6g})"
    exponent, rest = divmod(log_value / math.log(10), 1)
    mantissa, carry = f"{10**rest:.4e}".split("e")
    exponent += int(carry)
    return f"{float(mantissa) * 10**exponent:.5g}" if -3 <= exponent <= 5 else f"{mantissa}e{int(exponent):+03d}"


def _strength(log_bayes_factor: float) -> str:
    """Return the words of Kass and Raftery (1995), "Bayes factors", section 3.2, for a log Bayes factor in nats."""
    two_log_bayes_factor = 2 * log_bayes_factor
    for limit, words in [(2, "not worth more than a bare mention"), (6, "positive"), (10, "strong")]:
        if two_log_bayes_factor < limit:
            return words
    return "very strong"
