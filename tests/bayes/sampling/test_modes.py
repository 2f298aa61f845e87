"""The mode and its curvature, by hand for a skewed density, and what has none."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayes.sampling.modes import mode
from tests.tolerances import IDENTITY

A = 3.0


def log_gamma_density(x):
    """The log of a gamma variable of shape ``A``: the mode is log A, and -H = A there."""
    return float(A * x[0] - np.exp(x[0]))


def found(log_density=log_gamma_density, start=0.0):
    return mode(
        log_density,
        lambda x: A - np.exp(x),
        lambda x: -np.exp(x)[:, None],
        np.array([start]),
        otherwise="use another method",
    )


def test_the_mode_and_its_covariance_have_a_closed_form():
    result = found()
    assert_allclose(result.point, [np.log(A)], rtol=IDENTITY)
    assert_allclose(result.covariance, [[1 / A]], rtol=IDENTITY)
    assert result.evaluations > 1


def test_steps_to_where_there_is_no_density_are_refused():
    """The first step from far out, by Newton, is 1e4 to the right, where the log density is made nan."""
    result = found(lambda x: log_gamma_density(x) if x[0] < 5 else np.nan, start=-8.0)
    assert_allclose(result.point, [np.log(A)], rtol=IDENTITY)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_start_without_a_density_is_refused(value):
    with pytest.raises(ValueError, match=f"finite log density where the search .* got {value} at z = .0.0.; give"):
        found(lambda _: value)
