"""What the laws say far out, where parameters are huge or tiny, against mpmath."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_less

from bayes.exact.gamma_poisson import GammaPoisson


@pytest.mark.parametrize("shape", [0.3, 1e4, 1e9])
@pytest.mark.parametrize("inverse_scale", [1e-9, 1.0, 1e9])
def test_quantiles_of_counts_are_found_where_floats_are_further_apart_than_counts(shape, inverse_scale):
    predictive = GammaPoisson(shape=shape, inverse_scale=inverse_scale).predictive([])
    q = np.array([0.01, 0.5, 0.99])
    k = predictive.ppf(q)
    assert np.all(predictive.cdf(k) >= q)
    # the float below, or the count below, has less
    assert_array_less(predictive.cdf(np.minimum(np.nextafter(k, -1), k - 1)), q)


@pytest.mark.parametrize("shape", [1e16, 1e18, 1e30, 1e75])
@pytest.mark.parametrize("inverse_scale", [1e-9, 1.0, 1e9])
def test_quantiles_end_where_the_cdf_has_few_digits(shape, inverse_scale):
    predictive = GammaPoisson(shape=shape, inverse_scale=inverse_scale).predictive([])
    assert_allclose(predictive.ppf([0.1, 0.5]), shape / inverse_scale, rtol=1e-3)
