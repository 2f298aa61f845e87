"""A model with its data as inputs has the log density and the gradient of the model that is built on these data."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayes.registry import NAMES, get_model
from bayes.sampling.swapped_data import observed_values, with_shared_data, with_symbolic_data
from tests.nightly import nightly_but
from tests.tolerances import IDENTITY


def density_and_gradient(model, inputs=()):
    """A function of a point and the data: the log density and its gradient by name.

    It is interpreted, because it is called a few times only. A copy of a model may have its variables in another order.
    """
    log_density = model.logp()
    outputs = [log_density, *pytensor.grad(log_density, model.value_vars)]
    function = pytensor.function([*model.value_vars, *inputs], outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    names = [variable.name for variable in model.value_vars]

    def evaluated(point, data=()):
        value, *gradient = function(*(point[name] for name in names), *data)
        by_name = dict(zip(names, gradient, strict=True))
        return np.concatenate([np.ravel(x) for x in (value, *(by_name[name] for name in sorted(names)))])

    return evaluated


def near_the_start(model):
    rng = np.random.default_rng(0)
    return {name: x + rng.uniform(-0.3, 0.3, np.shape(x)) for name, x in model.initial_point().items()}


@pytest.mark.parametrize("name", nightly_but(["normal_normal", "logistic_regression"], NAMES))
def test_swapped_data_give_the_program_built_afresh(name):
    entry = get_model(name)
    _, y = entry.exact.simulate(np.random.default_rng(1), len(entry.y))
    swapped, afresh = with_symbolic_data(entry.program()), entry.program(y=y)
    point = near_the_start(afresh)
    expected = density_and_gradient(afresh)(point)
    compiled = density_and_gradient(swapped.model, swapped.inputs)
    scale = np.abs(expected).max()
    assert_allclose(compiled(point, swapped.data(y)), expected, rtol=IDENTITY, atol=IDENTITY * scale)
    before = compiled(point, swapped.data(entry.y))
    assert np.abs(before - expected).max() > 1e-6 * scale  # negative control: the data matter


def several_observed(y, k):
    """Data as a constant and as ``pm.Data``, a potential and a covariate that stays."""
    with pm.Model() as model:
        x = pm.Data("x", np.array([-1.0, 0.0, 2.0]))
        a = pm.Normal("a")
        b = pm.HalfNormal("b")
        pm.Potential("more of the prior", -0.5 * pt.sqr(a - 1))
        pm.Poisson("k", pt.exp(a), observed=k)
        pm.Normal("y", a * x, b, observed=pm.Data("data", y))
    return model


def test_several_observed_variables_a_potential_and_data_containers():
    old, new = (np.zeros(3), [1, 2]), (np.array([0.5, -1.0, 2.0]), [4, 0])
    swapped, afresh = with_symbolic_data(several_observed(*old)), several_observed(*new)
    point = near_the_start(afresh)
    value = density_and_gradient(swapped.model, swapped.inputs)(point, swapped.data({"y": new[0], "k": new[1]}))
    assert_allclose(value, density_and_gradient(afresh)(point), rtol=IDENTITY)


def test_the_model_itself_stays_as_it_was():
    model = several_observed(np.zeros(3), [1, 2])
    shared = with_shared_data(model)
    for variable, value in zip(shared.inputs, shared.data({"y": np.ones(3), "k": [0, 5]}), strict=True):
        variable.set_value(value)
    assert_array_equal(observed_values(model)["k"], [1, 2])
    assert_array_equal(observed_values(model)["y"], np.zeros(3))
    assert_array_equal(observed_values(shared.model)["k"], [0, 5])


def test_other_data_than_the_model_has_are_refused():
    swapped = with_symbolic_data(several_observed(np.zeros(3), [1, 2]))
    with pytest.raises(ValueError, match=r"`y` must have shape \(2,\) for k, as in the model, got \(3,\)"):
        swapped.data({"y": np.zeros(3), "k": [1, 2, 3]})
    with pytest.raises(ValueError, match="`y` must have the data of"):
        swapped.data(np.zeros(3))
    with pm.Model() as prior_only:
        pm.Normal("mu")
    with pytest.raises(ValueError, match="`model` has no observed variables"):
        with_shared_data(prior_only)
