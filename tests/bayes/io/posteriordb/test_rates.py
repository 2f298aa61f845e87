"""posteriordb's rates: their targets, statement by statement."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp, xlog1py, xlogy
from scipy.stats import binom

from bayes.io.posteriordb.rates import KNOWN
from bayes.registry import scalars
from tests.tolerances import EXACT, IDENTITY

PAIR = {"n1": 8, "n2": 12, "k1": 3, "k2": 11}
DATA = {
    "Rate_1_model": {"n": 9, "k": 2},
    "Rate_2_model": PAIR,
    "Rate_3_model": PAIR,
    "Rate_4_model": {"n": 9, "k": 2},
    "Rate_5_model": PAIR,
    "Survey_model": {"nmax": 30, "m": 3, "k": [4, 9, 6]},
}


def kernel(k, n, theta):
    """``k ~ binomial(n, theta)``, which leaves out the binomial coefficient."""
    return xlogy(k, theta) + xlog1py(n - k, -theta)


def target(name, data, values):
    """The target of the Stan program; ``theta ~ beta(1, 1)`` adds nothing to it."""
    if name == "Survey_model":
        parts = [
            -np.log(data["nmax"]) + binom.logpmf(data["k"], n, values["theta"]).sum()
            for n in range(max(data["k"]), data["nmax"] + 1)
        ]
        return logsumexp(parts)
    if "n" in data:
        return kernel(data["k"], data["n"], values["theta"])
    first, second = (values.get(key, values.get("theta")) for key in ("theta1", "theta2"))
    return kernel(data["k1"], data["n1"], first) + kernel(data["k2"], data["n2"], second)


def draw(built, rng):
    """Return a draw of the model, by the names of its variables."""
    posterior = built.model.posterior(built.y)
    draws = posterior.rvs(1, random_state=rng)
    return {key: value[0] for key, value in (draws if isinstance(draws, dict) else {"theta": draws}).items()}


@pytest.mark.parametrize("name", KNOWN)
def test_the_target_is_the_joint_density(name):
    built, rng = KNOWN[name].build(DATA[name]), np.random.default_rng(0)
    posterior = built.model.posterior(built.y)
    for _ in range(5):
        params = draw(built, rng)
        values = {scalar: params[base][place] for scalar, (base, place) in built.elements.items()}
        log_p = posterior.logpdf(params if np.ndim(params["theta"]) else params["theta"])
        log_joint = log_p + built.model.log_evidence(built.y) + built.log_factor
        assert_allclose(target(name, DATA[name], values) + built.dropped, log_joint, rtol=IDENTITY)


@pytest.mark.parametrize("name", KNOWN)
def test_every_scalar_has_a_marginal(name):
    built = KNOWN[name].build(DATA[name])
    further = built.model.further_marginals(built.y) if hasattr(built.model, "further_marginals") else {}
    names = {f"{base}[{place[0]}]" if place else base for base, place in built.elements.values()}
    assert names <= set(scalars(built.model, built.y)) | set(further)


def test_evidences_that_are_known():
    # A count of a uniform rate is uniform: 1 / (n + 1).
    for name, expected in [("Rate_1_model", 1 / 10), ("Rate_2_model", 1 / (9 * 13)), ("Rate_4_model", 1 / 10)]:
        built = KNOWN[name].build(DATA[name])
        assert_allclose(built.model.log_evidence(built.y), np.log(expected), rtol=EXACT)


def test_counts_at_their_ends_are_fine():
    built = KNOWN["Rate_5_model"].build({"n1": 10, "n2": 10, "k1": 0, "k2": 10})
    assert built.dropped == 0
    assert_allclose(scalars(built.model, built.y)["theta[0]"].mean(), 0.5, rtol=EXACT)
    survey = KNOWN["Survey_model"].build({"nmax": 4, "m": 2, "k": [0, 0]})
    assert np.isfinite(survey.model.log_evidence(survey.y))
