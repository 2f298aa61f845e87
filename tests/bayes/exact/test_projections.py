"""Functions of the joint distribution: their distributions, how they are built, and what they detect."""

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
from tests.nightly import nightly_but
from tests.tolerances import FALSE_ALARM, IDENTITY

JOINT = [model for name in NAMES for model in data_sets(name) if len(model.marginals) > 1]
every_joint_model = pytest.mark.parametrize("model", JOINT, ids=lambda model: model.label)
AN_ELEMENT = 0.98  # |correlation| with one parameter from which on a projection says nothing new


@every_joint_model
def test_exact_draws_have_the_distributions_of_the_projections(model):
    draws_by_name = exact_chains(model, np.random.default_rng(11), 3000)
    for name, (function, distribution) in projections(model.exact, model.y).items():
        values = function(draws_by_name)
        assert values.shape == (4, 3000)
        assert kstest(values.ravel(), distribution.cdf).pvalue > FALSE_ALARM, name
        # negative control: draws that are a little wider are rejected
        assert (
            kstest(1.2 * (values.ravel() - distribution.mean()) + distribution.mean(), distribution.cdf).pvalue
            < FALSE_ALARM
        ), name


@every_joint_model
def test_there_are_no_more_than_parameters_and_none_repeats_another(model):
    draws_by_name = exact_chains(model, np.random.default_rng(12), 500)
    values = {
        name: function(draws_by_name).ravel() for name, (function, _) in projections(model.exact, model.y).items()
    }
    assert 0 < len(values) <= len(model.marginals)
    scalars = [column for variable in draws_by_name.values() for column in variable.reshape(2000, -1).T]
    correlations = np.corrcoef([*scalars, *values.values()])
    for i, name in enumerate(values, start=len(scalars)):
        assert np.abs(np.delete(correlations[i], i)).max() < AN_ELEMENT, name


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
    draws_by_name = {"p": exact.posterior(y).rvs(4000, np.random.default_rng(13)).pop("p").reshape(4, 1000, K)}
    functions = projections(exact, y)
    assert functions is not None
    assert (0 if K == 2 else 1 if K == 3 else K // 2 + 1) <= len(functions) <= max(0, K - 2 if K < 4 else K)
    for function, distribution in functions.values():
        assert kstest(function(draws_by_name).ravel(), distribution.cdf).pvalue > FALSE_ALARM
    assert check(draws_by_name, exact, y).verdict != "fail"


def test_one_element_has_no_direction():
    exact = MultivariateNormal(prior_mean=[1.0], prior_covariance=[[2.0]], noise_covariance=[[3.0]])
    assert projections(exact, [[2.0]]) == {}


@pytest.mark.parametrize("name", ["normal_inverse_gamma", "linear_regression"])
def test_a_variance_below_zero_fails(name):
    model = get_model(name)
    draws_by_name = exact_chains(model, np.random.default_rng(14), 1000)
    draws_by_name["sigma2"][:, ::3] *= -1
    assert check(draws_by_name, model.exact, model.y).verdict == "fail"


@pytest.mark.parametrize("model", nightly_but(JOINT[::2], JOINT), ids=lambda model: model.label)
def test_elements_may_be_variables_of_their_own(model):
    draws_by_name = exact_chains(model, np.random.default_rng(17), 500)
    by_element = {
        name: draws_by_name[base][..., int(place[:-1])] if place else draws_by_name[base]
        for name in model.marginals
        for base, _, place in [name.partition("[")]
    }
    assert check(by_element, model.exact, model.y).checks == check(draws_by_name, model.exact, model.y).checks


class WithoutProjections:
    """A model of the user that has marginals and no projections."""

    def marginals(self, _):
        return {"a": norm(0, 1), "b": norm(3, 2)}

    def log_evidence(self, _):
        return 0.0


def test_a_joint_that_is_not_checked_is_noted():
    rng = np.random.default_rng(15)
    a = rng.normal(size=(4, 1000))
    draws_by_name = {"a": a, "b": 3 + 2 * a}  # right marginals; their dependence is unspecified
    checks = check(draws_by_name, WithoutProjections(), [])
    assert checks.verdict == "pass"
    assert checks.notes == ("only the marginals of a, b are checked, not their joint distribution.",)
    assert "note: only the marginals of a, b" in str(checks)
    assert not check(exact_chains(JOINT[0], rng, 1000), JOINT[0].exact, JOINT[0].y).notes[2:]


def test_projections_of_the_user_are_checked():
    a = np.random.default_rng(16).normal(size=(4, 1000))
    marginals = {"a": norm(0, 1), "b": norm(3, 2)}
    independent = {"b - 2 a": (lambda draws: draws["b"] - 2 * draws["a"], norm(3, 8**0.5))}
    checks = compare(marginals, {"a": a, "b": 3 + 2 * a[::-1]}, projections=independent)
    assert (checks.verdict, checks.notes) == ("pass", ())
    assert compare(marginals, {"a": a, "b": 3 + 2 * a}, projections=independent).verdict == "fail"
