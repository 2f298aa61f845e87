"""What is kept of the draws: by hand, whatever the unit of a parameter is, and how good the interpolated scores are."""

from itertools import count

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtri
from scipy.stats import beta, expon, lognorm, norm

from bayes.calibration.pooled import pooled_checks
from bayes.calibration.simulation import exact_simulation
from bayes.calibration.summaries import (
    FARTHEST,
    FIELDS,
    Quantity,
    effective_draws,
    exact_median,
    exact_scores,
    rank,
    summary,
    thinned,
)
from bayes.checking.statistics import normal_scores
from bayes.exact.linear_regression import LinearRegression
from bayes.registry import data_sets, get_model
from tests.nightly import nightly_but

BY_QUADRATURE = ("hierarchical_normal", "capture_recapture", "independent_regression", "gaussian_process")


def field(row, name):
    return row[FIELDS.index(name)]


def summary_of(distribution, x, truth, seed=0):
    quantity = Quantity(value=lambda draws: draws["x"], exact=distribution)
    return summary({"x": quantity}, {"x": truth}, {"x": x}, np.random.default_rng(seed))[0]


def test_the_fields_by_hand():
    x = ndtri(np.array([[0.01, 0.04, 0.3, 0.6, 0.97]]))
    row = summary_of(norm(), x, truth=0.0)
    assert_allclose(row[:5], [x.mean(), np.mean(x**2), 2 / 5, 1 / 5, 0.0], rtol=1e-12, atol=1e-15)
    assert field(row, "rank") <= field(row, "size") <= 5
    assert field(row, "ess") <= 5


@pytest.mark.parametrize(("distribution", "transform"), [(lognorm(1.0), np.exp), (norm(5, 0.1), lambda z: 5 + 0.1 * z)])
def test_an_increasing_function_of_the_parameter_changes_nothing_but_the_median(distribution, transform):
    z = np.random.default_rng(1).normal(size=(2, 200))
    one, other = summary_of(norm(), z, 0.4), summary_of(distribution, transform(z), transform(0.4))
    assert_allclose(np.delete(other, 4), np.delete(one, 4), rtol=1e-9)
    assert_allclose(field(other, "median"), transform(0.0), rtol=1e-12)


def test_draws_outside_of_the_support_are_far_and_finite():
    row = summary_of(beta(2, 3), np.array([[0.3, 0.5, 1.7, -0.2, 0.4]]), 0.4)
    assert np.isfinite(row).all()
    assert field(row, "square") > 2 * FARTHEST**2 / 5 - 1


def test_without_an_exact_distribution_there_are_ranks_alone():
    x = np.random.default_rng(2).normal(size=(1, 100))
    row = summary({"x": Quantity(value=lambda draws: draws["x"])}, {"x": 9.0}, {"x": x}, np.random.default_rng(0))[0]
    assert np.isnan(row[:5]).all()
    assert field(row, "rank") == field(row, "size")


def test_ties_are_broken_evenly():
    rng = np.random.default_rng(3)
    ranks = [rank(1.0, np.array([0.0, 1.0, 1.0, 2.0]), rng)[0] for _ in range(3000)]
    assert sorted(set(ranks)) == [1, 2, 3]
    assert max(abs(np.bincount(ranks)[1:] / 3000 - 1 / 3)) < 0.05


def test_draws_are_thinned_to_what_they_are_worth():
    x = np.arange(20.0).reshape(2, 10)
    assert thinned(x, 20).tolist() == x.ravel().tolist()
    assert thinned(x, 4).tolist() == [4, 9, 14, 19]
    assert thinned(x, 1).tolist() == [9, 19]
    independent = np.random.default_rng(4).normal(size=(1, 4, 250))
    assert effective_draws(independent)[0] > 600
    assert effective_draws(np.repeat(independent, 5, axis=2))[0] < 1500  # of 5000


# ---- scores by interpolation


@pytest.mark.parametrize("name", nightly_but(BY_QUADRATURE[:1], BY_QUADRATURE))
@pytest.mark.parametrize("size", nightly_but([500], [500, 4000]))
def test_interpolated_scores_are_as_good_as_they_say(name, size):
    rng = np.random.default_rng(5)
    for model in data_sets(name):
        for distribution in model.marginals.values():
            x = np.asarray(distribution.rvs(size, random_state=rng))
            error = exact_scores(distribution, x) - normal_scores(distribution, x)
            assert np.max(abs(error)) < 1e-3
            assert abs(error.mean()) < 1e-5


def test_scores_of_draws_in_the_wrong_place_are_far_smaller_wrong_than_the_draws():
    distribution = get_model("hierarchical_normal").marginals["mu"]
    x = 1.3 * distribution.rvs(1000, random_state=np.random.default_rng(6)) + 3
    off = exact_scores(distribution, x) - normal_scores(distribution, x)
    assert abs(off.mean()) < 1e-3 * normal_scores(distribution, x).mean()


@pytest.mark.parametrize("name", nightly_but(BY_QUADRATURE[:3], BY_QUADRATURE))
def test_the_median_without_a_table_is_the_quantile(name):
    for distribution in get_model(name).marginals.values():
        assert abs(exact_median(distribution) - distribution.ppf(0.5)) < 1e-10 * distribution.std()


def test_a_distribution_without_an_sd_has_a_median():
    calls = count()

    class Heavy:
        """A distribution by quadrature with no variance."""

        mean = staticmethod(lambda: np.inf)
        std = staticmethod(lambda: np.inf)

        def ppf(self, q):
            next(calls)
            return expon.ppf(q)

    assert exact_median(Heavy()) == expon.ppf(0.5)
    assert next(calls) == 1


# ---- what projections see


def test_a_wrong_correlation_is_seen_by_a_projection_alone():
    model = LinearRegression(
        design=np.column_stack([np.ones(12), np.linspace(1, 3, 12)]),
        prior_mean=[0.0, 0.0],
        prior_covariance=np.eye(2),
        shape=5.0,
        scale=5.0,
    )
    simulation, rows = exact_simulation(model, 12), {"right": [], "wrong": []}
    for i in range(25):
        truth, y = simulation.data_set(0, i)
        rng = np.random.default_rng([7, i])
        quantities = simulation.quantities(y)
        draws = {name: values[None] for name, values in model.posterior(y).rvs(200, rng).items()}
        apart = draws | {"beta": np.stack([draws["beta"][..., 0], rng.permuted(draws["beta"][..., 1], axis=1)], -1)}
        rows["right"].append(summary(quantities, truth, draws, rng))
        rows["wrong"].append(summary(quantities, truth, apart, rng))
    names = tuple(quantities)
    smallest = {}
    for which, values in rows.items():
        for check in pooled_checks(names, np.array(values)):
            smallest[which, check.parameter] = min(smallest.get((which, check.parameter), 1), check.p_value)
    assert min(p for (which, _), p in smallest.items() if which == "right") > 1e-4
    assert min(smallest["wrong", "beta[0]"], smallest["wrong", "beta[1]"]) > 1e-4
    assert min(p for (which, name), p in smallest.items() if which == "wrong" and "beta[" not in name) < 1e-10
