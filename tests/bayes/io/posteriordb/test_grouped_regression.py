"""The radon programs: their targets, written out here, beside the density of the exact model; and printed values."""

import json
import zipfile
from math import log
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from bayes.exact.distribution import element_name
from bayes.io.posteriordb.grouped_regression import KNOWN
from tests.tolerances import IDENTITY, PRINTED

FOLDER = Path(__file__).parents[5] / "shared" / "data" / "posteriordb" / "posterior_database"
DATA = {
    "N": 7,
    "J": 3,
    "county_idx": [1, 1, 2, 2, 3, 3, 3],
    "floor_measure": [0, 1, 0, 0, 1, 0, 1],
    "log_uppm": [0.3, 0.3, -0.5, -0.5, 0.1, 0.1, 0.1],
    "log_radon": [1.2, 0.3, 0.7, 1.1, 0.2, 0.9, -0.4],
}
COUNTY = {"N": 7, "J": 3, "county": DATA["county_idx"], "y": DATA["log_radon"]}


def tilde(x, mean, sd, *, fixed_sd):
    """What Stan adds for x ~ normal(mean, sd): without constants, which log sd is if sd is fixed."""
    value = -np.sum((np.asarray(x) - mean) ** 2) / (2 * sd**2)
    return value if fixed_sd else value - np.size(x) * log(sd)


def target(name, p):
    """The target of a radon program, of scalars and vectors by their name there."""
    county = np.array(DATA["county_idx"]) - 1
    floor, uranium, y = (np.array(DATA[key]) for key in ("floor_measure", "log_uppm", "log_radon"))
    if name == "radon_county":
        total = tilde(p["mu_a"], 0, 1, fixed_sd=True) + tilde(p["a"], p["mu_a"], p["sigma_a"], fixed_sd=False)
        return total + tilde(y, p["a"][county], p["sigma_y"], fixed_sd=False)
    slopes = "slope" in name
    vector = "beta" if slopes else "alpha"
    mu, sigma = p[f"mu_{vector}"], p[f"sigma_{vector}"]
    total = tilde([sigma, p["sigma_y"]], 0, 1, fixed_sd=True) + tilde(mu, 0, 10, fixed_sd=True)
    if "noncentered" in name:
        total += tilde(p[f"{vector}_raw"], 0, 1, fixed_sd=True)
    else:
        total += tilde(p[vector], mu, sigma, fixed_sd=False)
    if slopes:
        total += tilde(p["alpha"], 0, 10, fixed_sd=True)
        mean = p["alpha"] + floor * p["beta"][county]
    else:
        mean = p["alpha"][county]
        if "hierarchical" in name:
            mean = mean + uranium * p["beta"][0] + floor * p["beta"][1]
        elif "variable" in name:
            mean = mean + floor * p["beta"]
        if "beta" in p:
            total += tilde(p["beta"], 0, 10, fixed_sd=True)
    return total + np.sum(norm.logpdf(y, mean, p["sigma_y"]))


@pytest.mark.parametrize("name", list(KNOWN))
def test_target_and_dropped_constants_are_the_density_of_the_model(name):
    built = KNOWN[name].build(COUNTY if name == "radon_county" else DATA)
    posterior = built.model.posterior(built.y)
    draws = posterior.rvs(1, np.random.default_rng(4))
    params = {}
    for scalar, (variable, place) in built.elements.items():
        base, _, index = scalar.partition("[")
        value = float(draws[variable][(0, *place)])
        params[base] = [*params.get(base, []), value] if index else value
    params = {key: np.array(value) if isinstance(value, list) else value for key, value in params.items()}
    expected = posterior.logpdf({key: values[0] for key, values in draws.items()}) + built.model.log_evidence(built.y)
    if name.endswith("noncentered"):  # the density of theta, times d theta / d distance
        expected += built.model.group_count * log(draws["group_sd"][0])
    assert_allclose(target(name, params) + built.dropped, expected + built.log_factor, rtol=IDENTITY)


@pytest.mark.parametrize("name", list(KNOWN))
def test_every_scalar_is_a_marginal_of_the_model(name):
    built = KNOWN[name].build(COUNTY if name == "radon_county" else DATA)
    marginals = built.model.marginals(built.y) | built.model.further_marginals(built.y)
    assert {element_name(element) for element in built.elements.values()} <= marginals.keys()
    assert len({*built.elements.values()}) == len(built.elements)
    assert len(built.elements) == len(marginals) - (0 if "noncentered" in name else 3)


def test_counties_without_a_number_are_refused():
    with pytest.raises(ValueError, match="`J` must be the largest of `county_idx`, 3, got 4"):
        KNOWN["radon_partially_pooled_centered"].build(DATA | {"J": 4})


def posteriordb_data(name):
    path = FOLDER / "data" / "data" / f"{name}.json.zip"
    if not path.exists():
        pytest.skip(f"posteriordb's data are not beside the checkout: {path}")
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(archive.namelist()[0]))


@pytest.mark.parametrize(
    ("data", "name", "log_evidence"),
    [
        ("radon_mn", "radon_partially_pooled_centered", -1101.68212010),
        ("radon_mn", "radon_variable_intercept_noncentered", -1061.31042952),
        ("radon_mn", "radon_hierarchical_intercept_centered", -1045.31745702),
        ("radon_mn", "radon_variable_slope_noncentered", -1100.32719294),
        ("radon_all", "radon_partially_pooled_noncentered", -17313.32035663),
        ("radon_all", "radon_variable_intercept_centered", -17249.33107799),
        ("radon_all", "radon_hierarchical_intercept_noncentered", -17254.02188598),
        ("radon_all", "radon_variable_slope_centered", -18361.27295179),
        ("radon_mod", "radon_county", -17310.40165513),
    ],
)
def test_the_log_evidence_of_posteriordbs_posteriors(data, name, log_evidence):
    """As a dense Cholesky factor of all coefficients and Gauss-Legendre nodes in both sds give it."""
    built = KNOWN[name].build(posteriordb_data(data))
    assert_allclose(built.model.log_evidence(built.y) + built.log_factor, log_evidence, atol=PRINTED)
