"""posteriordb's dogs, wells, votes and dugongs: their targets, statement by statement, and the values of their data."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, gammaln
from scipy.stats import bernoulli, norm

from bayes.io.posteriordb import growth_curve, logistic_regression, two_parameters
from bayes.registry import scalars
from tests.nightly import nightly_but
from tests.tolerances import IDENTITY, PRINTED

ROOT = Path(__file__).parents[5] / "shared" / "data" / "posteriordb" / "posterior_database"
KNOWN = two_parameters.KNOWN | logistic_regression.KNOWN | growth_curve.KNOWN
DOGS = {
    "n_dogs": 4,
    "n_trials": 8,
    "y": [
        [1, 1, 0, 1, 0, 0, 1, 0],
        [1, 0, 0, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 1, 0, 0, 1],
        [1, 0, 1, 0, 0, 1, 0, 0],
    ],
}
WELLS = {
    "N": 9,
    "switched": [1, 0, 1, 1, 0, 1, 0, 1, 0],
    "dist": [20.5, 81.0, 17.2, 110.0, 64.3, 33.3, 150.0, 95.1, 17.2],
}
DATA = {
    "dogs_log": DOGS,
    "dogs_hierarchical": DOGS,
    "nes_logit_model": {"N": 8, "income": [1, 2, 2, 3, 4, 5, 5, 1], "vote": [0, 0, 1, 1, 1, 0, 1, 1]},
    "wells_dist": WELLS,
    "wells_dist100_model": WELLS,
    "dugongs_model": {"N": 6, "x": [1.0, 2.5, 4.0, 8.0, 15.0, 30.0], "Y": [1.7, 2.1, 2.2, 2.4, 2.7, 2.6]},
}
POINTS = {
    "dogs_log": {"beta[1]": -0.4, "beta[2]": 0.3},
    "dogs_hierarchical": {"a": 0.9, "b": 0.6},
    "nes_logit_model": {"alpha": -0.7, "beta[1]": 0.4},
    "wells_dist": {"beta[1]": 0.9, "beta[2]": -0.01},
    "wells_dist100_model": {"alpha": 0.9, "beta[1]": -1.0},
    "dugongs_model": {"alpha": 2.6, "beta": 1.1, "lambda": 0.8, "tau": 60.0},
}
VALUES = {
    "dogs-dogs_log": -336.2102857546,
    "dogs-dogs_hierarchical": -280.8075719668,
    "nes_logit_data-nes_logit_model": -782.2958113029,
    "wells_data-wells_dist": -2046.5091419293,
    "wells_data-wells_dist100_model": -2041.9039717433,
    "dugongs_data-dugongs_model": -5.3027983107,
}
"""Posterior -> log evidence; with the same integrals by another way in ``test_growth_curve`` and below."""


def dogs_target(data, probability):
    total = 0.0
    for row in data["y"]:
        for t, y in enumerate(row):
            shocks = sum(row[:t])
            total += bernoulli.logpmf(y, probability(t - shocks, shocks))
    return total


def target(name, data, v):
    """The target of the Stan program; flat priors and ``uniform`` add nothing to it."""
    if name == "dogs_log":
        return dogs_target(data, lambda avoided, shocks: expit(v["beta[1]"] * avoided + v["beta[2]"] * shocks))
    if name == "dogs_hierarchical":
        return dogs_target(data, lambda avoided, shocks: v["a"] ** shocks * v["b"] ** avoided)
    if name == "nes_logit_model":
        return bernoulli.logpmf(data["vote"], expit(v["alpha"] + v["beta[1]"] * np.array(data["income"]))).sum()
    if name == "wells_dist":
        return bernoulli.logpmf(data["switched"], expit(v["beta[1]"] + v["beta[2]"] * np.array(data["dist"]))).sum()
    if name == "wells_dist100_model":
        eta = v["alpha"] + v["beta[1]"] * np.array(data["dist"]) / 100
        return bernoulli.logpmf(data["switched"], expit(eta)).sum()
    mean = v["alpha"] - v["beta"] * v["lambda"] ** np.array(data["x"])
    total = (norm.logpdf(data["Y"], mean, v["tau"] ** -0.5) + np.log(2 * np.pi) / 2).sum()
    return total - (v["alpha"] ** 2 + v["beta"] ** 2) / 2e6 + (1e-4 - 1) * np.log(v["tau"]) - 1e-4 * v["tau"]


quick_programs = pytest.mark.parametrize(
    "name", nightly_but([name for name in KNOWN if name not in ("dogs_log", "dugongs_model")], KNOWN)
)


@quick_programs
def test_the_target_is_the_joint_density(name):
    built = KNOWN[name].build(DATA[name])
    posterior, params = built.model.posterior(built.y), {}
    for scalar, value in POINTS[name].items():
        base, place = built.elements[scalar]
        params[base] = np.array([*params.get(base, []), value]) if place else value
    log_joint = posterior.logpdf(params) + built.model.log_evidence(built.y) + built.log_factor
    assert_allclose(target(name, DATA[name], POINTS[name]) + built.dropped, log_joint, rtol=IDENTITY)


@quick_programs
def test_every_scalar_has_a_marginal_and_draws(name):
    built = KNOWN[name].build(DATA[name])
    further = built.model.further_marginals(built.y) if hasattr(built.model, "further_marginals") else {}
    names = {f"{base}[{place[0]}]" if place else base for base, place in built.elements.values()}
    assert names == set(scalars(built.model, built.y)) | set(further)
    draws = built.model.posterior(built.y).rvs(3, np.random.default_rng(0))
    assert {draws[base][:, *place].shape for base, place in built.elements.values()} == {(3,)}


def test_dugongs_leave_out_the_constants_of_five_densities():
    built = KNOWN["dugongs_model"].build(DATA["dugongs_model"])
    constants = 8 * np.log(2 * np.pi) / 2 + 2 * np.log(1000) + np.log(0.5) - 1e-4 * np.log(1e-4) + gammaln(1e-4)
    assert_allclose(built.dropped, -constants, rtol=IDENTITY)


def test_a_dog_that_avoids_the_first_shock_is_impossible():
    y = np.array([[0.0, 1.0]])
    with np.errstate(all="ignore"):
        assert two_parameters.log_p_power(np.array([0.9]), np.array([0.8]), y) == -np.inf
    built = KNOWN["dogs_hierarchical"].build({"y": y})
    with pytest.raises(ValueError, match="`start` must be possible given `y`"):
        built.model.log_evidence(y)


@pytest.mark.parametrize("posterior", VALUES)
def test_the_values_of_posteriordbs_data(posterior):
    data_name, program = posterior.split("-")
    file = ROOT / "data" / "data" / f"{data_name}.json.zip"
    if not file.exists():
        pytest.skip(f"these data of posteriordb are not beside the checkout: {file}")
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read(archive.namelist()[0]))
    built = KNOWN[program].build(data)
    assert_allclose(built.model.log_evidence(built.y), VALUES[posterior], atol=PRINTED)
