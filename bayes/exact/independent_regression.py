"""Linear regression whose coefficients have priors of their own, whatever the noise.

``EXAMPLE`` has the equations, the references and data.

Priors here do not scale with the noise sd sigma, as they do in ``linear_regression``. Given sigma everything is normal.
So posterior, predictive and evidence are one-dimensional integrals over sigma (``numerics.quadrature``), each of whose
nodes takes O(K) (``numerics.normal_coefficients``). With flat priors of all coefficients and of sigma they are closed
forms.

``y`` may be shorter than the design. It then belongs to the first n of the N rows, and ``predictive`` predicts the
observation of the next row.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, floor, inf, lgamma, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import boxes, distributions, quadrature
from bayes.exact.numerics.noise_sds import root_inverse_gamma
from bayes.exact.numerics.normal_coefficients import Coefficients, coefficients
from bayes.exact.numerics.orders import each_last
from bayes.exact.numerics.where_mass_is import mass_between
from bayes.exact.projections import STANDARD, Draws, Projections, directions, distance_score, flip_sign
from bayes.exact.scale_priors import ScalePrior
from closedform.validation import shown

ALL_MOMENTS = 99
"""Number of moments for a distribution with normal tails. All moments exist; any number above 2 says so."""
FARTHEST = 300.0
"""Farthest that log sigma goes beyond the scales of the problem, for tails that fall slowly."""


@dataclass(frozen=True, eq=False, kw_only=True)
class IndependentRegression:
    """The regression with its hyperparameters.

    Observations ``y`` have shape (n,), with n up to N. Logs are in nats. With a flat prior, ``log_evidence`` is the log
    of the integral of likelihood times prior over Lebesgue measure, with prior density 1, and ``simulate`` has nothing
    to draw from.

    Parameters
    ----------
    design
        X, shape (N, K), with a row for each observation. A column of ones is an intercept.
    prior_mean
        m (K,), the prior means of the coefficients. That of a flat coefficient has no effect.
    prior_sds
        s (K,), the prior sds of the coefficients, independent of each other and of the noise. ``inf`` is a flat prior,
        with density 1.
    noise_prior
        The prior of sigma, the noise sd: a ``bayes.exact.scale_priors.ScalePrior``. It may be flat.

    Raises
    ------
    ValueError
        If shapes do not fit, a prior sd is not positive, ``y`` has more than N numbers, a number is not finite, or the
        posterior is improper. It is improper if flat coefficients cannot be told apart; if both the noise prior and F
        coefficients are flat and there are fewer than F + 2 observations; or if the coefficients fit all observations.

    Examples
    --------
    >>> design = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]
    >>> model = IndependentRegression(
    ...     design=design, prior_mean=[0, 0], prior_sds=[np.inf, 2.0], noise_prior=ScalePrior("half_normal", 1.0)
    ... )
    >>> round(float(model.marginals([1.0, 2.5, 3.0])["beta[1]"].mean()), 4)
    0.9232
    """

    design: NDArray[np.float64]
    prior_mean: NDArray[np.float64]
    prior_sds: NDArray[np.float64]
    noise_prior: ScalePrior

    def __init__(
        self, *, design: ArrayLike, prior_mean: ArrayLike, prior_sds: ArrayLike, noise_prior: ScalePrior
    ) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("prior_mean", validate.vector("prior_mean", prior_mean))
        K = len(self.prior_mean)
        set_field("design", validate.matrix("design", design, K))
        set_field("prior_sds", sds_or_inf("prior_sds", prior_sds, K))
        set_field("noise_prior", validated_scale_prior("noise_prior", noise_prior))

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(beta, noise_sd | y)."""
        return Joint(self, self._observations(y), self.log_evidence(y))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of the coefficients, ``beta[0]``, ``beta[1]``, ..., and of ``noise_sd``."""
        fit = self._fit(self._observations(y))
        names = [f"beta[{k}]" for k in range(len(self.prior_mean))]
        if self._flat:
            df, scale = self._student(fit)
            mean, sds = fit.m + fit.A @ fit.z, np.sqrt(np.sum(fit.A**2, axis=1))
            marginals: dict[str, Distribution] = {
                name: distributions.Located(distributions.student_t, df, loc=mean[k], rest=0.0, scale=scale * sds[k])
                for k, name in enumerate(names)
            }
            return marginals | {"noise_sd": root_inverse_gamma(df / 2, scale=fit.rho / sqrt(2))}
        integrand = noise_integrand(fit, self.noise_prior)
        sigma, weights, middle = noise_nodes(integrand)
        origins, means, sds = fit.combinations(np.eye(len(names)), sigma, middle)
        marginals = {
            name: mixture(
                weights,
                float(origins[k]),
                means[:, k],
                sds[:, k],
                integrand["moments"] if np.isinf(self.prior_sds[k]) else ALL_MOMENTS,
            )
            for k, name in enumerate(names)
        }
        return marginals | {"noise_sd": quadrature.Positive(**integrand)}

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of several parameters that are Normal(0, 1), standardised given the noise sd.

        They are z(w . beta) in K directions, and the distance of beta from its mean as a normal score. The directions
        are sums of all coefficients with signs, in units of their sds. The sign of z is flipped where the noise sd is
        below its median.
        """
        y = self._observations(y)
        median = float(self.marginals(y)["noise_sd"].ppf(0.5))
        return projections_of(self._fit(y), median)

    def predictive(self, y: ArrayLike, x_new: ArrayLike | None = None) -> Distribution:
        """Return p(y_new | y) at ``x_new`` (K,), by default at the row of the design after those of the data."""
        y = self._observations(y)
        if x_new is None and len(y) == len(self.design):
            raise ValueError(f"`x_new` must be given: `y` has an observation for all {len(y)} rows of the design.")
        x = validate.vector("x_new", self.design[len(y)] if x_new is None else x_new)
        if len(x) != len(self.prior_mean):
            raise ValueError(f"`x_new` must have {len(self.prior_mean)} numbers, got {len(x)}.")
        fit = self._fit(y)
        if self._flat:
            df, scale = self._student(fit)
            a = x @ fit.A
            loc, sd = x @ fit.m + a @ fit.z, scale * sqrt(1 + a @ a)
            return distributions.Located(distributions.student_t, df, loc=loc, rest=0.0, scale=sd)
        integrand = noise_integrand(fit, self.noise_prior)
        sigma, weights, middle = noise_nodes(integrand)
        origins, means, sds = fit.combinations(x[None], sigma, middle)
        evidence, longer = self.log_evidence(y), replace(self, design=np.vstack([self.design[: len(y)], x]))
        return quadrature.MixtureWithTails(
            weights,
            means[:, 0],
            np.hypot(sds[:, 0], sigma),
            moments=integrand["moments"],
            origin=float(origins[0]),
            # log p(y_new | y) = log p(y, y_new) - log p(y)
            log_density=lambda new: longer.log_evidence([*y, validate.finite("x", new)]) - evidence,
        )

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats; with a flat prior, the log of the integral over Lebesgue measure."""
        y = self._observations(y)
        fit = self._fit(y)
        if self._flat:
            # p(y) = (2 pi)^-(n - K)/2 |X'X|^-1/2 1/2 Gamma(df / 2) (rho^2 / 2)^-(df / 2),    df = n - K - 1
            df = fit.n - len(fit.m) - 1
            return fit.log_constant - log(2) + lgamma(df / 2) - df * log(fit.rho / sqrt(2))
        # p(y) = integral p(y | sigma) p(sigma) dsigma
        integrand = noise_integrand(fit, self.noise_prior)
        del integrand["moments"]
        return quadrature.LogQuadrature(**integrand).log_integral if len(y) else 0.0

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats, by an integral for each.

        Raises ValueError if the posterior without an observation is improper.
        """
        y = self._observations(y)
        evidence = self.log_evidence(y)
        # log p(y_i | y_-i) = log p(y) - log p(y_-i). Without an outlier sigma may be where p(sigma | y) has no nodes.
        without = [replace(self, design=self.design[i]).log_evidence(y[i[:-1]]) for i in each_last(len(y))]
        return evidence - np.array(without)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | beta, noise_sd), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | beta, noise_sd) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y, sigma = self._observations(y), np.asarray(params["noise_sd"])[..., None]
        mean = np.asarray(params["beta"]) @ self.design[: len(y)].T
        return norm.logpdf(y, mean, sigma)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Draw beta and the noise sd from the prior, and ``n`` observations, n up to N; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        if n > len(self.design):
            raise ValueError(f"`n` must be at most {len(self.design)}, the rows of the design, got {n}.")
        if np.isinf(self.prior_sds).any() or not self.noise_prior.proper:
            raise ValueError(
                f"a flat prior has no draws: `simulate` needs finite `prior_sds` and a proper `noise_prior`, got "
                f"{shown(self.prior_sds.tolist())} and {self.noise_prior}."
            )
        sigma = float(self.noise_prior.distribution.rvs(random_state=rng))
        beta = rng.normal(self.prior_mean, self.prior_sds)
        return {"beta": beta, "noise_sd": sigma}, rng.normal(self.design[:n] @ beta, sigma)

    @property
    def _flat(self) -> bool:
        """Whether every prior is flat, so that there are closed forms."""
        return bool(np.isinf(self.prior_sds).all()) and not self.noise_prior.proper

    def _student(self, fit: Coefficients) -> tuple[int, float]:
        """Return the degrees of freedom n - K - 1 of the closed form, and sqrt(rho^2 / df)."""
        df = fit.n - len(fit.m) - 1
        return df, fit.rho / sqrt(df)

    def _fit(self, y: NDArray[np.float64]) -> Coefficients:
        """Return the coefficients given any sigma; raise ValueError if the posterior is improper."""
        n, F = len(y), int(np.isinf(self.prior_sds).sum())
        left, right = exponents(self.noise_prior)
        # For large sigma p(sigma | y) falls as sigma^-(n - F + right + 1), where each flat coefficient takes one power.
        least = max(F, floor(F - min(right, F + 1)) + 1)
        if n < least:
            raise ValueError(
                f"`y` must have at least {least} numbers for a proper posterior, with {F} flat coefficients and the "
                f"noise prior {self.noise_prior}, got {n}; give finite `prior_sds`, or a `noise_prior` such as "
                "half_normal(SCALE)."
            )
        typical = self.noise_prior.scale if self.noise_prior.proper else float(np.max(abs(y), initial=0.0)) or 1.0
        fit = coefficients(self.design[:n], y, self.prior_mean, self.prior_sds, typical)
        # For small sigma p(sigma | y) sigma goes as sigma^(left - (n - rank)) where the fit is exact.
        if fit.fits_exactly and left <= n - fit.explained:
            raise ValueError(
                f"`y` must not be fitted exactly by the coefficients, got {n} numbers on the plane of "
                f"{fit.explained} columns: the noise sd is 0, and the posterior improper; use an inverse_gamma "
                "`noise_prior`, or data with noise."
            )
        return fit

    def _observations(self, y: ArrayLike) -> NDArray[np.float64]:
        return validate.no_more_than_rows(self.noise_prior.require_within_reach(validate.observations(y)), self.design)


@dataclass(frozen=True)
class Joint:
    """The posterior of beta and noise_sd. Its density is by Bayes' rule; draws are of noise_sd, then of beta."""

    model: IndependentRegression
    y: NDArray[np.float64]
    log_evidence: float

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``beta`` (K,) and ``noise_sd``, in nats."""
        model, beta, sigma = self.model, np.asarray(params["beta"], dtype=float), params["noise_sd"]
        proper = np.isfinite(model.prior_sds)
        prior = model.noise_prior.logpdf(sigma) + np.sum(
            norm.logpdf(beta[proper], model.prior_mean[proper], model.prior_sds[proper])
        )
        likelihood = np.sum(norm.logpdf(self.y, model.design[: len(self.y)] @ beta, sigma))
        return float(prior + likelihood - self.log_evidence)

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws: ``beta`` (size, K) and ``noise_sd`` (size,)."""
        rng, fit = random_state, self.model._fit(self.y)
        if self.model._flat:
            df, _ = self.model._student(fit)
            sigma = np.asarray(root_inverse_gamma(df / 2, scale=fit.rho / sqrt(2)).rvs(size, rng))
        else:
            sigma = quadrature.Positive(**noise_integrand(fit, self.model.noise_prior)).rvs(size, rng)
        theta = rng.normal(fit.theta_mean(sigma), np.sqrt(fit.theta_var(sigma)))
        return {"beta": fit.m + theta @ fit.A.T, "noise_sd": sigma}


def projections_of(fit: Coefficients, median: float) -> Projections:
    """Return the projections of ``beta`` given ``noise_sd``, which has this ``median``."""
    *_, sds = fit.combinations(np.eye(len(fit.m)), np.array([median]), median)
    B = np.linalg.inv(fit.A)

    def theta_score(draws: Draws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return theta standardised given sigma, and the sds of theta, as (draws, K)."""
        sigma = np.ravel(draws["noise_sd"])
        theta = (np.reshape(draws["beta"], (len(sigma), -1)) - fit.m) @ B.T
        theta_sd = np.sqrt(fit.theta_var(sigma))
        return (theta - fit.theta_mean(sigma)) / theta_sd, theta_sd

    def projection(w: NDArray[np.float64]) -> Callable[[Draws], NDArray[np.float64]]:
        def score(draws: Draws) -> NDArray[np.float64]:
            z, theta_sd = theta_score(draws)
            weights = theta_sd * (w @ fit.A)  # w . beta = w . m + (w A) . theta
            combined = np.sum(weights * z, axis=1) / np.sqrt(np.sum(weights**2, axis=1))
            return flip_sign(combined.reshape(np.shape(draws["noise_sd"])), draws["noise_sd"], median)

        return score

    def distance(draws: Draws) -> NDArray[np.float64]:
        # |z(theta)|^2 ~ chi^2_K
        squares = np.sum(theta_score(draws)[0] ** 2, axis=1).reshape(np.shape(draws["noise_sd"]))
        return flip_sign(distance_score(squares, len(fit.m)), draws["noise_sd"], median)

    functions: Projections = {
        f"z(w{i + 1} . beta | noise_sd) by noise_sd": (projection(w), STANDARD)
        for i, w in enumerate(directions(sds[0]))
    }
    return functions | {"|z(beta | noise_sd)| by noise_sd": (distance, STANDARD)}


def noise_integrand(
    fit: Coefficients,
    prior: ScalePrior,
    factor: Callable[[NDArray[np.float64]], Any] = np.zeros_like,
    scales: Iterable[float] = (),
) -> dict[str, Any]:
    """Return log [p(y | sigma) p(sigma) sigma] as a function of v = log sigma, and where its mass is.

    ``factor`` is what is added to the log likelihood of sigma (G,), and ``scales`` are where it changes.
    """

    def log_density(v: NDArray[np.float64]) -> NDArray[np.float64]:
        sigma = np.exp(v)
        return fit.log_likelihood(sigma) + factor(sigma) + prior.logpdf(sigma) + v

    left, right = exponents(prior)
    decay = fit.n - fit.flat + right  # exponent of the density of v to the right
    moments = ALL_MOMENTS if decay == inf else ceil(decay) - 1
    slowest = min(1.0, decay - min(moments, 2))
    every_scale = [*fit.scales, *scales, *([prior.scale] if prior.proper else [])]
    low = log(min(every_scale)) - min(quadrature.REACH / min(1.0, left), FARTHEST)
    high = log(max(every_scale)) + min(quadrature.REACH / slowest, FARTHEST)
    low, high = mass_between(log_density, low, min(high, log(prior.upper)), fit.n + 1, moments)
    return {
        "log_density": log_density,
        "low": low,
        "high": high,
        # n observations determine log sigma to about 1 / sqrt(2 n)
        "width": min(1.0, 4 / sqrt(2 * fit.n + 1), (high - low) / 14),
        "moments": moments,
    }


def noise_nodes(integrand: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return values of sigma (G,), their posterior weights (G,), and a sigma in the middle of the mass."""
    rest = {key: value for key, value in integrand.items() if key != "moments"}
    v, weights = quadrature.LogQuadrature(**rest).nodes
    sigma, middle = np.exp(v), float(np.exp(weights @ v))
    kept = weights * (1 + (sigma / middle) ** 2) > 1e-18  # the others show in no probability and no variance
    return sigma[kept], weights[kept] / weights[kept].sum(), middle


def mixture(
    weights: NDArray[np.float64], origin: float, means: NDArray[np.float64], sds: NDArray[np.float64], moments: int
) -> Distribution:
    """Return the mixture of normals with ``means`` measured from ``origin``, which has so many ``moments``."""
    if moments >= 2:
        return boxes.mixture_marginal(weights, origin + means, sds)
    return quadrature.Mixture(weights, means, sds, moments=moments, origin=origin)


def exponents(prior: ScalePrior) -> tuple[float, float]:
    """Return a and b where the density of log sigma goes as sigma^a for small sigma and sigma^-b for large.

    They are infinite where it falls faster than any power; b is -1 for a flat prior of sigma.
    """
    match prior.family:
        case "half_cauchy":
            return 1.0, 1.0
        case "half_t":
            return 1.0, prior.numbers[0]
        case "gamma":
            return prior.numbers[0], inf
        case "inverse_gamma":
            return inf, prior.numbers[0]
        case "flat":
            return 1.0, -1.0
    return 1.0, inf


def sds_or_inf(name: str, value: ArrayLike, size: int) -> NDArray[np.float64]:
    """Return ``value`` as a read-only vector of ``size`` positive numbers, ``inf`` included, or raise ValueError."""
    try:
        values = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (size,):
        raise ValueError(f"`{name}` must have {size} numbers, one a column of the design, got {shown(value)}.")
    flat = np.isposinf(values)
    finite = np.array(validate.positive_vector(name, np.where(flat, 1.0, values)))
    finite[flat] = inf
    finite.flags.writeable = False
    return finite


def validated_scale_prior(name: str, value: Any) -> ScalePrior:
    """Return ``value``, or raise ValueError if it is no prior of a scale."""
    if not isinstance(value, ScalePrior):
        raise ValueError(
            f'`{name}` must be a ScalePrior such as ScalePrior("half_normal", 2.5), got {shown(value)}; from text: '
            'ScalePrior.parsed("half_normal(2.5)").'
        )
    return value


_DISTANCE = (
    *(0.032, 0.034, 0.214, 0.263, 0.275, 0.275, 0.45, 0.5, 0.5, 0.63, 0.8, 0.9),
    *(0.9, 0.9, 0.9, 1.0, 1.1, 1.1, 1.4, 1.7, 2.0, 2.0, 2.0, 2.0),
)
_VELOCITY = (
    *(170, 290, -130, -70, -185, -220, 200, 290, 270, 200, 300, -30),
    *(650, 150, 500, 920, 450, 500, 500, 960, 500, 850, 800, 1090),
)

EXAMPLE = Example(
    title="Linear regression with a prior of each coefficient, independent of the noise",
    equations="""
        noise_sd ~ prior                                     prior = noise_prior, such as half_normal(2.5)
        beta_k   ~ Normal(m_k, s_k^2)                        m = prior_mean (K,), s = prior_sds (K,)
        y_i      ~ Normal(x_i . beta, noise_sd^2)            x_i = design[i] (K,), i = 1..n, all independent
    """,
    references="""
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 14.2: the flat prior, eq. 14.4 of beta given the
        noise, there with a prior 1 / sigma; section 14.8: normal priors of coefficients. Gelman (2006), "Prior
        distributions for variance parameters in hierarchical models": priors of a standard deviation. Golub and Van
        Loan (2013), Matrix Computations, 4th ed., section 6.1.6: the generalised singular value decomposition. Hubble
        (1929), "A relation between distance and radial velocity among extra-galactic nebulae", Proceedings of the
        National Academy of Sciences 15, Table 1: the data.
    """,
    formulas={
        "model": (
            r"\sigma \sim p(\sigma), \qquad \beta_k \sim \mathcal{N}(m_k,\, s_k^2), \qquad y_i \sim"
            r" \mathcal{N}(x_i^\top \beta,\, \sigma^2)"
        ),
        "posterior": (
            r"p(\sigma \mid y) = \frac{p(\sigma)\, p(y \mid \sigma)}{p(y)}, \qquad \beta \mid \sigma, y \sim"
            r" \mathcal{N}(\hat\beta,\, V), \qquad V^{-1} = D^2 + \frac{X^\top X}{\sigma^2}, \qquad \hat\beta = V"
            r" \left(D^2 m + \frac{X^\top y}{\sigma^2}\right), \qquad D = \mathrm{diag}(1 / s_k)"
        ),
        "marginals": (
            r"p(\beta_k \mid y) = \int \mathcal{N}(\beta_k \mid \hat\beta_k,\, V_{kk})\, p(\sigma \mid y)\,"
            r" d\sigma"
        ),
        "with flat priors": (
            r"\sigma^2 \mid y \sim \mathrm{InverseGamma}\left(\frac{\nu}{2},\, \frac{\rho^2}{2}\right), \qquad"
            r" \beta_k \mid y \sim t_\nu\left(\hat\beta_k,\, \frac{\rho^2}{\nu} \left[(X^\top"
            r" X)^{-1}\right]_{kk}\right), \qquad \nu = n - K - 1, \qquad \rho = |y - X \hat\beta|"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \int \mathcal{N}(\tilde y \mid \tilde x^\top \hat\beta,\, \tilde x^\top V"
            r" \tilde x + \sigma^2)\, p(\sigma \mid y)\, d\sigma"
        ),
        "evidence": (
            r"p(y) = \int p(y \mid \sigma)\, p(\sigma)\, d\sigma, \qquad p(y \mid \sigma) = \mathcal{N}(y \mid X"
            r" m,\, \sigma^2 I + X D^{-2} X^\top)"
        ),
    },
    data={
        "example": DataSet(
            # An intercept, and the distance in millions of parsecs; the last row is for a nebula at 1.5.
            model=IndependentRegression(
                design=[(1.0, distance) for distance in (*_DISTANCE, 1.5)],
                prior_mean=[0.0, 500.0],
                prior_sds=[200.0, 300.0],
                noise_prior=ScalePrior("half_t", 3.0, 200.0),
            ),
            # Radial velocities in km/s. Their slope is Hubble's constant, as it was thought to be.
            y=_VELOCITY,
            source="Hubble (1929), distance and velocity of 24 nebulae",
        ),
        "prior": DataSet(
            model=IndependentRegression(
                design=[(1.0, -1.3), (1.0, 0.4), (1.0, 1.9), (1.0, 2.6), (1.0, 3.7)],
                prior_mean=[2.4, -1.6],
                prior_sds=[1.3, 0.7],
                noise_prior=ScalePrior("gamma", 3.4, 2.2),
            ),
            y=(5.9, 1.7, -2.3, 2.1),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
