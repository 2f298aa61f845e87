"""posteriordb's gp_regr: its target, statement by statement, and the values of its data."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayes.io.posteriordb.gaussian_process import KNOWN
from tests.tolerances import IDENTITY, PRINTED

ROOT = Path(__file__).parents[5] / "shared" / "data" / "posteriordb" / "posterior_database"
DATA = {"N": 4, "x": [-1.5, 0.0, 0.7, 2.0], "y": [0.4, 1.9, 1.1, -0.8]}


def target(data, rho, alpha, sigma):
    """The target of the Stan program, without what its statements with ~ leave out."""
    x, y = np.array(data["x"]), np.array(data["y"])
    covariance = alpha**2 * np.exp(-((x[:, None] - x) ** 2) / (2 * rho**2)) + sigma * np.eye(len(x))
    priors = 24 * np.log(rho) - 4 * rho - alpha**2 / 8 - sigma**2 / 2
    return priors - np.linalg.slogdet(covariance)[1] / 2 - y @ np.linalg.solve(covariance, y) / 2


def test_the_target_is_the_joint_density():
    built = KNOWN["gp_regr"].build(DATA)
    posterior, evidence = built.model.posterior(built.y), built.model.log_evidence(built.y)
    for rho, alpha, sigma in [(6.0, 1.0, 0.5), (3.0, 4.0, 0.1), (9.0, 0.2, 2.0)]:
        log_joint = posterior.logpdf({"rho": rho, "alpha": alpha, "noise_variance": sigma}) + evidence
        assert_allclose(target(DATA, rho, alpha, sigma) + built.dropped, log_joint, rtol=IDENTITY)


def test_the_values_of_gp_regr():
    if not ROOT.exists():
        pytest.skip(f"posteriordb's data are not beside the checkout: {ROOT}")
    with zipfile.ZipFile(ROOT / "data" / "data" / "gp_pois_regr.json.zip") as archive:
        data = json.loads(archive.read(archive.namelist()[0]))
    built = KNOWN["gp_regr"].build(data)
    assert_allclose(built.model.log_evidence(built.y) + built.log_factor, -27.55545559, atol=PRINTED)
    marginals = built.model.marginals(built.y)
    assert set(marginals) == {name for name, _ in built.elements.values()}
    assert_allclose([marginals["rho"].mean(), marginals["rho"].std()], [6.8934286, 1.2896981], atol=PRINTED)
