"""Each PyMC program is the exact model: same names, same joint density at random parameters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.programs import normal_normal
from tests.tolerances import IDENTITY

MODEL = NormalNormal(prior_mean=0.5, prior_sd=2.0, noise_sd=1.5)


def test_the_program_has_the_names_of_the_marginals():
    program = normal_normal.program(MODEL, EXAMPLE.y)
    assert [v.name for v in program.free_RVs] == list(MODEL.marginals(EXAMPLE.y))
    assert [v.name for v in program.observed_RVs] == ["y"]


@pytest.mark.parametrize("mu", [-3.0, 0.0, 1.7])
def test_the_program_has_the_joint_density_of_the_exact_model(mu):
    """log p(y, mu) of the program = log p(mu | y) + log p(y) in closed form; a wider prior breaks it."""
    log_joint = MODEL.posterior(EXAMPLE.y).logpdf(mu) + MODEL.log_evidence(EXAMPLE.y)

    def program_logp(model):
        return normal_normal.program(model, EXAMPLE.y).compile_logp()({"mu": np.array(mu)})

    assert_allclose(program_logp(MODEL), log_joint, rtol=IDENTITY)
    wider = NormalNormal(prior_mean=0.5, prior_sd=2.2, noise_sd=1.5)
    assert abs(program_logp(wider) - log_joint) > 1e-3  # negative control
    assert_allclose(
        program_logp(MODEL), norm(mu, 1.5).logpdf(EXAMPLE.y).sum() + norm(0.5, 2.0).logpdf(mu), rtol=IDENTITY
    )


def test_the_program_refuses_what_the_exact_model_refuses():
    with pytest.raises(ValueError, match=r"y\[0\] = nan"):
        normal_normal.program(MODEL, [np.nan])
