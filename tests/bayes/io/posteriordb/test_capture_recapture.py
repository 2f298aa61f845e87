"""posteriordb's M0, Mt and Mb: their targets, statement by statement, and the values of M0's data."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import bernoulli, binom

from bayes.io.posteriordb.capture_recapture import KNOWN
from bayes.registry import scalars
from tests.tolerances import IDENTITY, PRINTED

ROOT = Path(__file__).parents[5] / "shared" / "data" / "posteriordb" / "posterior_database"
DATA = {"M": 6, "T": 3, "y": [[1, 1, 0], [0, 0, 0], [0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0]]}


def target(name, data, values):
    """The target of the Stan program: uniform priors, and one term for each candidate."""
    total, omega = 0.0, values["omega"]
    for row in data["y"]:
        before = np.array([0, *row[:-1]])
        if name == "M0_model":
            log_p = binom.logpmf(sum(row), data["T"], values["p"])
        elif name == "Mt_model":
            log_p = bernoulli.logpmf(row, [values[f"p[{t + 1}]"] for t in range(data["T"])]).sum()
        else:
            log_p = bernoulli.logpmf(row, np.where(before, values["c"], values["p"])).sum()
        there = bernoulli.logpmf(1, omega) + log_p
        total += there if sum(row) else np.logaddexp(there, bernoulli.logpmf(0, omega))
    return total


@pytest.mark.parametrize("name", KNOWN)
def test_the_target_is_the_joint_density(name):
    built = KNOWN[name].build(DATA)
    posterior, rng = built.model.posterior(built.y), np.random.default_rng(0)
    for _ in range(5):
        params = {key: value[0] for key, value in posterior.rvs(1, rng).items()}
        values = {scalar: params[base][place] for scalar, (base, place) in built.elements.items()}
        log_joint = posterior.logpdf(params) + built.model.log_evidence(built.y) + built.log_factor
        assert_allclose(target(name, DATA, values) + built.dropped, log_joint, rtol=IDENTITY)


@pytest.mark.parametrize("name", KNOWN)
def test_every_scalar_has_a_marginal(name):
    built = KNOWN[name].build(DATA)
    marginals = scalars(built.model, built.y)
    names = {f"{base}[{place[0]}]" if place else base for base, place in built.elements.values()}
    assert names == set(marginals)


def test_the_values_of_m0():
    if not ROOT.exists():
        pytest.skip(f"posteriordb's data are not beside the checkout: {ROOT}")
    with zipfile.ZipFile(ROOT / "data" / "data" / "M0_data.json.zip") as archive:
        data = json.loads(archive.read(archive.namelist()[0]))
    built = KNOWN["M0_model"].build(data)
    assert_allclose(built.model.log_evidence(built.y) + built.log_factor, -247.4552048027, atol=PRINTED)
    marginals = built.model.marginals(built.y)
    assert_allclose([marginals["omega"].mean(), marginals["omega"].std()], [0.42346115, 0.03868776], atol=PRINTED)
