"""posteriordb's regressions: small data of ours in its format, targets of its programs, and its own data."""

import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayes.exact.distribution import scalar_distributions
from bayes.io.posteriordb.centred_regression import KNOWN as CENTRED
from bayes.io.posteriordb.independent_regression import KNOWN as INDEPENDENT
from tests.tolerances import IDENTITY

KNOWN = INDEPENDENT | CENTRED
FOLDER = Path(__file__).parents[5] / "shared" / "data" / "posteriordb" / "posterior_database"
VALUES = {
    "arK-arK": 58.58759392,
    "diamonds-diamonds": 3190.59729438,
    "earnings-logearn_interaction": -1553.35883828,
    "kidiq-kidscore_interaction": -1872.81586793,
    "kidiq-kidscore_momiq": -1881.66316084,
    "kilpisjarvi_mod-kilpisjarvi": -103.22616817,
    "mesquite-logmesquite_logvas": -21.21938131,
    "sblrc-blr": -195.66073577,
    "sblri-blr": -185.46631949,
}
"""Posterior -> log evidence, printed with 8 decimals."""
LAST_DIGIT = 5.1e-9

RNG = np.random.default_rng(8)
N = 14
DATA = {
    "N": N,
    "earn": RNG.uniform(5e3, 9e4, N).tolist(),
    "height": RNG.normal(66, 4, N).tolist(),
    "male": [0, 1] * 7,
    "kid_score": RNG.uniform(40, 140, N).tolist(),
    "mom_iq": RNG.normal(100, 15, N).tolist(),
    "mom_hs": [0, 1, 1, 1, 0, 1, 0] * 2,
    "mom_work": [1, 2, 3, 4, 2, 3, 4] * 2,
    "partyid7": [1, 7, 3, 4, 2, 6, 5] * 2,
    "age_discrete": [1, 2, 3, 4, 3, 2, 1] * 2,
    "watched": [0, 1, 1, 0, 1, 0, 1] * 2,
    "encouraged": [0, 1] * 7,
    "x": list(range(1990, 1990 + N)),
    "y": RNG.normal(1, 2, N).tolist(),
    "xpred": 2016,
    "pmualpha": 9.3,
    "psalpha": 100,
    "pmubeta": 0,
    "psbeta": 1 / 30,
    "K": 2,
    "T": N,
    "D": 2,
    "J": 3,
    "X": RNG.normal(size=(N, 2)).tolist(),
    "floor_measure": [0, 1] * 7,
    "log_radon": RNG.normal(1, 1, N).tolist(),
    "county_idx": [1, 2, 3, 1, 2, 3, 1] * 2,
    **{name: RNG.uniform(1, 7, N).tolist() for name in ("real_ideo", "race_adj", "educ1", "gender", "income")},
    **{
        name: RNG.uniform(0.3, 4, N).tolist()
        for name in ("weight", "diam1", "diam2", "canopy_height", "total_height", "density")
    },
    "group": [1, 0, 0, 1, 1, 0, 1] * 2,
}
DIAMONDS = {
    "N": N,
    "K": 3,
    "prior_only": 0,
    "Y": RNG.normal(8, 1, N).tolist(),
    "X": np.column_stack([np.ones(N), RNG.normal(size=(N, 2))]).tolist(),
}


def built(name):
    return KNOWN[name].build(DIAMONDS if name == "diamonds" else DATA)


def draw(posterior):
    """Return a draw of the posterior by Stan's names, and by the model's."""
    draws = posterior.model.posterior(posterior.y).rvs(1, np.random.default_rng(4))
    return {name: float(draws[variable][(0, *place)]) for name, (variable, place) in posterior.elements.items()}, {
        name: values[0] for name, values in draws.items()
    }


def normal_without_constant(x, mean, sd):
    """What Stan's ``x ~ normal(mean, sd)`` adds to the target where sd is a parameter."""
    return float(np.sum(-np.log(sd) - (np.asarray(x) - mean) ** 2 / (2 * sd**2)))


def vector(scalars, name):
    return np.array([value for key, value in scalars.items() if key.startswith(f"{name}[")])


# The targets of some programs as Stan computes them, statement by statement, without those of the parameters' bounds.


def log10earn_height(s):
    beta = vector(s, "beta")
    return normal_without_constant(np.log10(DATA["earn"]), beta[0] + beta[1] * np.array(DATA["height"]), s["sigma"])


def kidscore_interaction(s):
    beta, hs, iq = vector(s, "beta"), np.array(DATA["mom_hs"]), np.array(DATA["mom_iq"])
    mean = beta[0] + beta[1] * hs + beta[2] * iq + beta[3] * hs * iq
    return -math.log1p((s["sigma"] / 2.5) ** 2) + normal_without_constant(DATA["kid_score"], mean, s["sigma"])


def kidscore_interaction_z(s):
    beta, (hs, iq) = vector(s, "beta"), (np.array(DATA[name]) for name in ("mom_hs", "mom_iq"))
    z_hs, z_iq = ((x - x.mean()) / (2 * x.std(ddof=1)) for x in (hs, iq))
    mean = beta[0] + beta[1] * z_hs + beta[2] * z_iq + beta[3] * z_hs * z_iq
    return normal_without_constant(DATA["kid_score"], mean, s["sigma"])


def nes(s):
    beta, age = vector(s, "beta"), np.array(DATA["age_discrete"])
    columns = [np.ones(N), DATA["real_ideo"], DATA["race_adj"], age == 2, age == 3, age == 4]
    X = np.column_stack([*columns, DATA["educ1"], DATA["gender"], DATA["income"]])
    return normal_without_constant(DATA["partyid7"], X @ beta, s["sigma"])


def logmesquite_logvash(s):
    beta = vector(s, "beta")
    d1, d2, canopy, total = (np.array(DATA[k]) for k in ("diam1", "diam2", "canopy_height", "total_height"))
    columns = [np.ones(N), np.log(d1 * d2 * canopy), np.log(d1 * d2), np.log(d1 / d2), np.log(total), DATA["group"]]
    return normal_without_constant(np.log(DATA["weight"]), np.column_stack(columns) @ beta, s["sigma"])


def kilpisjarvi(s):
    priors = -((s["alpha"] - 9.3) ** 2) / (2 * 100**2) - s["beta"] ** 2 / (2 * (1 / 30) ** 2)
    return priors + normal_without_constant(DATA["y"], s["alpha"] + s["beta"] * np.array(DATA["x"]), s["sigma"])


def arK(s):  # noqa: N802
    beta, y = vector(s, "beta"), np.array(DATA["y"])
    target = -(s["alpha"] ** 2) / 200 - np.sum(beta**2) / 200 - math.log1p((s["sigma"] / 2.5) ** 2)
    for t in range(2, N):  # counted from 0
        mean = s["alpha"] + beta[0] * y[t - 1] + beta[1] * y[t - 2]
        target += normal_without_constant(y[t], mean, s["sigma"])
    return target


def blr(s):
    beta = vector(s, "beta")
    target = stats.norm.logpdf(beta, 0, 10).sum() + stats.norm.logpdf(s["sigma"], 0, 10)
    return target + stats.norm.logpdf(DATA["y"], np.array(DATA["X"]) @ beta, s["sigma"]).sum()


def radon_county_intercept(s):
    alpha = vector(s, "alpha")
    target = -(s["sigma_y"] ** 2) / 2 - np.sum(alpha**2) / 200 - s["beta"] ** 2 / 200
    mean = alpha[np.array(DATA["county_idx"]) - 1] + s["beta"] * np.array(DATA["floor_measure"])
    return target + stats.norm.logpdf(DATA["log_radon"], mean, s["sigma_y"]).sum()


def diamonds(s):
    b, X = vector(s, "b"), np.array(DIAMONDS["X"])[:, 1:]
    target = stats.norm.logpdf(b).sum() + stats.t.logpdf(s["Intercept"], 3, 8, 10)
    target += stats.t.logpdf(s["sigma"], 3, 0, 10) - stats.t.logsf(0, 3, 0, 10)
    mean = s["Intercept"] + (X - X.mean(axis=0)) @ b
    assert_allclose(s["b_Intercept"], s["Intercept"] - X.mean(axis=0) @ b, rtol=IDENTITY)
    return target + stats.norm.logpdf(DIAMONDS["Y"], mean, s["sigma"]).sum()


TARGETS = {
    f.__name__: f
    for f in (
        log10earn_height,
        kidscore_interaction,
        kidscore_interaction_z,
        nes,
        logmesquite_logvash,
        kilpisjarvi,
        arK,
        blr,
        radon_county_intercept,
        diamonds,
    )
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_target_of_the_program_and_what_it_drops_is_the_joint_density(name):
    posterior = built(name)
    scalars, params = draw(posterior)
    log_joint = posterior.model.posterior(posterior.y).logpdf(params) + posterior.model.log_evidence(posterior.y)
    target = TARGETS[name](scalars) + posterior.dropped
    assert_allclose(target, log_joint + posterior.log_factor, rtol=IDENTITY)


@pytest.mark.parametrize("name", KNOWN)
def test_every_scalar_is_an_element_of_the_model(name):
    posterior = built(name)
    marginals = scalar_distributions(posterior.model.marginals(posterior.y))
    if hasattr(posterior.model, "further_marginals"):
        marginals |= scalar_distributions(posterior.model.further_marginals(posterior.y))
    assert set(posterior.elements.values()) == set(marginals)
    assert math.isfinite(posterior.model.log_evidence(posterior.y))
    assert KNOWN[name].dimension in (0, 1, 2)


def test_data_without_a_likelihood_are_refused():
    with pytest.raises(ValueError, match="`prior_only` must be 0"):
        KNOWN["diamonds"].build(DIAMONDS | {"prior_only": 1})


# ---- posteriordb itself


def contents(kind, name):
    with zipfile.ZipFile(FOLDER / kind / f"{name}.json.zip") as archive:
        return json.loads(archive.read(archive.namelist()[0]))


@pytest.mark.parametrize("name", VALUES)
def test_the_log_evidence_is_the_known_one(name):
    data, _, program = name.partition("-")
    if not (FOLDER / "data" / "data" / f"{data}.json.zip").exists():
        pytest.skip(f"{FOLDER} has no data {data}: posteriordb lies beside the checkout, in ../shared/data/posteriordb")
    posterior = KNOWN[program].build(contents("data/data", data))
    evidence = posterior.model.log_evidence(posterior.y) + posterior.log_factor
    assert_allclose(evidence, VALUES[name], atol=LAST_DIGIT)
