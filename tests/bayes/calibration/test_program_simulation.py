"""A PyMC model without an exact posterior: draws of the prior and the data, quantities, and what is refused."""

import cloudpickle
import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, norm

from bayes.calibration.outcomes import summarised
from bayes.calibration.program_simulation import ProgramSimulation
from bayes.calibration.summaries import FIELDS
from tests.tolerances import IDENTITY

X = np.array([-1.0, 0.5, 2.0])


def regression():
    with pm.Model() as model:
        beta = pm.Normal("beta", 1.0, 2.0, shape=2)
        sd = pm.HalfNormal("sd", 1.5)
        pm.Deterministic("slope in sds", beta[1] / sd)
        pm.Deterministic("constant", pm.math.constant(X))
        pm.Normal("y", beta[0] + beta[1] * X, sd, observed=np.zeros(3))
    return model


@pytest.fixture(scope="module")
def simulation():
    return ProgramSimulation(regression())


def test_a_data_set_is_a_draw_of_the_prior_and_of_the_data_given_it(simulation):
    sets = [simulation.data_set(3, i) for i in range(400)]
    beta, sd, y = (np.array(v) for v in zip(*((t["beta"], t["sd"], y) for t, y in sets), strict=True))
    scores = ((beta - 1) / 2, (y - beta[:, :1] - beta[:, 1:] * X) / sd[:, None])
    for z in scores:
        assert kstest(z.ravel(), norm.cdf).pvalue > 1e-3
        assert kstest(1.2 * z.ravel() + 0.2, norm.cdf).pvalue < 1e-3  # negative control
    assert_allclose([t["slope in sds"] for t, _ in sets], beta[:, 1] / sd, rtol=IDENTITY)


def test_a_data_set_depends_on_its_seed_and_number_alone(simulation):
    truth, y = simulation.data_set(3, 7)
    simulation.data_set(3, 8)
    travelled = cloudpickle.loads(cloudpickle.dumps(simulation))
    for other in (simulation, travelled):
        again, same = other.data_set(3, 7)
        assert_array_equal(same, y)
        assert_array_equal(again["beta"], truth["beta"])
    assert (simulation.data_set(4, 7)[1] != y).all()
    assert travelled.about == simulation.about


def test_quantities_are_what_varies_and_the_log_likelihood(simulation):
    truth, y = simulation.data_set(0, 0)
    quantities = simulation.quantities(y)
    assert list(quantities) == ["beta[0]", "beta[1]", "sd", "slope in sds", "log likelihood"]
    assert set(truth) == {"beta", "sd", "slope in sds"}
    draws = {name: np.stack([value, 1.1 * value])[None] for name, value in truth.items()}
    expected = [norm(b[0] + b[1] * X, s).logpdf(y).sum() for b, s in zip(draws["beta"][0], draws["sd"][0], strict=True)]
    assert_allclose(quantities["log likelihood"].value(draws), [expected], rtol=IDENTITY)
    assert all(quantity.exact is None for quantity in quantities.values())
    assert simulation.log_evidence(y) is None
    assert "no exact posterior" in simulation.notes[0]


def test_only_the_ranks_are_kept(simulation):
    truth, y = simulation.data_set(0, 1)
    rng = np.random.default_rng(0)
    draws = {name: value * np.exp(rng.normal(size=(1, 200, *value.shape))) for name, value in truth.items()}
    rows = summarised(simulation, 0, 1, truth, y, draws, seconds=1.0).rows
    assert np.isnan(rows[:, : FIELDS.index("rank")]).all()
    assert (rows[:, FIELDS.index("size")] > 20).all()


def test_the_model_has_the_data(simulation):
    _, y = simulation.data_set(0, 2)
    model = simulation.model(y)
    assert_array_equal(model.rvs_to_values[model.observed_RVs[0]].get_value(), y)
    assert simulation.model(y + 1) is model


def flat_prior():
    pm.Normal("y", pm.Flat("mu"), observed=[0.0])


def potential():
    mu = pm.Normal("mu")
    pm.Potential("more", -(mu**2))
    pm.Normal("y", mu, observed=[0.0])


def discrete():
    pm.Normal("y", pm.Poisson("n", 3.0), observed=[0.0])


def unobserved():
    pm.Normal("mu")


def missing():
    with pytest.warns(pm.exceptions.ImputationWarning):
        pm.Normal("y", pm.Normal("mu"), observed=np.ma.masked_invalid([0.0, np.nan]))


def no_draws():
    pm.CustomDist("y", pm.Normal("mu"), logp=lambda y, mu: -((y - mu) ** 2), observed=[0.0])


def scaled():
    pm.Normal("y", pm.Normal("mu"), observed=[0.0], total_size=10)


def named_like_a_quantity():
    pm.Normal("y", pm.Normal("log likelihood"), observed=[0.0])


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (scaled, "`model` has y with a `total_size`, whose likelihood is not that of the data"),
        (named_like_a_quantity, "`model` has a variable 'log likelihood', the name of a quantity here; rename it"),
        (flat_prior, "`model` has an improper prior of mu, which cannot be drawn"),
        (potential, "`model` has the potential more, which draws from its prior leave out"),
        (discrete, "`model` has the discrete variable n, which NUTS cannot sample"),
        (unobserved, "`model` has no observed variables, so there is nothing to simulate"),
        (missing, "`model` has missing data in y;"),
        (no_draws, "`model` cannot draw from its prior"),
    ],
)
def test_a_model_that_cannot_be_simulated_is_refused_in_one_line(write, line):
    with pm.Model() as model:
        write()
    with pytest.raises(ValueError, match=line) as refused:
        ProgramSimulation(model)
    assert "\n" not in str(refused.value)


def test_something_else_than_a_model_is_refused():
    with pytest.raises(ValueError, match="`model` must be a PyMC model, got int"):
        ProgramSimulation(3)
