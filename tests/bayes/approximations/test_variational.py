"""ADVI: the optimum of a mean field and of a full rank on a correlated normal, which are known."""

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_array_equal

from bayes.approximations.variational import advi
from tests.bayes.approximations.made import approximation, normal_program
from tests.tolerances import ADVI, MONTE_CARLO

MEAN, RHO = np.array([0.5, -0.3]), 0.9
SDS = np.array([1.0, 0.5])
COVARIANCE = np.outer(SDS, SDS) * np.array([[1, RHO], [RHO, 1]])
PRECISION = np.linalg.inv(COVARIANCE)
BEST_SDS = 1 / np.sqrt(np.diag(PRECISION))
"""Of independent coordinates."""
LOST = 0.5 * (np.log(np.diag(PRECISION)).sum() - np.linalg.slogdet(PRECISION)[1])
"""KL(q || p) of the best mean field; the evidence is 1, so that it is minus the ELBO."""


@pytest.fixture(scope="module")
def program():
    return normal_program(MEAN, COVARIANCE)


def fit(program, family, **numbers):
    return advi(program, seed=3, family=family, iterations=2500, optimizer=pm.adam(learning_rate=0.01), **numbers)


@pytest.fixture(scope="module")
def mean_field(program):
    return fit(program, "mean field")


def test_the_best_mean_field_loses_what_the_formula_says(program):
    best = approximation(program, MEAN, np.diag(BEST_SDS**2))
    assert abs(-best.elbo - LOST) < MONTE_CARLO * best.elbo_se
    wider = approximation(program, MEAN, np.diag(SDS**2))  # negative control: the marginal sds
    assert -wider.elbo - LOST > MONTE_CARLO * wider.elbo_se


def test_a_mean_field_has_the_sds_of_the_precision(mean_field):
    sds = np.sqrt(np.diag(mean_field.covariance))
    assert abs(np.log(sds / BEST_SDS)).max() < ADVI
    assert abs(np.log(sds / SDS)).min() > 2 * ADVI  # negative control: those of the marginals
    assert (abs(mean_field.mean - MEAN) < ADVI * SDS).all()
    assert mean_field.covariance[0, 1] == 0


def test_the_elbo_has_its_monte_carlo_error(mean_field):
    ratios = mean_field.log_p - mean_field.log_q
    assert mean_field.elbo == ratios.mean()
    assert mean_field.elbo_se == pytest.approx(ratios.std(ddof=1) / 100)
    # A log sd that is off by d loses about d^2 nats.
    assert LOST - MONTE_CARLO * mean_field.elbo_se < -mean_field.elbo < LOST + 2 * ADVI**2


@pytest.mark.slow
def test_a_full_rank_has_the_correlation(program):
    result = fit(program, "full rank", draws=1000)
    sds = np.sqrt(np.diag(result.covariance))
    assert abs(np.log(sds / SDS)).max() < ADVI
    assert abs(result.covariance[0, 1] / sds.prod() - RHO) < ADVI
    assert -result.elbo < LOST / 2


def test_a_fit_is_repeatable_and_leaves_the_process_as_it_was(program, capfd):
    state = np.random.get_state()  # noqa: NPY002
    first, again = (advi(program, seed=1, iterations=10, draws=100) for _ in range(2))
    assert_array_equal(first.mean, again.mean)
    assert_array_equal(first.draws.posterior["x"], again.draws.posterior["x"])
    assert_array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002
    assert capfd.readouterr() == ("", "")


def test_wrong_settings_are_refused(program):
    with pytest.raises(ValueError, match="`family` must be one of mean field, full rank, got 'fullrank'"):
        advi(program, seed=1, family="fullrank")
    with pytest.raises(ValueError, match="`iterations` must be a whole number, 1 or more, got 0"):
        advi(program, seed=1, iterations=0)
    with pytest.raises(ValueError, match=r"`optimizer` must be an optimiser of PyMC, .* got 'adam'"):
        advi(program, seed=1, optimizer="adam")
