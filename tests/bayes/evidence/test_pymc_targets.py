"""The log density of PyMC models: PyMC's own at every point, transforms undone, and what has no evidence refused."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from arviz_base import dict_to_dataset
from numpy.testing import assert_allclose
from scipy.stats import norm

from bayes.evidence import log_evidence
from bayes.evidence.pymc_targets import from_pymc
from bayes.registry import get_model
from tests.tolerances import MONTE_CARLO, PROGRAM


@pytest.fixture(scope="module")
def simplex():
    """A vector on the simplex, a scale, and an interval whose end is another parameter."""
    with pm.Model() as model:
        p = pm.Dirichlet("p", a=np.array([1.0, 2.0, 3.0]))
        sd = pm.HalfNormal("sd", sigma=2.0)
        u = pm.Uniform("u", lower=0.0, upper=sd)
        pm.Normal("y", mu=p[0] + u, sigma=sd, observed=[0.3, 1.2])
    return model


@pytest.fixture(scope="module")
def target(simplex):
    return from_pymc(simplex)


def test_the_log_density_is_that_of_pymc_and_the_sum_of_its_parts(simplex, target):
    x = np.random.default_rng(0).normal(size=(3, target.dimension))
    log_p = simplex.compile_logp()
    expected = [log_p({"p_simplex__": row[:2], "sd_log__": row[2], "u_interval__": row[3]}) for row in x]
    assert_allclose(target.log_density(x), expected, rtol=PROGRAM)
    parts = target.prior.log_prior(x) + target.prior.log_likelihood(x)
    assert_allclose(parts, expected, rtol=PROGRAM)
    step = 1e-5 * np.eye(target.dimension)
    slopes = (target.log_density(x[0] + step) - target.log_density(x[0] - step)) / 2e-5
    assert_allclose(target.gradient(x[0]), slopes, rtol=1e-5)


def test_constrained_draws_go_to_the_unconstrained_space_and_back(simplex, target):
    rng = np.random.default_rng(0)
    p, sd = rng.dirichlet([1, 1, 1], size=(2, 5)), rng.uniform(1, 2, size=(2, 5))
    u = sd * rng.uniform(size=(2, 5))
    x = target.points({"p": p, "sd": sd, "u": u})
    constrained = {variable.name: variable for variable in simplex.unobserved_value_vars}
    back = simplex.compile_fn([constrained[name] for name in ("p", "sd", "u")], inputs=simplex.value_vars)
    row = x[1, 3]
    values = back({"p_simplex__": row[:2], "sd_log__": row[2], "u_interval__": row[3]})
    for got, expected in zip(values, (p[1, 3], sd[1, 3], u[1, 3]), strict=True):
        assert_allclose(got, expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"`draws\['u'\]` must lie inside the support"):
        target.points({"p": p, "sd": sd, "u": sd + 1})
    with pytest.raises(ValueError, match=r"`draws\['sd'\]` must be numbers, got nan in 10 of 10 draws"):
        target.points({"p": p, "sd": sd * np.nan, "u": u})
    with pytest.raises(ValueError, match="lack the free variable 'u'"):
        target.points({"p": p, "sd": sd})
    with pytest.raises(ValueError, match=r"`draws\['p'\]` must have the shape \(3,\)"):
        target.points({"p": p[..., :2], "sd": sd, "u": u})


def test_one_line_gives_the_evidence_of_a_model_of_the_registry():
    model = get_model("normal_normal")
    mu = model.exact.posterior(model.y).rvs((4, 1000), random_state=np.random.default_rng(0))
    for method in ("bridge", "importance"):
        estimate = log_evidence(model, {"mu": mu}, method=method)
        error = estimate.log_evidence - model.exact.log_evidence(model.y)
        assert abs(error) < MONTE_CARLO * estimate.standard_error
        assert estimate.standard_error < 0.05
    exact = log_evidence(model, method="laplace").log_evidence  # the posterior is normal
    assert_allclose(exact, model.exact.log_evidence(model.y), rtol=1e-6)


def built(kind):
    with pm.Model() as model:
        if kind == "nothing observed":
            pm.Normal("a")
        elif kind == "discrete":
            k = pm.Poisson("k", 3.0)
            pm.Normal("y", k, observed=1.0)
        elif kind == "minibatch":
            pm.Normal("y", pm.Normal("a"), observed=pm.Minibatch(np.arange(9.0), batch_size=3), total_size=9)
        elif kind == "minibatch of covariates":
            pm.Normal("y", pm.Normal("a") * pm.Minibatch(np.arange(9.0), batch_size=3), observed=np.zeros(3))
        else:
            flat = PARTLY_IMPROPER[kind]()
            pm.Normal("y", flat.sum(), observed=1.0)
    return model


PARTLY_IMPROPER = {
    "flat": lambda: pm.Flat("a"),
    "half flat": lambda: pm.HalfFlat("a"),
    "walk": lambda: pm.GaussianRandomWalk("a", sigma=1, init_dist=pm.Flat.dist(), steps=2),
    "truncated": lambda: pm.Truncated("a", pm.Flat.dist(), lower=0, upper=1),
}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nothing observed", "no observed variables"),
        ("discrete", "discrete free variable k"),
        ("flat", "improper prior on a, pm.Flat"),
        ("half flat", "improper prior on a, pm.HalfFlat"),
        ("walk", "improper prior on a, pm.Flat"),
        ("truncated", "improper prior on a, pm.Flat"),
        ("minibatch", "`total_size` on y"),
        ("minibatch of covariates", "`model` has a pm.Minibatch"),
    ],
)
def test_a_model_without_an_evidence_is_refused_with_the_reason(kind, message):
    with pytest.raises(ValueError, match=message) as error:
        from_pymc(built(kind))
    assert "\n" not in str(error.value)


def test_a_potential_counts_in_the_density_and_takes_the_prior_away():
    with pm.Model() as model:
        mu = pm.Normal("mu")
        pm.Potential("likelihood", norm_logpdf(mu))
    target = from_pymc(model)
    x = np.array([[0.3]])
    assert_allclose(target.log_density(x), norm.logpdf(0.3) + norm.logpdf(1.0, 0.3), rtol=PROGRAM)
    assert "potential likelihood" in target.notes[0]
    with pytest.raises(ValueError, match="with the potential likelihood"):
        log_evidence(model, method="nested")


def norm_logpdf(mu):
    return pm.logp(pm.Normal.dist(mu, 1.0), 1.0)


def test_data_that_were_exchanged_are_those_of_the_next_call():
    with pm.Model() as model:
        upper = pm.Data("upper", 4.0)
        theta = pm.Uniform("theta", 0.0, upper)
        pm.Normal("y", theta, 1.0, observed=[1.0])
    before = from_pymc(model).points({"theta": np.full((1, 4), 1.0)})
    assert_allclose(before, np.log(1 / 3), rtol=1e-12)
    with model:
        pm.set_data({"upper": 2.0})
    after = from_pymc(model).points({"theta": np.full((1, 4), 1.0)})
    assert_allclose(after, 0.0, atol=1e-12)


def test_a_transform_that_cuts_the_prior_off_is_said_and_the_prior_not_used():
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1, shape=2, transform=pm.distributions.transforms.ordered, initval=[-1, 1])
        pm.Normal("y", x.sum(), 1, observed=0.5)
    target = from_pymc(model)
    assert "x has a transform of its own" in target.notes[0]
    for method in ("smc", "nested", "stepping_stone"):
        with pytest.raises(ValueError, match="x has a transform of its own, which may leave out a part of its prior"):
            log_evidence(model, method=method)


def test_a_scaled_likelihood_has_no_evidence():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        pm.Normal("y", mu, 1, observed=[0.3], total_size=3)
    with pytest.raises(ValueError, match="`model` has `total_size` on y"):
        from_pymc(model)


def test_a_custom_log_density_is_said_and_its_prior_not_used():
    with pm.Model() as model:
        x = pm.CustomDist("x", logp=lambda value: -0.5 * value**2)  # without -1/2 log 2 pi
        pm.CustomDist("z", dist=lambda size: pm.Normal.dist(0, 1, size=size))  # of PyMC's own, and so normalised
        pm.Normal("y", x, 1, observed=0.5)
    target = from_pymc(model)
    (note,) = target.notes
    assert note.startswith("x is a pm.CustomDist with a log density of its own, which may not be normalised")
    with pytest.raises(ValueError, match=r"x is a pm.CustomDist"):
        log_evidence(model, method="smc")


def test_particles_of_smc_are_no_chains():
    model = get_model("normal_normal")
    particles = np.random.default_rng(0).normal(size=(4, 100))
    tree = xr.DataTree.from_dict(
        {
            "posterior": dict_to_dataset({"mu": particles}),
            "sample_stats": xr.Dataset({"log_evidence": ("chain", np.arange(4.0))}),
        }
    )
    with pytest.raises(ValueError, match="`draws` are particles of SMC"):
        log_evidence(model, tree)
