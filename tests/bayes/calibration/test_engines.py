"""Engines that compile once: right programs pass, a wrong one fails; a data set has the same draws in any company."""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bayes.calibration import samplers
from bayes.calibration.engines import COMPILED_ENGINES, compiled_sampler, vectorised_outcomes
from bayes.calibration.outcomes import outcome
from bayes.calibration.results import calibration
from bayes.calibration.runs import Runs
from bayes.calibration.simulation import ExactSimulation, exact_simulation
from bayes.exact.normal_normal import EXAMPLE
from bayes.registry import get_model
from bayes.sampling.many_data_sets import CHAINS
from tests.nightly import nightly_but

ENTRY = get_model("normal_normal", "prior")
SIMULATION = exact_simulation(ENTRY)
SIZE = {"draws": 100, "tune": 100}
DATA_SETS = 200


@dataclass(frozen=True, kw_only=True)
class WrongPrior(ExactSimulation):
    """The program gets the variance of the prior for its sd."""

    def model(self, y):
        exact = replace(self.exact, prior_sd=self.exact.prior_sd**2)
        return replace(super().model(y), exact=exact)


def judged(simulation):
    names = tuple(simulation.quantities(simulation.data_set(0, 0)[1]))
    with Runs(names, simulation.about, DATA_SETS) as runs:
        for batch in vectorised_outcomes(simulation, "numpyro", seed=11, indices=range(DATA_SETS), **SIZE):
            runs.record(batch)
    return calibration(runs, model=simulation.label, sampler="numpyro", seed=11)


@pytest.fixture(scope="module")
def right():
    return judged(SIMULATION)


def test_the_names_of_engines_are_known_without_loading_them():
    assert tuple(CHAINS) == samplers.JAX_ENGINES
    assert set(samplers.ENGINES) == {*CHAINS, *COMPILED_ENGINES}


def test_the_right_program_passes(right):
    assert right.verdict == "pass", right
    assert len(right.rows) == DATA_SETS
    assert right.seconds.min() > 0
    assert (right.gradients > 2 * SIZE["draws"]).all()


@pytest.mark.slow
def test_a_program_with_a_wrong_prior_fails():
    wrong = WrongPrior(label="wrong", exact=ENTRY.exact, observations=len(ENTRY.y), entry=ENTRY)
    assert abs(ENTRY.exact.prior_sd - 1) > 0.2  # else its square would be no mistake
    assert judged(wrong).verdict == "fail"


def test_a_data_set_has_the_same_outcome_in_any_company(right):
    (some,) = vectorised_outcomes(SIMULATION, "numpyro", seed=11, indices=[150, 103], **SIZE)
    assert [outcome.index for outcome in some] == [103, 150]
    assert_array_equal([outcome.rows for outcome in some], right.rows[[103, 150]])


@pytest.mark.parametrize("engine", nightly_but(["pymc"], COMPILED_ENGINES))
def test_a_compiled_sampler_travels_and_gives_the_same_outcome(engine):
    sampler = compiled_sampler(engine, 30, 30)
    there = pickle.loads(pickle.dumps(sampler))
    first, second = (outcome(SIMULATION, s, 1, 2) for s in (sampler, there))
    assert first.failure == ""
    assert first.gradients >= 60
    assert_array_equal(first.rows, second.rows)


def test_a_model_without_a_program_is_refused():
    bare = exact_simulation(EXAMPLE.model, 5)
    with pytest.raises(ValueError, match="`model` NormalNormal has no PyMC program, which this engine needs"):
        vectorised_outcomes(bare, "numpyro", seed=0, indices=[0], **SIZE)
    failed = outcome(bare, compiled_sampler("pymc", 10, 10), 0, 0)
    assert failed.failure.startswith("ValueError: `model` NormalNormal has no PyMC program")


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="`engine` must be one of numpyro, blackjax, hmc, got 'stan'"):
        vectorised_outcomes(SIMULATION, "stan", seed=0, indices=[0], **SIZE)
    with pytest.raises(ValueError, match="`engine` must be one of nutpie, pymc, got 'numpyro'"):
        compiled_sampler("numpyro", 10, 10)


def test_draws_that_are_not_finite_are_a_failure():
    broken = replace(SIMULATION, entry=None)

    def sample(model, y, seed):  # noqa: ARG001
        return {"mu": np.full((1, 30), np.nan)}

    assert "must be numbers, got nan" in outcome(broken, sample, 0, 0).failure
