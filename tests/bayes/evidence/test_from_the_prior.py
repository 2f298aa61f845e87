"""The methods that begin at the prior, on a model whose evidence is known; and the extra that one of them needs."""

from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from bayes.evidence import log_evidence
from bayes.evidence.pymc_targets import from_pymc
from bayes.evidence.stepping_stones import _product
from bayes.registry import get_model
from tests.bayes.evidence.made_targets import Normal
from tests.tolerances import MONTE_CARLO


@pytest.mark.slow
@pytest.mark.parametrize("method", ["stepping_stone", "nested", "smc"])
def test_the_estimate_is_within_its_claimed_error(method):
    model = get_model("normal_normal", "prior")
    estimate = log_evidence(model, method=method, seed=1)
    assert abs(estimate.log_evidence - model.exact.log_evidence(model.y)) < MONTE_CARLO * estimate.standard_error
    assert estimate.standard_error < 0.2
    assert estimate.reliable, estimate


def test_the_product_of_ratios_telescopes_for_exact_draws():
    """One observation 0 with sd 1 of a mean with prior N(0, 1): the power posteriors are N(0, 1 / (1 + beta))."""
    rng, betas = np.random.default_rng(0), np.linspace(0, 1, 9)
    log_w = np.array(
        [(b - a) * norm.logpdf(rng.normal(0, (1 + a) ** -0.5, size=(2, 1000))) for a, b in pairwise(betas)]
    )
    estimate = _product(log_w, Normal().target)
    error = estimate.log_evidence - norm.logpdf(0, 0, 2**0.5)
    assert abs(error) < MONTE_CARLO * estimate.standard_error
    wrong = _product(log_w[1:], Normal().target)  # negative control: a stone is missing
    assert abs(wrong.log_evidence - norm.logpdf(0, 0, 2**0.5)) > MONTE_CARLO * wrong.standard_error


def test_draws_of_the_prior_are_draws_of_the_prior():
    model = get_model("normal_normal")
    x = from_pymc(model.program()).prior.sample(3, 2000)
    z = (x[:, 0] - model.exact.prior_mean) / model.exact.prior_sd
    assert_allclose([z.mean(), z.std()], [0, 1], atol=MONTE_CARLO / 2000**0.5)


@pytest.mark.skipif(find_spec("dynesty") is not None, reason="dynesty is installed")
def test_without_dynesty_the_error_names_the_extra():
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'closedform\[dynesty\]'"):
        log_evidence(get_model("normal_normal"), method="dynesty")
