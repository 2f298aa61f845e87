"""nutpie and PyMC compiled once: the draws on a data set depend on its seed and its data alone."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from numpy.testing import assert_array_equal

from bayes.exact.normal_normal import EXAMPLE
from bayes.programs.normal_normal import program
from bayes.sampling.compiled_once import SAMPLERS
from tests.nightly import nightly_but
from tests.tolerances import MONTE_CARLO

Y = np.array(EXAMPLE.y)


@pytest.fixture(scope="module")
def model():
    return program(EXAMPLE.model, Y)


@pytest.mark.parametrize("engine", nightly_but(["pymc"], SAMPLERS))
def test_the_draws_do_not_depend_on_what_ran_before(engine, model):
    sample, other = SAMPLERS[engine], Y + 5
    first = sample(model, Y, seed=3, draws=200, tune=200)
    elsewhere = sample(model, other, seed=4, draws=200, tune=200)
    again = sample(model, Y, seed=3, draws=200, tune=200)
    for name in ("mu", "diverging", "n_steps"):
        assert_array_equal(first[name], again[name])
    assert (first["mu"] != sample(model, Y, seed=4, draws=200, tune=200)["mu"]).any()
    assert first["mu"].shape == first["diverging"].shape == (1, 200)
    assert first["n_steps"].shape == (400,)
    assert first["n_steps"].min() >= 1
    # The data are the new ones: each run agrees with its own posterior, and not with that of the other data.
    right, wrong = EXAMPLE.model.posterior(Y), EXAMPLE.model.posterior(other)
    for draws, own, others in ((first, right, wrong), (elsewhere, wrong, right)):
        ess = array_stats.ess(draws["mu"], chain_axis=0, draw_axis=1, method="mean")
        error = own.std() / np.sqrt(ess)
        assert abs(draws["mu"].mean() - own.mean()) < MONTE_CARLO * error
        assert abs(draws["mu"].mean() - others.mean()) > MONTE_CARLO * error


def test_data_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match=r"`y` must have shape \(14,\) for y, as in the model, got \(3,\)"):
        SAMPLERS["pymc"](model, np.zeros(3), seed=0, draws=10, tune=10)
