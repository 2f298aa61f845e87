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


def test_families_over_models_keep_their_rate_and_use_the_second_stage():
    models = [get_model(name) for name in ["normal_normal", "beta_binomial", "multivariate_normal"]]
    runs = list(families(models, [0.2], runs=range(30), seed=2, draws=400))
    verdicts = [family for (family,) in runs]
    limit = binom(len(runs), 0.2).isf(FALSE_ALARM)
    assert sum(family.one_stage == "fail" for family in verdicts) <= limit
    assert sum(family.two_stages == "fail" for family in verdicts) <= limit
    assert any(family.resampled for family in verdicts)
    # At a rate near 1 about six families of ten fail: they are judged, not waved through.
    (families_at_high_rate,) = zip(*families(models, [0.99], runs=range(30), seed=3, draws=400), strict=True)
    assert sum(family.one_stage == "fail" for family in families_at_high_rate) > 5
