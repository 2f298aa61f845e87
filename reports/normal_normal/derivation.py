"""The section on the model: its formulas and what they mean."""

from reports.normal_normal.problem import Problem
from reports.shared.page import Numbers


def derivation_section(problem: Problem) -> Numbers:
    """Return the prior, the data, and the posterior and evidence that follow from them."""
    model, y = problem.model, problem.y
    posterior = model.posterior(y)
    data_weight = 1 - posterior.var() / model.prior_sd**2
    return {
        "prior_mean": model.prior_mean,
        "prior_var": model.prior_sd**2,
        "noise_var": model.noise_sd**2,
        "source": problem.source,
        "n": len(y),
        "data_mean": y.mean(),
        "posterior_mean": posterior.mean(),
        "posterior_var": posterior.var(),
        "posterior_sd": posterior.std(),
        "data_weight": data_weight,
        "prior_weight": 1 - data_weight,
        "log_evidence": model.log_evidence(y),
    }
