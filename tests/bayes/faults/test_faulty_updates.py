"""Every mistake in a conjugate update fails, and the same sampler without it passes."""

import numpy as np
import pytest

from bayes import check, check_sampler
from bayes.exact.scale_priors import ScalePrior
from bayes.faults.false_alarms import exact_chains
from bayes.faults.faulty_updates import MISTAKES, sampler
from bayes.registry import NAMES, data_sets, get_model
from benchmarks.fifty_digits import SLOW
from tests.nightly import every_nth, nightly_but

DRAWS = 500  # a quarter of the default: what these detect, more draws detect


def mistakes_of(*names):
    return [(name, mistake) for name in names for mistake in MISTAKES[name]]


# A marginal that is a mixture of many normals takes most of the time.
CASES = [
    *every_nth(3, mistakes_of(*(name for name in NAMES if name not in SLOW))),
    *every_nth(50, mistakes_of(*SLOW)),
]


@pytest.mark.parametrize(("name", "mistake"), CASES)
def test_every_mistake_fails(name, mistake):
    checks = check_sampler(sampler(MISTAKES[name][mistake]), models=[name], draws=DRAWS)
    assert checks.verdict == "fail", checks


@pytest.mark.parametrize("name", nightly_but([name for name in NAMES if name not in SLOW], NAMES))
def test_without_a_mistake_it_passes_on_both_data_sets(name):
    labels = []

    def correct(model, seed, n):
        labels.append(model.label)
        return exact_chains(model, np.random.default_rng([seed, 1]), n)

    checks = check_sampler(correct, models=[name], seed=7)
    assert checks.verdict != "fail", checks
    assert labels[:2] == [name, f"{name} (prior)"]
    assert {check.model for check in checks} == {name, f"{name} (prior)"}
    assert all(check.name.startswith(f"{check.model}: ") for check in checks)


def test_data_that_drown_their_prior_hide_what_the_second_set_shows():
    def verdict(model):
        draws = sampler(MISTAKES["beta_binomial"]["prior forgotten"])(model, 0, 2000)
        return check(draws, model.exact, model.y).verdict

    assert [verdict(model) for model in data_sets("beta_binomial")] == ["pass", "fail"]


@pytest.mark.parametrize("name", NAMES)
def test_no_hyperparameter_of_the_second_set_hides_a_mistake(name):
    exact = get_model(name, "prior").exact
    values = [
        np.ravel(value.numbers if isinstance(value, ScalePrior) else value)
        for field, value in vars(exact).items()
        if field not in ("design", "trials")
    ]
    for value in values:
        assert not np.isin(value, [0, 1]).any()
    scalars = [float(value[0]) for value in values if value.size == 1]
    assert len(set(scalars)) == len(scalars)
