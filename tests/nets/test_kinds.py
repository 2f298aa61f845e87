"""Every wrong gradient of `tests.nets.kinds` is seen, and no right one condemned."""

import jax
import numpy as np
import pytest

from nets.gradients import compare_gradients
from tests.nets.kinds import RIGHT, WRONG

pytestmark = pytest.mark.usefixtures("programs_kept")
DTYPES = ["float32", "float64"]


def verdict(kind, dtype):
    _, f, at, by_hand = kind
    return compare_gradients(f, np.array(at, dtype), by_hand=by_hand)


def named(kinds):
    return {"argvalues": kinds, "ids": [kind[0] for kind in kinds]}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", **named(WRONG))
def test_no_wrong_gradient_passes(kind, dtype):
    checks = verdict(kind, dtype)
    assert checks.verdict != "pass", checks


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", **named(RIGHT))
def test_no_right_gradient_fails(kind, dtype):
    checks = verdict(kind, dtype)
    assert checks.verdict != "fail", checks


def test_the_table_is_as_large_as_it_is_said_to_be_and_most_mistakes_are_a_fail():
    assert len(WRONG) >= 40
    assert len(RIGHT) >= 40
    assert sum(verdict(kind, "float64").verdict == "fail" for kind in WRONG) >= len(WRONG) - 6
