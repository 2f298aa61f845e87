"""Every closed form proves itself by the identities it must obey, looped over the registry."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytensor
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.special import expit, logsumexp
from scipy.stats import (
    bernoulli,
    beta,
    binom,
    dirichlet_multinomial,
    expon,
    gamma,
    invgamma,
    kstest,
    multivariate_normal,
    multivariate_t,
    norm,
    poisson,
)

from bayes import check
from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.capture_recapture import CaptureRecapture
from bayes.exact.dirichlet_multinomial import DirichletMultinomial
from bayes.exact.distribution import elements
from bayes.exact.gamma_exponential import GammaExponential
from bayes.exact.gamma_poisson import GammaPoisson
from bayes.exact.gaussian_process import GaussianProcess
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.independent_regression import IndependentRegression
from bayes.exact.linear_regression import LinearRegression
from bayes.exact.logistic_regression import LogisticRegression
from bayes.exact.multivariate_normal import MultivariateNormal
from bayes.exact.normal_inverse_gamma import NormalInverseGamma
from bayes.exact.normal_normal import NormalNormal
from bayes.exact.normal_variance import NormalVariance
from bayes.exact.scale_priors import ScalePrior
from bayes.registry import NAMES, data_sets, get_model, one_step_log_predictives, scalars
from tests.nightly import nightly_but
from tests.tolerances import FALSE_ALARM, IDENTITY, MONTE_CARLO, QUADRATURE

every_model = pytest.mark.parametrize("name", NAMES)
BY_INTEGRALS = ("logistic_regression", "gaussian_process")  # of two and three dimensions
quick_models = pytest.mark.parametrize("name", nightly_but([name for name in NAMES if name not in BY_INTEGRALS], NAMES))
ORDERED = {
    *("linear_regression", "independent_regression", "logistic_regression"),
    *("hierarchical_normal", "gaussian_process"),
}
"""Models whose observations are not exchangeable."""
DEAR = {"capture_recapture", *BY_INTEGRALS}  # marginals take half a second
SLOW = {"gaussian_process"}  # an integral takes 200 ms
SIMULATIONS = {"gaussian_process": 12, "logistic_regression": 100}
"""Simulated data sets of a model whose marginals take an integral each, in place of 300."""

# Proper priors, small data: none that has no mean, so that moments can be compared.
numbers, scales, shapes = st.floats(-50, 50), st.floats(0.02, 50), st.floats(0.1, 200)


def covariance(size):
    def make(values):
        root = np.array(values).reshape(size, size)
        return root @ root.T + 0.1 * np.eye(size)

    return st.lists(st.floats(-3, 3), min_size=size**2, max_size=size**2).map(make)


DESIGN = np.column_stack([np.ones(12), np.linspace(-2, 3, 12), np.cos(np.arange(12))])
STRATEGIES = {
    "normal_normal": st.builds(NormalNormal, prior_mean=numbers, prior_sd=scales, noise_sd=scales),
    "normal_variance": st.builds(NormalVariance, mean=numbers, shape=shapes, scale=scales),
    "normal_inverse_gamma": st.builds(
        NormalInverseGamma, prior_mean=numbers, prior_count=scales, shape=shapes, scale=scales
    ),
    "beta_binomial": st.builds(BetaBinomial, trials=st.integers(1, 300), successes=shapes, failures=shapes),
    "gamma_poisson": st.builds(GammaPoisson, shape=shapes, inverse_scale=scales),
    "gamma_exponential": st.builds(GammaExponential, shape=shapes, inverse_scale=scales),
    "dirichlet_multinomial": st.builds(
        DirichletMultinomial, concentration=st.lists(shapes, min_size=2, max_size=6), trials=st.integers(1, 50)
    ),
    "multivariate_normal": st.builds(
        MultivariateNormal,
        prior_mean=st.lists(numbers, min_size=3, max_size=3),
        prior_covariance=covariance(3),
        noise_covariance=covariance(3),
    ),
    "linear_regression": st.builds(
        partial(LinearRegression, design=DESIGN),
        prior_mean=st.lists(numbers, min_size=3, max_size=3),
        prior_covariance=covariance(3),
        shape=shapes,
        scale=scales,
    ),
    "logistic_regression": st.builds(
        partial(LogisticRegression, design=DESIGN[:, :2]),
        prior_mean=st.lists(st.floats(-2, 2), min_size=2, max_size=2),
        prior_sds=st.lists(st.floats(0.05, 3), min_size=2, max_size=2),
    ),
    "hierarchical_normal": st.builds(
        partial(HierarchicalNormal, noise_sds=[1.0, 2.0, 0.5, 1.0, 3.0]),
        prior_mean=numbers,
        prior_sd=scales,
        tau_prior=st.builds(partial(ScalePrior, "half_cauchy"), scales),
    ),
    "capture_recapture": st.builds(
        CaptureRecapture,
        occasions=st.integers(1, 9),
        present=shapes,
        absent=shapes,
        captures=shapes,
        misses=shapes,
    ),
    "independent_regression": st.builds(
        partial(IndependentRegression, design=DESIGN),
        prior_mean=st.lists(numbers, min_size=3, max_size=3),
        prior_sds=st.lists(scales, min_size=3, max_size=3),
        noise_prior=st.one_of(
            st.builds(partial(ScalePrior, "half_t"), st.floats(3, 9), scales),
            st.builds(partial(ScalePrior, "half_normal"), scales),
            st.builds(partial(ScalePrior, "gamma"), st.floats(1, 9), scales),
            st.builds(partial(ScalePrior, "inverse_gamma"), st.floats(3, 9), scales),
        ),
    ),
    "gaussian_process": st.builds(
        partial(GaussianProcess, inputs=[0.3, 1.1, 1.9, 3.2, 4.0]),
        rho_prior=st.builds(partial(ScalePrior, "inverse_gamma"), st.floats(3, 20), st.floats(3, 20)),
        alpha_prior=st.builds(partial(ScalePrior, "half_normal"), scales),
        noise_variance_prior=st.builds(partial(ScalePrior, "gamma"), st.floats(2, 20), scales),
    ),
}


def by_prediction(exact, y):
    """The log evidence as the sum of one-step-ahead log predictives, and the sum of their absolute values."""
    steps = one_step_log_predictives(exact, y)
    return math.fsum(steps), 1 + math.fsum(map(abs, steps))


def log_posterior(exact, y, params):
    univariate = len(params) == 1 and np.ndim(next(iter(params.values()))) == 0
    return float(exact.posterior(y).logpdf(next(iter(params.values())) if univariate else params))


def as_draws(samples, chains=4):
    """Independent draws (size, ...) of each parameter as chains."""
    return {name: values.reshape(chains, -1, *values.shape[1:]) for name, values in samples.items()}


def independent_draws(exact, y, size, rng):
    posterior = exact.posterior(y)
    samples = posterior.rvs(size, rng) if not hasattr(posterior, "dist") else posterior.rvs(size, random_state=rng)
    return samples if isinstance(samples, dict) else {next(iter(exact.marginals(y))): samples}


def test_every_model_has_a_strategy():
    assert set(STRATEGIES) == set(NAMES)


# ---- the evidence


@every_model
def test_the_evidence_is_the_product_of_one_step_predictives(name):
    model = get_model(name)
    steps, size = by_prediction(model.exact, model.y)
    assert_allclose(model.exact.log_evidence(model.y), steps, atol=IDENTITY * size, rtol=0)


@every_model
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_evidence_is_that_product_for_any_hyperparameters(name, data):
    exact = data.draw(STRATEGIES[name])
    n = data.draw(st.integers(0, 1 if name in SLOW else 5))
    _, y = exact.simulate(np.random.default_rng(data.draw(st.integers(0, 1000))), n)
    steps, size = by_prediction(exact, y)
    # The logarithm of a gamma function of the hyperparameters is a term too, as large as they are.
    assert_allclose(exact.log_evidence(y), steps, atol=1e3 * IDENTITY * size, rtol=0)


@every_model
def test_the_order_of_exchangeable_data_does_not_matter(name):
    model = get_model(name)
    other = np.roll(model.y, 1, axis=0)
    if name in ORDERED:
        with pytest.raises(AssertionError):
            assert_allclose(model.exact.log_evidence(other), model.exact.log_evidence(model.y), rtol=1e-6)
        return
    assert_allclose(model.exact.log_evidence(other), model.exact.log_evidence(model.y), rtol=IDENTITY)


@every_model
def test_no_data_leave_the_prior_and_have_evidence_one(name):
    exact = get_model(name).exact
    assert exact.log_evidence([]) == pytest.approx(0, abs=1e-13)
    rng = np.random.default_rng(0)
    prior_draws = [exact.simulate(rng, 0)[0] for _ in range(2000)]
    for scalar, marginal in scalars(exact, []).items():
        base, _, place = scalar.partition("[")
        values = [params[base][int(place[:-1])] if place else params[base] for params in prior_draws]
        assert kstest(values, marginal.cdf).pvalue > FALSE_ALARM


def univariate(prior, likelihood):
    """Return log of the integral of prior times likelihood of y, over the middle of the posterior's whole range."""

    def evidence(exact, y):
        posterior = exact.posterior(y)
        mean = posterior.mean()
        peak = prior(exact).logpdf(mean) + likelihood(exact, mean, y)
        ends = posterior.ppf([1e-13, 0.5, 1 - 1e-13])
        return peak + math.log(
            sum(
                integrate.quad(
                    lambda v: math.exp(prior(exact).logpdf(v) + likelihood(exact, v, y) - peak),
                    low,
                    high,
                    epsabs=0,
                    epsrel=1e-10,
                )[0]
                for low, high in pairwise(ends)
            )
        )

    return evidence


def normal_inverse_gamma(exact, y):
    """Integrate over mu by scipy's multivariate normal of y, and over sigma2 by quadrature."""
    n = len(y)
    covariance = np.eye(n) + np.ones((n, n)) / exact.prior_count
    posterior = exact.marginals(y)["sigma2"]

    def log_joint(sigma2):
        log_likelihood = multivariate_normal(np.full(n, exact.prior_mean), sigma2 * covariance).logpdf(y)
        return log_likelihood + invgamma.logpdf(sigma2, exact.shape, scale=exact.scale)

    peak = log_joint(posterior.mean())
    ends = posterior.ppf([1e-12, 0.5, 1 - 1e-12])
    return peak + math.log(
        sum(integrate.quad(lambda v: math.exp(log_joint(v) - peak), a, b, epsrel=1e-9)[0] for a, b in pairwise(ends))
    )


def stacked_normal(exact, y):
    """All observations as one normal vector."""
    n = len(y)
    covariance = np.kron(np.ones((n, n)), exact.prior_covariance) + np.kron(np.eye(n), exact.noise_covariance)
    return multivariate_normal(np.tile(exact.prior_mean, n), covariance).logpdf(y.ravel())


def stacked_t(exact, y):
    X = exact.design[: len(y)]
    shape = exact.scale / exact.shape * (np.eye(len(y)) + X @ exact.prior_covariance @ X.T)
    return multivariate_t(X @ exact.prior_mean, shape, df=2 * exact.shape).logpdf(y)


def over_tau(exact, y):
    def density(u):
        tau = exact.tau_prior.distribution.ppf(u)
        variance = exact.noise_sds[: len(y)] ** 2 + tau**2
        covariance = np.diag(variance) + exact.prior_sd**2
        return math.exp(multivariate_normal(np.full(len(y), exact.prior_mean), covariance).logpdf(y))

    return math.log(integrate.quad(density, 0, 1 - 1e-12, epsabs=0, epsrel=1e-9)[0])


def over_the_plane(exact, y):
    """Sum over a grid of the coefficients in steps of a twentieth of their prior sds: the trapezoid rule."""
    z = np.arange(-180, 181) / 20
    beta0, beta1 = (m + s * z for m, s in zip(exact.prior_mean, exact.prior_sds, strict=True))
    eta = np.add.outer(beta0, beta1[:, None] * exact.design[: len(y), 1])  # whose first column is 1
    density = np.prod(bernoulli.pmf(y, expit(eta)), axis=2) * np.outer(norm.pdf(z), norm.pdf(z))
    return math.log(density.sum() / 20**2)


def over_omega(exact, y):
    """Integrate over omega by quadrature, and over p by a Gauss rule with a node for every two degrees of p."""
    x, w = np.polynomial.legendre.leggauss(1 + y.size // 2)
    p, captures = (x + 1) / 2, y.sum(axis=1)
    prior_of_p = beta(exact.captures, exact.misses).pdf(p) * w / 2
    peak = exact.log_evidence(y)

    def density(omega):
        log_likelihood = -peak
        for s, times in zip(*np.unique(captures, return_counts=True), strict=True):
            probability = omega * p**s * (1 - p) ** (y.shape[1] - s) + (0 if s else 1 - omega)
            log_likelihood = log_likelihood + times * np.log(probability)
        return beta(exact.present, exact.absent).pdf(omega) * (np.exp(log_likelihood) @ prior_of_p)

    return peak + math.log(integrate.quad(density, 0, 1, epsabs=0, epsrel=1e-9, points=[0.5, 0.6, 0.7])[0])


def over_sigma(exact, y):
    X = exact.design[: len(y)]

    def density(u):
        sigma = exact.noise_prior.distribution.ppf(u)
        covariance = sigma**2 * np.eye(len(y)) + X @ np.diag(exact.prior_sds**2) @ X.T
        return math.exp(multivariate_normal(X @ exact.prior_mean, covariance).logpdf(y) - peak)

    peak = exact.log_evidence(y)  # of which the digits do not matter here
    middle = exact.noise_prior.distribution.cdf(exact.marginals(y)["noise_sd"].ppf([1e-13, 0.5, 1 - 1e-13]))
    return peak + math.log(
        sum(integrate.quad(density, a, b, epsabs=0, epsrel=1e-9)[0] for a, b in pairwise([1e-15, *middle, 1 - 1e-12]))
    )


def over_the_kernel(exact, y):
    """The trapezoid rule in the logs of the three parameters."""
    x, marginals = exact.inputs[: len(y)], exact.marginals(y)
    steps, axes = 40, []
    for marginal in marginals.values():
        axes.append(np.linspace(*np.log(marginal.ppf([1e-8, 1 - 1e-9])), steps))
    rho, alpha, s = (np.exp(v) for v in np.meshgrid(*axes, indexing="ij"))
    priors = exact.rho_prior, exact.alpha_prior, exact.noise_variance_prior
    log_prior = sum(
        prior.logpdf(values) + np.log(values) for prior, values in zip(priors, (rho, alpha, s), strict=True)
    )
    kernel = np.exp(-((x[:, None] - x) ** 2) / (2 * rho[..., None, None] ** 2))
    root = np.linalg.cholesky(alpha[..., None, None] ** 2 * kernel + s[..., None, None] * np.eye(len(y)))
    z = np.linalg.solve(root, np.broadcast_to(y[:, None], (*rho.shape, len(y), 1)))[..., 0]
    log_f = log_prior + norm.logpdf(z).sum(axis=-1) - np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
    return logsumexp(log_f) + sum(math.log(axis[1] - axis[0]) for axis in axes)


BY_FORCE = {
    "normal_normal": univariate(
        lambda m: norm(m.prior_mean, m.prior_sd), lambda m, mu, y: norm.logpdf(y, mu, m.noise_sd).sum()
    ),
    "normal_variance": univariate(
        lambda m: invgamma(m.shape, scale=m.scale), lambda m, v, y: norm.logpdf(y, m.mean, v**0.5).sum()
    ),
    "normal_inverse_gamma": normal_inverse_gamma,
    "beta_binomial": univariate(
        lambda m: beta(m.successes, m.failures), lambda m, p, y: binom.logpmf(y, m.trials, p).sum()
    ),
    "gamma_poisson": univariate(
        lambda m: gamma(m.shape, scale=1 / m.inverse_scale), lambda _, rate, y: poisson.logpmf(y, rate).sum()
    ),
    "gamma_exponential": univariate(
        lambda m: gamma(m.shape, scale=1 / m.inverse_scale), lambda _, rate, y: expon.logpdf(y, scale=1 / rate).sum()
    ),
    # One observation of scipy's own Dirichlet-multinomial.
    "dirichlet_multinomial": lambda m, y: dirichlet_multinomial(m.concentration, m.trials).logpmf(y[0]),
    "multivariate_normal": stacked_normal,
    "linear_regression": stacked_t,
    "logistic_regression": over_the_plane,
    "hierarchical_normal": over_tau,
    "capture_recapture": over_omega,
    "independent_regression": over_sigma,
    "gaussian_process": over_the_kernel,
}


@every_model
def test_the_evidence_is_the_integral_of_prior_times_likelihood(name):
    model = get_model(name)
    assert_allclose(model.exact.log_evidence(model.y), BY_FORCE[name](model.exact, model.y), rtol=QUADRATURE)


# ---- the posterior


def on_the_line(program, variable):
    """The function from a parameter to what PyMC samples in its place, compiled once."""
    transform = program.rvs_to_transforms[variable]
    if transform is None:
        return np.asarray
    parameter = variable.type("parameter")
    return pytensor.function([parameter], transform.forward(parameter, *variable.owner.inputs), mode="FAST_COMPILE")


@every_model
def test_bayes_rule_holds_at_random_parameters(name):
    """log p(y, theta) of the PyMC program less log p(theta | y) is log p(y), wherever theta is."""
    model = get_model(name)
    program = model.program()
    # Densities with respect to the parameters themselves, not to what PyMC samples in their place.
    log_joint = program.compile_fn(
        program.logp(jacobian=False), inputs=program.value_vars, on_unused_input="ignore", mode="FAST_COMPILE"
    )
    forward = {variable.name: on_the_line(program, variable) for variable in program.free_RVs}
    rng = np.random.default_rng(1)
    for _ in range(5):
        params = {key: values[0] for key, values in independent_draws(model.exact, model.y, 1, rng).items()}
        jacobian = 0.0
        free = dict(params)
        if name == "hierarchical_normal":  # whose program has theta = mu + tau distance
            free["distance"] = (free.pop("theta") - params["mu"]) / params["tau"]
            jacobian = len(model.y) * np.log(params["tau"])
        assert set(free) == set(forward)
        point = {program.rvs_to_values[program[name]].name: forward[name](value) for name, value in free.items()}
        evidence = float(log_joint(point)) - jacobian - log_posterior(model.exact, model.y, params)
        assert_allclose(evidence, model.exact.log_evidence(model.y), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "data_set"),
    nightly_but(
        [
            (name, data_set)
            for name in NAMES
            for data_set in (["example"] if name in DEAR else ["example", "prior"])
            if name != "hierarchical_normal"
        ],
        [(name, data_set) for name in NAMES for data_set in ["example", "prior"]],
    ),
)
def test_marginals_and_projections_are_those_of_the_joint(name, data_set):
    model = get_model(name, data_set)
    rng = np.random.default_rng(2)
    draws = as_draws(independent_draws(model.exact, model.y, 8000, rng))
    checks = check(draws, model.exact, model.y)
    assert checks.verdict == "pass", checks
    # and a joint that is a little too wide is detected
    wide = {key: values.mean() + 1.15 * (values - values.mean()) for key, values in draws.items()}
    if "p" not in wide:
        wide = {key: np.abs(v) if (draws[key] > 0).all() else v for key, v in wide.items()}
    assert check(wide, model.exact, model.y).verdict == "fail"


@quick_models
def test_parameters_drawn_from_the_prior_are_uniform_in_their_posteriors(name):
    """Cook, Gelman and Rubin 2006: the exact posterior's CDF at the parameters that made the data is uniform."""
    exact = get_model(name).exact
    rng = np.random.default_rng(3)
    values = {}
    for _ in range(SIMULATIONS.get(name, 300)):
        params, y = exact.simulate(rng, min(len(get_model(name).y), 4))
        for scalar, marginal in scalars(exact, y).items():
            base, _, place = scalar.partition("[")
            values.setdefault(scalar, []).append(
                float(marginal.cdf(params[base][int(place[:-1])] if place else params[base]))
            )
    for scalar, u in values.items():
        assert kstest(u, "uniform").pvalue > FALSE_ALARM, scalar


@quick_models
def test_the_predictive_is_that_of_simulated_observations(name):
    model = get_model(name)
    rng = np.random.default_rng(4)
    y, predictive = model.y, model.exact.predictive(model.y)
    if name == "capture_recapture":  # of which the share of each history is compared
        histories, times = np.unique(predictive.rvs(4000, rng), axis=0, return_counts=True)
        pmf = predictive.pmf(histories)
        assert np.all(np.abs(times / 4000 - pmf) < 2 * MONTE_CARLO * np.sqrt(pmf / 4000))
        posterior = independent_draws(model.exact, y, 4000, rng)
        chance = posterior["omega"] * posterior["p"]
        for element in elements("y", model.exact.predictive_marginals(y)).values():
            assert abs(element.mean() - chance.mean()) < MONTE_CARLO * chance.std() / 4000**0.5
        return
    if name in ("dirichlet_multinomial", "multivariate_normal"):  # of which the mean of each element is compared
        posterior = independent_draws(model.exact, y, 4000, rng)
        (vectors,) = posterior.values()
        new = (
            rng.multinomial(model.exact.trials, vectors)
            if name == "dirichlet_multinomial"
            else vectors + rng.multivariate_normal(np.zeros(2), model.exact.noise_covariance, size=4000)
        )
        mean = predictive.mean() if callable(predictive.mean) else predictive.mean
        assert np.all(np.abs(new.mean(axis=0) - mean) < MONTE_CARLO * new.std(axis=0) / 4000**0.5)
        # and the elements by themselves are those of the joint, which scipy merges or integrates
        marginals = model.exact.predictive_marginals(y)
        for k, element in enumerate(elements("y", marginals).values()):
            if name == "dirichlet_multinomial":
                alpha = predictive.alpha.ravel()
                merged = dirichlet_multinomial([alpha[k], alpha.sum() - alpha[k]], model.exact.trials)
                assert_allclose(element.logpmf(100), merged.logpmf([100, model.exact.trials - 100]), rtol=IDENTITY)
            else:
                element_marginal = multivariate_normal(predictive.mean[k], predictive.cov[k, k])
                assert_allclose(element.logpdf(4.0), element_marginal.logpdf(4.0), rtol=IDENTITY)
        return
    u = rng.random(200)
    assert_allclose(predictive.cdf(predictive.ppf(u)) >= u - 1e-9, True)
    assert predictive.mean() == pytest.approx(np.mean(predictive.rvs(size=20000, random_state=rng)), rel=0.2)


# ---- bad input


@every_model
def test_data_that_cannot_be_are_refused_in_one_line(name):
    model = get_model(name)
    with_nan = np.array(model.y, dtype=float)
    with_nan.flat[0] = np.nan
    for y in [with_nan, "abc", [[1.0, 2.0], [3.0]], np.array(model.y, dtype=complex)]:
        with pytest.raises(ValueError) as error:  # noqa: PT011
            model.exact.log_evidence(y)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NormalVariance(mean=0, shape=0, scale=1), "`shape` must be a positive number"),
        (
            lambda: NormalInverseGamma(prior_mean=0, prior_count=-1, shape=1, scale=1),
            "`prior_count` must be",
        ),
        (lambda: BetaBinomial(trials=2.5), "`trials` must be a whole number between 1"),
        (lambda: BetaBinomial(trials=3).posterior([4]), "`y` must hold whole numbers between 0 and 3, got y.0. = 4"),
        (lambda: GammaPoisson(shape=1, inverse_scale=1).posterior([0.5]), "`y` must hold whole numbers"),
        (lambda: GammaExponential(shape=1, inverse_scale=1).posterior([-1.0]), "`y` must hold times, 0 or more"),
        (lambda: DirichletMultinomial(concentration=[1.0], trials=3), "`concentration` must have two or more classes"),
        (lambda: DirichletMultinomial(concentration=[1.0, 0.0], trials=3), "`concentration` must hold positive"),
        (lambda: DirichletMultinomial(concentration=[1, 1], trials=3).posterior([[1, 1]]), "sum to the 3 `trials`"),
        (
            lambda: MultivariateNormal(
                prior_mean=[0, 0], prior_covariance=[[1, 2], [2, 1]], noise_covariance=np.eye(2)
            ),
            "`prior_covariance` must be positive definite",
        ),
        (
            lambda: MultivariateNormal(prior_mean=[0, 0], prior_covariance=np.eye(3), noise_covariance=np.eye(2)),
            "`prior_covariance` must be a matrix .* 2 column",
        ),
        (lambda: get_model("linear_regression").exact.predictive(np.ones(18)), "`x_new` must be given"),
        (lambda: get_model("linear_regression").exact.posterior(np.ones(19)), "`y` must have at most 18 numbers"),
        (lambda: get_model("hierarchical_normal").exact.predictive(np.ones(9)), "there is none left to predict"),
        (lambda: get_model("normal"), "`model` must be one of normal_normal, .*, got 'normal'"),
        (
            lambda: get_model("normal_normal", "data"),
            "`data_set` of normal_normal must be one of example, prior, got 'da",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@every_model
def test_the_registry_describes_each_model(name):
    model = get_model(name)
    assert model.example.title
    assert not model.example.title.endswith(".")
    assert "~" in model.example.equations
    assert "(" in model.example.references
    assert all(key in model.example.equations for key in model.exact.marginals(model.y) if "[" not in key)
    assert {"model", "posterior", "predictive", "evidence"} <= model.example.formulas.keys()
    assert [model.label for model in data_sets(name)] == [name, f"{name} (prior)"]
    for model in data_sets(name):
        assert model.source
        assert model.exact.predictive(model.y)  # the data leave one observation to predict
