"""posteriordb's bones: its target, statement by statement."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import norm

from bayes.io.posteriordb.graded_response import KNOWN
from tests.tolerances import IDENTITY

DATA = {
    "nChild": 3,
    "nInd": 3,
    "ncat": [2, 5, 3],
    "gamma": [[0.7, -1, -1, -1], [-0.5, 1.5, 2.5, 4.5], [2.1, 3.3, -1, -1]],
    "delta": [2.9, 0.7, 1.1],
    "grade": [[1, 2, 1], [2, 5, -1], [-1, 4, 3]],
}


def target(data, theta):
    """The target of the Stan program, with ``theta ~ normal(0, 36)`` less its constants."""
    total = norm.logpdf(theta, 0, 36).sum() + len(theta) * np.log(36 * np.sqrt(2 * np.pi))
    for ability, grades in zip(theta, data["grade"], strict=True):
        for delta, gamma, ncat, grade in zip(data["delta"], data["gamma"], data["ncat"], grades, strict=True):
            Q = [1.0, *expit(delta * (ability - np.array(gamma[: ncat - 1]))), 0.0]
            total += 0.0 if grade == -1 else np.log(Q[grade - 1] - Q[grade])
    return total


def test_the_target_is_the_joint_density():
    built = KNOWN["bones_model"].build(DATA)
    posterior, rng = built.model.posterior(built.y), np.random.default_rng(0)
    assert list(built.elements) == ["theta[1]", "theta[2]", "theta[3]"]
    for _ in range(5):
        theta = rng.normal(2, 2, size=3)
        log_joint = posterior.logpdf({"theta": theta}) + built.model.log_evidence(built.y)
        assert_allclose(target(DATA, theta) + built.dropped, log_joint, rtol=IDENTITY)
