"""No wrong gradient of `tests.nets.gradcheck.gradient_cases` passes, and no right one fails."""

from functools import cache

import numpy as np
import pytest

from nets.gradcheck.checks import check_gradient
from tests.nets.gradcheck.gradient_cases import RIGHT, WRONG

pytestmark = pytest.mark.usefixtures("programs_kept")
CASES = {name: case for name, *case in [*WRONG, *RIGHT]}
DTYPES = ["float32", "float64"]


@cache
def checks_of(name, dtype):
    f, at, grad_fn = CASES[name]
    return check_gradient(f, np.array(at, dtype), grad_fn=grad_fn)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [case[0] for case in WRONG])
def test_no_wrong_gradient_passes(name, dtype):
    checks = checks_of(name, dtype)
    assert checks.verdict != "pass", checks


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [case[0] for case in RIGHT])
def test_no_right_gradient_fails(name, dtype):
    checks = checks_of(name, dtype)
    assert checks.verdict != "fail", checks


@pytest.mark.parametrize("dtype", DTYPES)
def test_most_wrong_gradients_fail_and_most_right_ones_pass(dtype):
    assert min(len(WRONG), len(RIGHT)) >= 40
    assert sum(checks_of(case[0], dtype).verdict == "fail" for case in WRONG) >= len(WRONG) - 6
    assert sum(checks_of(case[0], dtype).verdict == "pass" for case in RIGHT) >= len(RIGHT) - 15
