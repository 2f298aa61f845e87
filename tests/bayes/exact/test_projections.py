"""Functions of the joint distribution: their law, what they are made of, and what they are for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, norm

from bayes._check import check, projections
from bayes.checking.statistics import compare
from bayes.exact.dirichlet_multinomial import DirichletMultinomial
from bayes.exact.multivariate_normal import MultivariateNormal
from bayes.exact.projections import directions, signs
from bayes.faults.false_alarms import exact_chains
from bayes.registry import NAMES, data_sets, get_model
from tests.tolerances import FALSE_ALARM, IDENTITY

JOINT = [model for name in NAMES for model in data_sets(name) if len(model.marginals) > 1]
every = pytest.mark.parametrize("model", JOINT, ids=lambda model: model.label)
AN_ELEMENT = 0.98  # |correlation| with one parameter from which on a projection says nothing new


@every
def test_exact_draws_have_the_law_that_is_said(model):
    drawn = exact_chains(model, np.random.default_rng(11), 3000)
    for name, (function, law) in projections(model.exact, model.y).items():
        values = function(drawn)
        assert values.shape == (4, 3000)
        assert kstest(values.ravel(), law.cdf).pvalue > FALSE_ALARM, name
        # and the law is no other: a little wider it is not that of the draws
        assert kstest(1.2 * (values.ravel() - law.mean()) + law.mean(), law.cdf).pvalue < FALSE_ALARM, name


@every
def test_there_are_no_more_than_parameters_and_none_repeats_another(model):
    drawn = exact_chains(model, np.random.default_rng(12), 500)
    values = {name: function(drawn).ravel() for name, (function, _) in projections(model.exact, model.y).items()}
    assert 0 < len(values) <= len(model.marginals)
    scalars = [column for variable in drawn.values() for column in variable.reshape(2000, -1).T]
    known = np.corrcoef([*scalars, *values.values()])
    for i, name in enumerate(values, start=len(scalars)):
        assert np.abs(np.delete(known[i], i)).max() < AN_ELEMENT, name


@pytest.mark.parametrize("K", range(1, 18))
def test_directions_differ_and_are_of_all_elements(K):
    rows = signs(K)
    assert rows.shape == (K, K)
    assert len({tuple(row) for row in rows}) == K
    assert_array_equal(rows[:, 0], 1)
    sds = np.geomspace(1e-3, 1e3, K)
    assert_allclose(
        np.abs(directions(sds) * sds), 1, rtol=IDENTITY
    )  # whatever the scales, every element counts as much


@pytest.mark.parametrize("K", [2, 3, 4, 5, 6, 7, 12])
def test_sums_of_classes_are_of_several_and_leave_out_several(K):
    exact = DirichletMultinomial(concentration=np.arange(1, K + 1) / 2, trials=5)
    y = np.empty((0, K))
    drawn = {"p": exact.posterior(y).rvs(4000, np.random.default_rng(13)).pop("p").reshape(4, 1000, K)}
    found = projections(exact, y)
    assert found is not None
    assert (0 if K == 2 else 1 if K == 3 else K // 2 + 1) <= len(found) <= max(0, K - 2 if K < 4 else K)
    for function, law in found.values():
        assert kstest(function(drawn).ravel(), law.cdf).pvalue > FALSE_ALARM
    assert check(drawn, exact, y).verdict != "fail"


def test_one_element_has_no_direction():
    exact = MultivariateNormal(prior_mean=[1.0], prior_covariance=[[2.0]], noise_covariance=[[3.0]])
    assert projections(exact, [[2.0]]) == {}


@pytest.mark.parametrize("name", ["normal_inverse_gamma", "linear_regression"])
def test_a_variance_below_zero_fails(name):
    model = get_model(name)
    drawn = exact_chains(model, np.random.default_rng(14), 1000)
    drawn["sigma2"][:, ::3] *= -1
    assert check(drawn, model.exact, model.y).verdict == "fail"


@every
def test_elements_may_come_one_by_one(model):
    drawn = exact_chains(model, np.random.default_rng(17), 500)
    apart = {
        name: drawn[base][..., int(place[:-1])] if place else drawn[base]
        for name in model.marginals
        for base, _, place in [name.partition("[")]
    }
    assert check(apart, model.exact, model.y).checks == check(drawn, model.exact, model.y).checks


class WithoutProjections:
    """A user's own model, whose marginals are all it knows."""

    def marginals(self, _):
        return {"a": norm(0, 1), "b": norm(3, 2)}

    def log_evidence(self, _):
        return 0.0


def test_a_joint_that_is_not_checked_is_noted():
    rng = np.random.default_rng(15)
    a = rng.normal(size=(4, 1000))
    drawn = {"a": a, "b": 3 + 2 * a}  # right marginals; whether they may depend, nobody said
    checks = check(drawn, WithoutProjections(), [])
    assert checks.verdict == "pass"
    assert checks.notes == ("of the joint distribution of a, b only the marginals are checked.",)
    assert "note: of the joint distribution of a, b" in str(checks)
    assert not check(exact_chains(JOINT[0], rng, 1000), JOINT[0].exact, JOINT[0].y).notes[2:]


def test_ones_own_projections_are_checked():
    a = np.random.default_rng(16).normal(size=(4, 1000))
    marginals = {"a": norm(0, 1), "b": norm(3, 2)}
    independent = {"b - 2 a": (lambda draws: draws["b"] - 2 * draws["a"], norm(3, 8**0.5))}
    checks = compare(marginals, {"a": a, "b": 3 + 2 * a[::-1]}, projections=independent)
    assert (checks.verdict, checks.notes) == ("pass", ())
    assert compare(marginals, {"a": a, "b": 3 + 2 * a}, projections=independent).verdict == "fail"
