"""Samplers that closedform does not run itself, checked as the documentation tells their authors to."""

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer import MCMC, NUTS

from bayes import check, check_sampler
from bayes.registry import data_sets, get_model

# The examples of the documentation run NumPyro and BlackJAX at every push.
pytestmark = pytest.mark.slow


def numpyro_draws(seed, n, chains=4):
    """Draws of the linear regression, written in NumPyro."""
    model = get_model("linear_regression")
    m, y = model.exact, jnp.asarray(model.y)
    X = jnp.asarray(m.design[: len(model.y)])

    def program():
        sigma2 = numpyro.sample("sigma2", dist.InverseGamma(m.shape, m.scale))
        beta = numpyro.sample("beta", dist.MultivariateNormal(m.prior_mean, sigma2 * m.prior_covariance))
        numpyro.sample("y", dist.Normal(X @ beta, jnp.sqrt(sigma2)), obs=y)

    kernel = NUTS(program, target_accept_prob=0.9)
    mcmc = MCMC(
        kernel, num_warmup=1000, num_samples=n, num_chains=chains, chain_method="vectorized", progress_bar=False
    )
    mcmc.run(jax.random.key(seed))
    return mcmc.get_samples(group_by_chain=True)  # {"beta": (chain, draw, 2), "sigma2": (chain, draw)}


def test_numpyro():
    model = get_model("linear_regression")
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        checks = check(numpyro_draws(0, 3000), model.exact, model.y, resample=numpyro_draws)
    assert checks.verdict == "pass", checks


def nuts_draws(model, seed, n, chains=4, forget_jacobian=False):
    """Draws of a rate by BlackJAX's NUTS on its logarithm, v: log p(v | y) = log p(rate | y) + v."""
    y = jnp.asarray(model.y)
    a, b = model.exact.shape, model.exact.inverse_scale

    def log_density(v):
        rate = jnp.exp(v)
        prior = (a - 1) * v - b * rate
        likelihood = len(y) * v - rate * y.sum() if model.name == "gamma_exponential" else y.sum() * v - len(y) * rate
        return prior + likelihood + (0.0 if forget_jacobian else v)

    nuts = blackjax.nuts(log_density, step_size=0.08, inverse_mass_matrix=jnp.ones(1))

    def chain(key):
        keys = jax.random.split(key, n + 501)
        start = nuts.init(jnp.log(a / b) + 0.1 * jax.random.normal(keys[0]))

        def step(state, key):
            state, _ = nuts.step(key, state)
            return state, state.position

        return jnp.exp(jax.lax.scan(step, start, keys[1:])[1][500:])

    return {"rate": np.asarray(jax.jit(jax.vmap(chain))(jax.random.split(jax.random.key(seed), chains)))}


def test_blackjax_on_several_models():
    rates = ["gamma_exponential", "gamma_poisson"]
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        checks = check_sampler(nuts_draws, models=rates)
        assert checks.verdict == "pass", checks
        assert {check.model for check in checks} == {model.label for name in rates for model in data_sets(name)}

        def without_jacobian(model, seed, n):
            return nuts_draws(model, seed, n, forget_jacobian=True)

        wrong = check_sampler(without_jacobian, models=rates)
    assert wrong.verdict == "fail"
    assert "gamma_exponential: rate" in str(wrong)
