"""posteriordb's eight schools: their targets, statement by statement, and the values of the data."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayes.io.posteriordb.hierarchical_normal import KNOWN
from bayes.registry import scalars
from tests.tolerances import IDENTITY, PRINTED

ROOT = Path(__file__).parents[5] / "shared" / "data" / "posteriordb" / "posterior_database"
DATA = {"J": 3, "y": [4.0, -1.0, 9.0], "sigma": [2.0, 5.0, 3.0]}


def target(name, data, params):
    """The target of the Stan program, without what its statements with ~ leave out."""
    mu, tau, theta = params["mu"], params["tau"], params["theta"]
    total = -np.log1p((tau / 5) ** 2) - mu**2 / 50
    total -= np.sum((np.array(data["y"]) - theta) ** 2 / np.array(data["sigma"]) ** 2) / 2
    if name == "eight_schools_centered":
        return total - np.sum((theta - mu) ** 2) / (2 * tau**2) - len(theta) * np.log(tau)
    return total - np.sum(params["distance"] ** 2) / 2


@pytest.mark.parametrize("name", KNOWN)
def test_the_target_is_the_joint_density(name):
    built = KNOWN[name].build(DATA)
    posterior, evidence = built.model.posterior(built.y), built.model.log_evidence(built.y)
    draws = posterior.rvs(3, np.random.default_rng(0))
    for i in range(3):
        params = {key: value[i] for key, value in draws.items()}
        # the density of the distances is that of theta times tau^n
        log_jacobian = 0.0 if name == "eight_schools_centered" else len(built.y) * np.log(params["tau"])
        log_joint = posterior.logpdf(params) + evidence + log_jacobian
        assert_allclose(target(name, DATA, params) + built.dropped, log_joint, rtol=IDENTITY)


@pytest.mark.parametrize("name", KNOWN)
def test_every_scalar_has_a_marginal_and_draws(name):
    built = KNOWN[name].build(DATA)
    known = scalars(built.model, built.y) | built.model.further_marginals(built.y)
    draws = built.model.posterior(built.y).rvs(4000, np.random.default_rng(1))
    for base, place in built.elements.values():
        marginal = known[f"{base}[{place[0]}]" if place else base]
        values = draws[base][(slice(None), *place)]
        assert abs(values.mean() - marginal.mean()) < 5 * marginal.std() / 4000**0.5
        assert_allclose(np.mean(values < marginal.ppf(0.3)), 0.3, atol=5 * (0.21 / 4000) ** 0.5)


@pytest.mark.parametrize("name", KNOWN)
def test_the_values_of_eight_schools(name):
    if not ROOT.exists():
        pytest.skip(f"posteriordb's data are not beside the checkout: {ROOT}")
    with zipfile.ZipFile(ROOT / "data" / "data" / "eight_schools.json.zip") as archive:
        data = json.loads(archive.read(archive.namelist()[0]))
    built = KNOWN[name].build(data)
    assert_allclose(built.model.log_evidence(built.y) + built.log_factor, -31.31134735, atol=PRINTED)
