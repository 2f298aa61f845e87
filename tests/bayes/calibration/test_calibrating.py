"""``calibrate`` in one process: right and wrong samplers, bad input in one line, and what ran is kept."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bayes import calibrate, models
from bayes.calibration.calibrating import calibrations
from bayes.testing import assert_calibrated
from tests.bayes.calibration import samplers

MODEL = models["normal_normal"]


def run(sample, **options):
    return calibrate(sample, MODEL, **{"datasets": 40, "workers": 0, **options})


def test_a_right_sampler_passes_and_a_wrong_one_fails():
    assert assert_calibrated(samplers.exact, MODEL, datasets=60, workers=0).verdict == "pass"
    with pytest.raises(AssertionError, match=r"^fail: the draws do not pass\n(?s:.*)mu +scale .* fail"):
        assert_calibrated(samplers.too_wide, MODEL, datasets=60, workers=0)


def test_a_data_set_depends_on_its_own_seed_alone():
    few, many = run(samplers.exact), run(samplers.exact, datasets=60)
    assert_array_equal(few.rows, many.rows[:40])
    assert not np.any(run(samplers.exact, seed=1).rows[:, 0, 0] == few.rows[:, 0, 0])


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (samplers.raising, "`sample` failed on all 5 data sets: RuntimeError: no draws"),
        (samplers.leaving, "`sample` failed on all 5 data sets: SystemExit: 3"),
        (samplers.not_numbers, "`sample` failed on all 5 data sets: .* must be numbers, got nan at chain 0, draw 0 .*"),
        (samplers.wrong_shape, r"`sample` failed on all 5 data sets: .* \(chain, draw\), got \(1, 100, 2\).*"),
        (samplers.same_draws, "`sample` returned the same draws for data sets 0 and 1; use .*"),
        (samplers.same_random_numbers, "`sample` used the same random numbers for every data set: .* of 5; use .*"),
    ],
)
def test_a_broken_sampler_is_named_early_and_what_ran_is_kept(sample, message, tmp_path):
    for _ in range(2):  # the second call reads what the first has kept
        with pytest.raises(ValueError, match=rf"^{message}$") as error:
            run(sample, out=tmp_path / "runs.zarr")
        assert "\n" not in str(error.value)


def test_a_sampler_that_fails_sometimes_is_counted_and_does_not_pass():
    result = run(samplers.raising_sometimes)
    assert result.verdict == "inconclusive"
    assert len(result.rows) + len(result.failures) == 40
    assert set(result.failures.values()) == {"RuntimeError: no draws"}
    assert "the sampler failed on" in str(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": "nuts"}, "`sample` must be a function, or one of numpyro, .*, got 'nuts'; did you mean nutpie?"),
        ({"sample": 3}, r"`sample` must be a function of \(model, y, seed\), or one of .*, got 3\."),
        ({"sample": "numpyro", "workers": 2}, "`workers` is for samplers that run one data set at a time; .*"),
        ({"sample": "pymc", "draws": 2}, "`draws` must be a whole number, 4 or more, got 2."),
        ({"datasets": 0}, "`datasets` must be a whole number, 1 or more, got 0."),
        ({"seed": -1}, "`seed` must be a whole number from 0 to .*, got -1."),
        ({"alpha": 1.0}, "`alpha` must be between 0 and 1, .*, got 1.0."),
        ({"alpha": "x"}, "`alpha` must be between 0 and 1, .*, got 'x'."),
        ({"out": 5}, "`out` must be a path, or None, got 5."),
        ({"workers": None, "scheduler": 5}, "`scheduler` must be an address such as .*, got 5."),
        ({"workers": -1}, "`workers` must be a whole number, 0 or more; 0 is this process, got -1."),
        ({"workers": 2, "scheduler": "tcp://host:1"}, "`workers` 2 is for a cluster on this machine, .*; give one."),
        ({"model": "nrmal"}, "`model` must be one of .*"),
        ({"model": MODEL.exact}, "`observations` is missing: .*"),
    ],
)
def test_bad_input_is_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as error:
        calibrate(**{"sample": samplers.exact, "model": MODEL, "workers": 0} | options)
    assert "\n" not in str(error.value)


def test_several_models_are_named_in_errors_and_told_apart():
    told = []
    models_ = ["normal_normal", "normal_variance"]
    with pytest.raises(ValueError, match=r"^normal_variance: `sample` failed on all 5 data sets: "):
        calibrations(samplers.exact, models_, datasets=10, workers=0, progress=lambda *now: told.append(now))
    assert told[9] == ("normal_normal", 10, 10)
    assert {label for label, *_ in told[10:]} == {"normal_variance"}


def test_a_sampler_may_change_its_data_in_place():
    def centring(model, y, seed):
        draws = samplers.exact(model, y, seed)
        y -= y.mean()
        return draws

    found, expected = (calibrate(s, "normal_normal", datasets=20, workers=0) for s in (centring, samplers.exact))
    assert_array_equal(found.rows, expected.rows)
