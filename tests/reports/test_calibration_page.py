"""The calibration page: verdicts of the engines alone count, and each section says what its numbers say."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bayes.calibration.calibrating import calibrate
from bayes.faults.calibrated_faults import OF_DRAWS
from bayes.faults.calibrated_faults import Power as FaultPower
from bayes.faults.faulty_kernels import FAULTY_KERNELS, KernelDetection
from reports import calibration
from reports.calibration.measurements import CHAINS, DATA_SETS, DRAWS, ERRORS, Cell, KernelPower, Power, run_budgets
from reports.shared.page import drawing

BUDGETS = (5, 10, 20)


@cache
def calibrated(error=0.0):
    """Return the calibration of draws that are off by ``error``."""

    def sample(model, y, seed):
        return {"mu": error + model.exact.posterior(y).rvs((1, 100), random_state=np.random.default_rng(seed))}

    return calibrate(sample, "normal_normal", datasets=40, workers=0)


def page(*, cell=0.0, budgets=(1.0, 1.0, 0.0), kernels=20):
    """Return a page whose engine and whose three budgets have these errors, from counts that were not measured."""
    options = calibration.Options()
    powers = [Power(name=name, repeats=20, pooled=[0, 20] * 3, ranks=[1] * 6) for name, *_ in ERRORS]
    fault = FaultPower(sizes=DATA_SETS, families=(20,) * 6, detected=(0, 0, 20, 20, 20, 20))
    never = FaultPower(sizes=DATA_SETS, families=(20,) * 6, detected=(0,) * 6)
    detection = [
        KernelDetection(n=n, repeats=20, detected=kernels, passed=20 - kernels, by_update={"": kernels})
        for n in (*CHAINS, *DRAWS)
    ]
    right = KernelDetection(n=CHAINS[-1], repeats=20, detected=0, passed=20, by_update={"": 0})
    kernel = KernelPower(one=detection[: len(CHAINS)], right=right, draws=detection[len(CHAINS) :])
    results = [
        Cell(calibration=calibrated(cell), seconds=1.0),
        [
            (n, replace(calibrated(error), gradients=np.full(40, 7.0 * n)))
            for n, error in zip(BUDGETS, budgets, strict=True)
        ],
        *powers,
        *[(fault, never)] * len(OF_DRAWS),
        *[kernel] * len(FAULTY_KERNELS),
    ]
    assert len(results) == len(calibration.tasks(calibration.read(options), options))
    with drawing():
        return calibration.build(calibration.read(options), options, results)


@pytest.fixture(scope="module")
def made():
    return page()


def test_small_budgets_have_verdicts_that_do_not_count(made):
    table = made.numbers["budgets"]["budgets"]
    assert table["iterations"] == list(BUDGETS)
    assert table["verdict"] == ["fail", "fail", "pass"]
    assert made.verdict == "pass"
    assert table["its error"][0] > 2 > abs(table["its error"][2])  # an error of 1 is 3.8 posterior sds
    assert list(made.numbers["budgets"]["enough"].values()) == [20]
    assert "on normal_normal: no error is found from 20 iterations and draws on." in made.html()


def test_a_wrong_engine_and_an_undetected_kernel_fail_the_page():
    wrong = page(cell=1.0, budgets=(1.0, 0.0, 1.0))
    assert wrong.verdict == "fail"
    assert list(wrong.numbers["budgets"]["enough"].values()) == [None]  # 10 passed, and 20 did not
    assert "the largest budget is still too small." in wrong.html()
    undetected = page(kernels=3)
    assert undetected.verdict == "fail"
    assert undetected.numbers["kernels"]["undetected"] == [faulty.name for faulty in FAULTY_KERNELS]


def test_each_mistake_has_the_data_sets_that_it_needs(made):
    needed = made.numbers["faults"]["needed"]
    assert needed["pooled"] == ["100"] * len(OF_DRAWS)
    assert needed["ranks"] == [f"more than {DATA_SETS[-1]}"] * len(OF_DRAWS)
    assert json.loads(made.json())["numbers"]["power"]["pooled_share"] == [1.0, 1.0]


def test_budgets_are_as_many_iterations_as_draws():
    (n, run), (_, more) = run_budgets("normal_normal", "pymc", 20, (5, 20), 0)
    assert (n, run.sampler) == (5, "pymc")
    assert run.gradients.mean() < more.gradients.mean()
    assert run.rows.shape[0] == 20
