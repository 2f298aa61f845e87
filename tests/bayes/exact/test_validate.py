"""Messages about invalid input: the place of the value, all its digits, and advice that works."""

import numpy as np
import pytest

from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.dirichlet_multinomial import DirichletMultinomial
from bayes.exact.gamma_exponential import GammaExponential
from bayes.exact.gamma_poisson import GammaPoisson
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.linear_regression import LinearRegression
from bayes.exact.multivariate_normal import MultivariateNormal
from bayes.exact.normal_normal import NormalNormal
from bayes.exact.scale_priors import ScalePrior

COUNTS = GammaPoisson(shape=1.0, inverse_scale=1.0)
CLASSES = DirichletMultinomial(concentration=[1.0, 1.0, 1.0], trials=4)
VECTORS = MultivariateNormal(prior_mean=[0, 0], prior_covariance=np.eye(2), noise_covariance=np.eye(2))
NORMAL = NormalNormal(prior_sd=1.0, noise_sd=1.0)
TIMES = GammaExponential(shape=1.0, inverse_scale=1.0)


def message(call, *args, **kwargs):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("call", "y", "text"),
    [
        (COUNTS.log_evidence, [3.0000001], "between 0 and 9007199254740992, got y[0] = 3.0000001."),
        (COUNTS.log_evidence, [1, -2], "got y[1] = -2."),
        (COUNTS.log_evidence, [2**53 + 2], "got y[0] = 9007199254740994."),
        (BetaBinomial(trials=1234567).log_evidence, [1234568], "between 0 and 1234567, got y[0] = 1234568."),
        (CLASSES.log_evidence, [[1, 2, 1], [1, -1, 4]], "got y[1, 1] = -1."),
        (CLASSES.log_evidence, [[1, 2, 1], [1, 2.5, 0.5]], "got y[1, 1] = 2.5."),
        (CLASSES.log_evidence, [[1, 2, 1], [1, np.inf, 4]], "got y[1, 1] = inf; drop the 1 such"),
        (CLASSES.log_evidence, [[1, 2, 1], [1, 1, 1]], "rows that sum to the 4 `trials`, got y[1] = [1 1 1]"),
        (VECTORS.log_evidence, [[1.0, 2.0], [np.nan, np.nan]], "got y[1, 0] = nan; drop the 2 such"),
        (NORMAL.log_evidence, [1.0, -1.0000001e75], "got y[1] = -1.0000001e+75; drop"),
        (TIMES.log_evidence, [1.0, -1.23456789e-7], "got y[1] = -1.23456789e-07."),
    ],
)
def test_a_wrong_number_is_shown_with_its_place_and_digits(call, y, text):
    assert text in message(call, y)


@pytest.mark.parametrize("y", [[None], ["1"], [10**20], [True, False], [1.0, None]])
@pytest.mark.parametrize("call", [NORMAL.log_evidence, COUNTS.log_evidence, TIMES.log_evidence])
def test_the_advice_for_a_list_works(call, y):
    text = message(call, y)
    assert "`np.array(y, dtype=float)`" in text
    assert "astype" not in text
    np.array(y, dtype=float)


def test_an_imaginary_part_is_not_dropped_silently():
    assert "`np.real(y)` if all imaginary parts are 0" in message(NORMAL.log_evidence, [1 + 1j])
    assert "`np.real(y)` if all imaginary parts are 0" in message(VECTORS.log_evidence, [[1, 1j]])


def hierarchical(sd):
    return HierarchicalNormal(noise_sds=[1.0], prior_mean=0.0, prior_sd=sd, tau_prior=ScalePrior("half_cauchy", 1.0))


@pytest.mark.parametrize("make", [lambda sd: NormalNormal(prior_sd=sd, noise_sd=1.0), hierarchical])
@pytest.mark.parametrize(
    ("sd", "advice"),
    [
        (-2, "use a small but positive sd."),
        (0, "use a small but positive sd."),
        (1e-80, "use a small but positive sd."),
        (-np.inf, "use a small but positive sd."),
        (np.inf, "use a large but finite sd."),
        (10**400, "use a large but finite sd."),
        (np.nan, "give one number."),
        (None, "give one number."),
        ([1.0], "give one number."),
    ],
)
def test_the_advice_for_a_wrong_sd_fits_its_side(make, sd, advice):
    assert message(make, sd).endswith(advice)


def test_the_advice_for_a_wrong_size_fits_its_side():
    assert message(GammaPoisson, shape=0, inverse_scale=1).endswith("use a small but positive number.")
    assert message(GammaPoisson, shape=1e80, inverse_scale=1).endswith("use other units.")


@pytest.mark.parametrize(
    "make",
    [
        lambda: DirichletMultinomial(concentration=[True, 2], trials=3),
        lambda: HierarchicalNormal(
            noise_sds=(1.0, True), prior_mean=0.0, prior_sd=1.0, tau_prior=ScalePrior("half_cauchy", 1.0)
        ),
        lambda: HierarchicalNormal(
            noise_sds=[np.True_, 2], prior_mean=0.0, prior_sd=1.0, tau_prior=ScalePrior("half_cauchy", 1.0)
        ),
        lambda: MultivariateNormal(prior_mean=[0, 0], prior_covariance=[[True, 0], [0, 2]], noise_covariance=np.eye(2)),
        lambda: LinearRegression(
            design=[[1, True]], prior_mean=[0, 0], prior_covariance=np.eye(2), shape=1.0, scale=1.0
        ),
        lambda: NORMAL.log_evidence([True, 2.0]),
    ],
)
def test_booleans_among_numbers_are_refused(make):
    assert "must hold numbers and no booleans" in message(make)


def test_arrays_of_numbers_are_not_searched_for_booleans():
    assert NORMAL.log_evidence(np.array([True, 2])) == NORMAL.log_evidence([1, 2])
