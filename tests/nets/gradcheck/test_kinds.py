"""Every wrong gradient of `tests.nets.gradcheck.kinds` is seen, and no right one condemned."""

from functools import cache

import numpy as np
import pytest

from nets.gradcheck.checks import compare_gradients
from tests.nets.gradcheck.kinds import RIGHT, WRONG

pytestmark = pytest.mark.usefixtures("programs_kept")
KINDS = {name: kind for name, *kind in [*WRONG, *RIGHT]}
DTYPES = ["float32", "float64"]


@cache
def checked(name, dtype):
    f, at, by_hand = KINDS[name]
    return compare_gradients(f, np.array(at, dtype), by_hand=by_hand)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [kind[0] for kind in WRONG])
def test_no_wrong_gradient_passes(name, dtype):
    checks = checked(name, dtype)
    assert checks.verdict != "pass", checks


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [kind[0] for kind in RIGHT])
def test_no_right_gradient_fails(name, dtype):
    checks = checked(name, dtype)
    assert checks.verdict != "fail", checks


@pytest.mark.parametrize("dtype", DTYPES)
def test_most_wrong_gradients_fail_and_most_right_ones_pass(dtype):
    assert min(len(WRONG), len(RIGHT)) >= 40
    assert sum(checked(kind[0], dtype).verdict == "fail" for kind in WRONG) >= len(WRONG) - 6
    assert sum(checked(kind[0], dtype).verdict == "pass" for kind in RIGHT) >= len(RIGHT) - 15
