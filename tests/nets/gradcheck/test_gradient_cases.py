"""No wrong gradient of `tests.nets.gradcheck.gradient_cases` passes, and no right one fails."""

from functools import cache

import numpy as np
import pytest

from nets.gradcheck.checks import check_gradient
from tests.nets.gradcheck.gradient_cases import RIGHT, WRONG
from tests.nightly import every_nth

CASES = {name: case for name, *case in [*WRONG, *RIGHT]}
DTYPES = {name: [("float32", "float64"), ("float64", "float32")][i % 2] for i, name in enumerate(CASES)}
"""The dtype of each case's parameters, and the other, which is for the nightly run: the programs are the same."""
both_dtypes = pytest.mark.parametrize("which", [0, pytest.param(1, marks=pytest.mark.slow)], ids=["dtype", "other"])


@cache
def checks_of(name, which):
    f, at, grad_fn = CASES[name]
    return check_gradient(f, np.array(at, DTYPES[name][which]), grad_fn=grad_fn)


@both_dtypes
@pytest.mark.parametrize("name", every_nth(3, [case[0] for case in WRONG]))
def test_no_wrong_gradient_passes(name, which):
    checks = checks_of(name, which)
    assert checks.verdict != "pass", checks


@both_dtypes
@pytest.mark.parametrize("name", every_nth(3, [case[0] for case in RIGHT]))
def test_no_right_gradient_fails(name, which):
    checks = checks_of(name, which)
    assert checks.verdict != "fail", checks


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
def test_most_wrong_gradients_fail_and_most_right_ones_pass(which):
    assert min(len(WRONG), len(RIGHT)) >= 40
    assert sum(checks_of(case[0], which).verdict == "fail" for case in WRONG) >= len(WRONG) - 6
    assert sum(checks_of(case[0], which).verdict == "pass" for case in RIGHT) >= len(RIGHT) - 15
