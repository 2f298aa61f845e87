"""log p(y_i | y without y_i) of every family: against evidences, predictives, 50 digits and draws of the posterior."""

from dataclasses import fields, replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bayes.exact.numerics.distributions import sums_of_others
from bayes.exact.numerics.orders import each_last
from bayes.exact.unknown_trials import UnknownTrials
from bayes.registry import NAMES, data_sets, get_model
from benchmarks.fifty_digits import DIGITS, ORACLES, PROBLEMS
from tests.bayes.exact.other_families import OTHERS
from tests.bayes.exact.test_every_model import STRATEGIES
from tests.nightly import nightly_but
from tests.tolerances import EXACT, IDENTITY, SAME_INTEGRAL

UNKNOWN_TRIALS = (UnknownTrials(most=90), np.array([16, 18, 22, 25, 27]))
CASES = (
    OTHERS
    | {"unknown trials": UNKNOWN_TRIALS}
    | {model.label: (model.exact, model.y) for name in NAMES for model in data_sets(name)}
)
SLOW = ["gaussian_process", "logistic_regression", "gaussian_process (prior)", "growth_curve", "radon"]
FEW = {"logistic_regression (prior)": 3, "capture_recapture": 30}
"""Observations where an integral, or a sum over their number, takes long."""
every_case = pytest.mark.parametrize("name", nightly_but([name for name in CASES if name not in SLOW], CASES))
BY_EVIDENCES = ("hierarchical_normal", "capture_recapture", "independent_regression")
CLOSED_FORMS = [name for name in NAMES if name not in (*BY_EVIDENCES, "logistic_regression", "gaussian_process")]


def in_order(exact, order):
    """The model of the same observations in another order: rows of a design, inputs, groups, trials."""
    n = len(order)
    names = ("design", "groups", "inputs", "noise_sds", "trials", "rate", "x")
    values = {f.name: getattr(exact, f.name) for f in fields(exact) if f.name in names}
    return replace(exact, **{name: value[order] for name, value in values.items() if np.ndim(value) and n})


def log_density(distribution, y):
    return float((distribution.logpmf if hasattr(distribution, "logpmf") else distribution.logpdf)(y))


@every_case
def test_it_is_the_predictive_of_each_observation_from_all_others(name):
    exact, y = CASES[name]
    y = y[: FEW.get(name, len(y))]
    logs = exact.leave_one_out(y)
    predicted = [log_density(in_order(exact, i).predictive(y[i[:-1]]), y[i[-1]]) for i in each_last(len(y))]
    assert logs.shape == (len(y),)
    assert_allclose(logs, predicted, atol=SAME_INTEGRAL if name in OTHERS else 10 * IDENTITY, rtol=0)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_it_is_a_ratio_of_evidences_for_any_hyperparameters(name, data):
    exact = data.draw(STRATEGIES[name])
    _, y = exact.simulate(np.random.default_rng(data.draw(st.integers(0, 1000))), data.draw(st.integers(0, 6)))
    evidence = exact.log_evidence(y)
    ratios = [evidence - in_order(exact, i).log_evidence(y[i[:-1]]) for i in each_last(len(y))]
    assert_allclose(exact.leave_one_out(y), ratios, atol=1e3 * IDENTITY * (1 + abs(evidence)), rtol=0)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_it_has_the_digits_of_fifty_digits(name, data):
    problem = data.draw(PROBLEMS[name])
    y = problem.y[:4]
    with mpmath.workdps(DIGITS):
        exact = [
            float(ORACLES[name](in_order(problem.exact, i), y[i[:-1]], y[i[-1:]])["log predictive"][0])
            for i in each_last(len(y))
        ]
    logs = problem.exact.leave_one_out(y)
    assert np.all(abs(logs - exact) <= EXACT * np.maximum(1, np.abs(exact)))


@pytest.mark.parametrize("name", ["normal_normal", "normal_inverse_gamma", "normal_variance", "linear_regression"])
def test_an_outlier_far_from_far_data_costs_no_digits(name):
    model = get_model(name)
    y = model.y + 2.0**30
    y[1] += 2.0**40
    with mpmath.workdps(DIGITS):
        exact = [
            float(ORACLES[name](in_order(model.exact, i), y[i[:-1]], y[i[-1:]])["log predictive"][0])
            for i in each_last(len(y))[:3]
        ]
    assert_allclose(model.exact.leave_one_out(y)[:3], exact, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", ["normal_normal", "gamma_poisson", "linear_regression", "capture_recapture"])
def test_the_sum_is_not_the_log_evidence(name):
    model = get_model(name)
    assert model.exact.leave_one_out(model.y).sum() > model.exact.log_evidence(model.y) + 1


def test_one_observation_is_predicted_by_the_prior_and_none_by_nothing():
    for name in CLOSED_FORMS:
        model = get_model(name)
        assert_allclose(model.exact.leave_one_out(model.y[:1]), model.exact.log_evidence(model.y[:1]), rtol=IDENTITY)
        assert model.exact.leave_one_out(model.y[:0]).shape == (0,)


def test_an_improper_posterior_without_an_observation_is_refused():
    model = get_model("logistic_regression")
    flat = replace(model.exact, prior_sds=[np.inf, np.inf], design=[[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    assert np.isfinite(flat.log_evidence([0, 1, 0, 1]))
    with pytest.raises(ValueError, match="posterior must be proper"):
        flat.leave_one_out([0, 1, 0, 1])


def test_sums_of_others_keep_the_digits_of_small_sums():
    assert sums_of_others(np.array([1e30, 3.0, 4.0])).tolist() == [7.0, 1e30, 1e30]
    assert [sums_of_others(np.ones(n)).tolist() for n in (0, 1, 3)] == [[], [0.0], [2.0, 2.0, 2.0]]
