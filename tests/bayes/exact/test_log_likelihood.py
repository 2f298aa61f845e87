"""The log likelihood by Bayes' rule, log p(y | theta) + log p(theta) - log p(theta | y) = log p(y)."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from bayes.exact.gaussian_process import NAMES as NAMES_OF_KERNEL
from bayes.registry import NAMES, data_sets
from tests.bayes.exact.other_families import OTHERS
from tests.nightly import nightly_but
from tests.tolerances import IDENTITY, PROGRAM

CASES = OTHERS | {model.label: (model.exact, model.y) for name in NAMES for model in data_sets(name)}
SLOW = [name for name in CASES if name.startswith(("gaussian_process", "logistic_regression (", "radon"))]
FEWEST = {"growth_curve": 1}
"""Observations that a model needs; those are then part of what is known before."""
every_case = pytest.mark.parametrize("name", nightly_but([name for name in CASES if name not in SLOW], CASES))


def drawn(exact, y, size):
    posterior = exact.posterior(y)
    draws = posterior.rvs(size, random_state=np.random.default_rng(5))
    return posterior, draws if isinstance(draws, dict) else {next(iter(exact.marginals(y))): draws}


def log_density(posterior, params):
    return posterior.logpdf(
        params if hasattr(posterior, "rvs") and not hasattr(posterior, "dist") else params.popitem()[1]
    )


@every_case
def test_likelihood_times_prior_over_posterior_is_the_evidence(name):
    exact, y = CASES[name]
    posterior, draws = drawn(exact, y, 4)
    first = y[: FEWEST.get(name, 0)]
    prior = exact.posterior(first)
    likelihood = exact.log_likelihood(draws, y)
    assert likelihood.shape == (4,)
    if len(first):
        likelihood -= exact.log_likelihood(draws, first)
    for i, log_likelihood in enumerate(likelihood):
        params = {key: values[i] for key, values in draws.items()}
        if name.startswith("hierarchical_normal"):  # whose prior without data has no groups
            log_prior = norm.logpdf(params["theta"], params["mu"], params["tau"]).sum()
            log_prior += prior.logpdf(params | {"theta": np.empty(0)})
        else:
            log_prior = log_density(prior, dict(params))
        evidence = log_likelihood + log_prior - log_density(posterior, dict(params))
        assert_allclose(evidence, exact.log_evidence(y) - exact.log_evidence(first), rtol=PROGRAM, atol=PROGRAM)


@every_case
def test_chains_at_once_are_draws_one_by_one(name):
    exact, y = CASES[name]
    _, draws = drawn(exact, y, 6)
    one_by_one = [exact.log_likelihood({k: v[i] for k, v in draws.items()}, y) for i in range(6)]
    chains = {key: values.reshape(2, 3, *values.shape[1:]) for key, values in draws.items()}
    assert np.ndim(one_by_one[0]) == 0
    assert_allclose(exact.log_likelihood(chains, y), np.reshape(one_by_one, (2, 3)), rtol=1e-12)


@every_case
def test_no_data_have_likelihood_one(name):
    exact, y = CASES[name]
    if name in FEWEST:
        with pytest.raises(ValueError, match="must have 1 to"):
            exact.log_likelihood({}, y[:0])
        return
    _, draws = drawn(exact, y, 3)
    if name.startswith("hierarchical_normal"):
        draws["theta"] = draws["theta"][:, :0]
    assert exact.log_likelihood(draws, y[:0]).tolist() == [0, 0, 0]


@every_case
def test_the_log_likelihood_is_the_sum_of_those_of_the_observations(name):
    exact, y = CASES[name]
    _, draws = drawn(exact, y, 6)
    chains = {key: values.reshape(2, 3, *values.shape[1:]) for key, values in draws.items()}
    of_each = exact.pointwise_log_likelihood(chains, y)
    assert of_each.shape == (2, 3, len(y))
    if name.startswith("gaussian_process"):  # whose observations depend on each other
        return
    assert_allclose(of_each.sum(axis=-1), exact.log_likelihood(chains, y), rtol=IDENTITY, atol=IDENTITY)


@pytest.mark.slow
def test_a_gaussian_process_has_the_conditional_densities_of_its_covariance():
    exact, y = CASES["gaussian_process (prior)"]
    _, draws = drawn(exact, y, 3)
    of_each = exact.pointwise_log_likelihood(draws, y)
    for k, (rho, alpha, s) in enumerate(zip(*(draws[name] for name in NAMES_OF_KERNEL), strict=True)):
        squares = (exact.inputs[: len(y), None] - exact.inputs[: len(y)]) ** 2
        C = alpha**2 * np.exp(-squares / (2 * rho**2)) + s * np.eye(len(y))
        for i in range(len(y)):
            others = np.delete(np.arange(len(y)), i)
            weights = np.linalg.solve(C[np.ix_(others, others)], C[others, i])
            expected = norm.logpdf(y[i], weights @ y[others], np.sqrt(C[i, i] - weights @ C[others, i]))
            assert_allclose(of_each[k, i], expected, rtol=PROGRAM, atol=PROGRAM)
