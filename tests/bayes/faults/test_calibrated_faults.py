"""How many data sets show a mistake: the summaries are those of a calibration, and families of them are judged."""

from dataclasses import replace

import numpy as np
import pytest

from bayes.calibration.simulation import exact_quantities
from bayes.calibration.summaries import FIELDS, summary
from bayes.faults.calibrated_faults import OF_DRAWS, Power, power, summaries
from bayes.faults.faulty_samplers import CHAINS, FAULTY_SAMPLERS
from bayes.registry import get_model
from tests.tolerances import IDENTITY

WIDE, SHIFTED, _, NO_JACOBIAN, *_ = OF_DRAWS


@pytest.mark.parametrize("faulty", [WIDE, NO_JACOBIAN], ids=lambda faulty: faulty.name)
def test_the_summaries_of_all_data_sets_are_those_of_each(faulty):
    kept = {}

    def sample(model, rng, repeats, n, injected):
        kept["y"], kept["draws"] = model.y, faulty.sample(model, rng, repeats, n, injected)
        return kept["draws"]

    rows = summaries(replace(faulty, sample=sample), datasets=6, seed=0)
    assert rows.shape == (6, 1, len(FIELDS))
    model = get_model(faulty.model)
    (name,) = model.variables
    rng = np.random.default_rng([0, 6, True])
    for i in range(6):
        truth, y = model.exact.simulate(rng, len(model.y))
        np.testing.assert_array_equal(y, kept["y"][i])
        quantities = exact_quantities(model.exact, y)
        expected = summary(quantities, truth, {name: kept["draws"][i]}, np.random.default_rng(0))
        np.testing.assert_allclose(rows[i], expected, rtol=IDENTITY, atol=IDENTITY)
    assert kept["draws"].shape[1] == CHAINS


def test_pooled_tests_need_far_fewer_data_sets_than_ranks():
    pooled, ranks = power(WIDE, datasets=400, sizes=[20, 200])
    assert pooled.families == ranks.families == (20, 2)
    assert pooled.detected[-1] == 2
    assert ranks.detected == (0, 0)
    pooled, ranks = power(NO_JACOBIAN, datasets=200, sizes=[20, 200])
    assert pooled.detected == (10, 1)
    assert ranks.detected[0] == 0


def test_the_correct_variant_is_not_detected():
    for faulty in (WIDE, SHIFTED, NO_JACOBIAN):
        for kind in power(faulty, datasets=200, sizes=[20, 100], injected=False):
            assert kind.detected == (0, 0)


def test_the_number_needed_is_the_smallest_from_which_on_all_suffice():
    def needed(*detected):
        return Power(sizes=(20, 50, 100), families=(10, 10, 5), detected=detected).needed

    assert [needed(0, 0, 0), needed(9, 9, 5), needed(3, 9, 5), needed(10, 5, 5), needed(10, 10, 4)] == [
        None,
        20,
        50,
        100,
        None,
    ]


def test_samplers_of_the_evidence_are_left_out():
    assert {faulty.name for faulty in FAULTY_SAMPLERS} - {faulty.name for faulty in OF_DRAWS} == {"constant dropped"}
