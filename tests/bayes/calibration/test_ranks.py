"""Ranks on cases by hand, for chains, and what they do not see."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.signal import lfilter
from scipy.stats import binomtest, kstest

from bayes.calibration.pooled import pooled_checks
from bayes.calibration.ranks import coverage, ecdf, positions, rank_check
from bayes.calibration.summaries import effective_draws, rank, thinned
from tests.bayes.calibration.made_rows import exact_scores_of, rows_of_scores
from tests.tolerances import FALSE_ALARM


def test_positions_lie_in_the_cell_of_the_rank():
    rows = np.zeros((3, 1, 8))
    rows[:, 0, 5], rows[:, 0, 6] = [0, 3, 9], [4, 3, 9]
    u = positions(rows, 0)[:, 0]
    assert np.all((u > [0, 3 / 4, 0.9]) & (u < [1 / 5, 1, 1]))
    assert_allclose(positions(rows, 0), positions(rows, 0))
    assert not np.allclose(positions(rows, 0), positions(rows, 1))


def test_coverage_by_hand():
    u = np.array([0.5] * 6 + [0.2] * 3 + [0.01])
    levels = {c.level: c for c in coverage(u)}
    assert levels[0.5].covered == 0.6
    assert levels[0.8].covered == 0.9
    interval = binomtest(9, 10).proportion_ci()
    assert_allclose(levels[0.8].interval, (interval.low, interval.high), rtol=1e-9)


def test_uniform_ranks_stay_in_the_band_and_others_leave_it():
    u = (np.arange(200) + 0.5) / 200
    inside, outside = ecdf(u), ecdf(u**1.6)
    assert np.all((inside.low <= inside.difference) & (inside.difference <= inside.high))
    assert not np.all((outside.low <= outside.difference) & (outside.difference <= outside.high))


def test_the_check_has_its_size_and_sees_ranks_that_are_not_uniform():
    rng = np.random.default_rng(0)
    p = [rank_check("x", rng.random(200)).p_value for _ in range(400)]
    assert binomtest(sum(value < 0.05 for value in p), 400, 0.05, "greater").pvalue > FALSE_ALARM
    assert rank_check("x", rng.random(400) ** 1.5).p_value < 1e-4
    assert rank_check("x", rng.beta(0.5, 0.5, 400)).p_value < 1e-4


def chains(rng, rho, n):
    z = rng.normal(size=(2, n))
    z[:, 1:] *= np.sqrt(1 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], z, axis=1))


def ranks_of_chains(rho, thin):
    rng, u = np.random.default_rng(1), []
    for _ in range(400):
        z = chains(rng, rho, 300)
        draws = thinned(z, effective_draws(z[None])[0]) if thin else z.ravel()
        r, L = rank(rng.normal(), draws, rng)
        u.append((r + rng.random()) / (L + 1))
    return np.array(u)


def test_thinned_ranks_of_autocorrelated_chains_are_uniform():
    assert kstest(ranks_of_chains(0.9, thin=True), "uniform").pvalue > 0.01


def test_ranks_of_all_draws_are_too_often_at_the_ends():
    u = ranks_of_chains(0.99, thin=False)
    assert binomtest(int(np.sum((u < 0.05) | (u > 0.95))), len(u), 0.1, "greater").pvalue < 1e-4


def test_a_sampler_that_returns_the_prior_passes_ranks_and_fails_scale():
    """mu ~ Normal(0, 1), five y ~ Normal(mu, 1): the draws are of the prior, whatever y is."""
    rng = np.random.default_rng(2)
    N, n = 200, 100
    mu = rng.normal(size=N)
    mean, sd = rng.normal(mu, 5**-0.5) * 5 / 6, 6**-0.5
    prior_draws = rng.normal(size=(N, n))
    z = (prior_draws - mean[:, None]) / sd
    rows = rows_of_scores(z, medians=mean, truths=(mu - mean) / sd)
    assert rank_check("mu", positions(rows, 0)[:, 0]).p_value > 0.01
    checks = {check.statistic: check.p_value for check in pooled_checks(("mu",), rows)}
    assert checks["scale"] < 1e-10
    assert checks["shrinkage"] < 1e-10


def test_at_200_data_sets_ranks_do_not_see_what_scale_sees():
    rows = rows_of_scores(1.02 * exact_scores_of(seed=4))
    assert rank_check("x", positions(rows, 0)[:, 0]).p_value > 0.01
    assert {c.statistic: c.p_value for c in pooled_checks(("x",), rows)}["scale"] < 1e-4
