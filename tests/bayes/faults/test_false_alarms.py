"""Runs of a correct sampler: its chains are what they are said to be, and its false alarms are counted."""

import numpy as np
import pytest
from scipy.stats import binom, kstest

from bayes.checking.convergence import effective_sizes
from bayes.faults.false_alarms import exact_chains, families
from bayes.registry import NAMES, get_model
from tests.tolerances import FALSE_ALARM, MONTE_CARLO


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_of_the_exact_posterior_in_shape_and_distribution(name):
    model = get_model(name)
    draws = exact_chains(model, np.random.default_rng(0), 500)
    assert {values.shape[:2] for values in draws.values()} == {(4, 500)}
    for parameter, marginal in model.marginals.items():
        base, _, index = parameter.rstrip("]").partition("[")
        theta = draws[base][..., int(index)] if index else draws[base]
        assert kstest(theta.ravel(), marginal.cdf).pvalue > FALSE_ALARM


def test_chains_that_stay_are_worth_as_many_draws_as_theory_says():
    model = get_model("beta_binomial")
    theta = exact_chains(model, np.random.default_rng(1), 5000, stay=0.5)["theta"]
    moves = np.diff(theta, axis=1) != 0
    assert abs(moves.mean() - 0.5) < MONTE_CARLO * np.sqrt(0.25 / moves.size)
    (ess,) = effective_sizes(theta[None]).ess
    assert ess == pytest.approx(theta.size / 3, rel=0.15)
    assert len(np.unique(theta[:, 0])) == 4


@pytest.mark.parametrize("count", [30, pytest.param(100, marks=pytest.mark.slow)])
def test_families_over_models_keep_their_rate_and_use_the_second_stage(count):
    models = [get_model(name) for name in ["normal_normal", "beta_binomial", "multivariate_normal"]]
    at_low_rate, at_high_rate = zip(*families(models, [0.2, 0.99], runs=range(count), seed=2, draws=400), strict=True)
    limit = binom(count, 0.2).isf(FALSE_ALARM)

    def failed(runs, stages):
        return sum(getattr(run, stages) == "fail" for run in runs)

    for stages in ["one_stage", "two_stages"]:
        # The same draws fail more often at a higher rate: they are judged at it.
        assert failed(at_low_rate, stages) < failed(at_high_rate, stages)
        assert failed(at_low_rate, stages) <= limit
    assert any(run.resampled for run in at_low_rate)
