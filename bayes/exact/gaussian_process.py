"""A Gaussian process with an exponentiated quadratic kernel: its length-scale, standard deviation and noise variance.

``EXAMPLE`` has the equations, the references and data.

The function itself is integrated out by formula. What remains is an integral over the three hyperparameters of the
kernel, on a tensor of panels (``bayes.exact.numerics.positive_box``) with one eigendecomposition a length-scale. ``y``
may be shorter than the inputs. It then belongs to the first n of them, and ``predictive`` predicts the next.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from math import inf, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import boxes, large_mixtures
from bayes.exact.numerics.orders import each_last
from bayes.exact.numerics.positive_box import DivergenceError, PositiveBox
from bayes.exact.projections import STANDARD, Draws, Projections, flip_sign
from bayes.exact.scale_priors import ScalePrior

NAMES = ("rho", "alpha", "noise_variance")
EPS = float(np.finfo(float).eps)
REACH = 60.0
"""How far, in nats, the logs of the parameters may be from the scales of priors and data."""
UNRESOLVED = 1e-9
"""Largest error in nats that the rounding of eigenvalues may cause, on average over the posterior."""
FEW, BULK = 4, 10.0
"""Log densities of a predictive are those of the mixture for more than so many places, up to so many nats below the
largest."""

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class GaussianProcess:
    """The Gaussian process and the priors of its hyperparameters.

    Observations ``y`` have shape (n,), with one number for each of the first n inputs. Logs are in nats. With a flat
    prior, ``log_evidence`` is the integral over Lebesgue measure of that parameter.

    Parameters
    ----------
    inputs
        x, the places of the observations, shape (N,).
    rho_prior
        The prior of the length-scale rho.
    alpha_prior
        The prior of alpha, the standard deviation of the function at each place.
    noise_variance_prior
        The prior of the variance of the noise (not of its standard deviation).

    Raises
    ------
    ValueError
        If ``rho_prior`` is flat, with which no posterior is proper, if ``y`` has more numbers than there are inputs, or
        too few for a flat prior, if the integral diverges or the noise is too small for float64, or if a number is not
        finite.

    Examples
    --------
    >>> model = GaussianProcess(
    ...     inputs=[0.0, 1.0, 2.0],
    ...     rho_prior=ScalePrior("gamma", 5, 5),
    ...     alpha_prior=ScalePrior("half_normal", 1),
    ...     noise_variance_prior=ScalePrior("inverse_gamma", 3, 1),
    ... )
    >>> round(model.log_evidence([0.3, 0.9]), 4)
    -2.3095
    """

    inputs: Array
    rho_prior: ScalePrior
    alpha_prior: ScalePrior
    noise_variance_prior: ScalePrior

    def __init__(
        self, *, inputs: ArrayLike, rho_prior: ScalePrior, alpha_prior: ScalePrior, noise_variance_prior: ScalePrior
    ) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("inputs", validate.vector("inputs", inputs))
        priors = {"rho": rho_prior, "alpha": alpha_prior, "noise_variance": noise_variance_prior}
        for name, prior in priors.items():
            if not isinstance(prior, ScalePrior):
                raise ValueError(
                    f"`{name}_prior` must be a ScalePrior such as ScalePrior('half_normal', 2.5), got {prior!r}."
                )
            set_field(f"{name}_prior", prior)
        if not rho_prior.proper:
            raise ValueError(
                "`rho_prior` must be proper, got flat: as rho grows the likelihood tends to a constant, so there is no "
                "posterior; use inverse_gamma(5, 5) or the like."
            )

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(rho, alpha, noise_variance | y)."""
        y = self._observations(y)
        return Joint(self, y, self._box(y))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``rho``, ``alpha`` and ``noise_variance``."""
        box = self._box(self._observations(y))
        return {name: box.marginal(axis) for axis, name in enumerate(NAMES)}

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of several parameters that are Normal(0, 1): scores of conditional CDFs (Rosenblatt 1952).

        They are those of alpha given rho, and of noise_variance given both, each with its sign flipped where a
        parameter that it is conditional on is below its median.
        """
        box = self._box(self._observations(y))
        medians = {"rho": box.marginal(0).ppf(0.5), "alpha": box.marginal(1).ppf(0.5)}

        def alpha(draws: Draws) -> Array:
            rho, alpha = (np.asarray(draws[name], dtype=float) for name in ("rho", "alpha"))
            return _score(box.second_given_first(rho.ravel()).cdf(alpha.ravel())).reshape(rho.shape)

        def noise(draws: Draws) -> Array:
            rho, alpha, s = (np.asarray(draws[name], dtype=float) for name in NAMES)
            return _score(box.third_given_both(rho.ravel(), alpha.ravel()).cdf(s.ravel())).reshape(rho.shape)

        def flipped(score: Callable[[Draws], Array], by: str) -> Callable[[Draws], Array]:
            return lambda draws: flip_sign(score(draws), draws[by], medians[by])

        return {
            "z(alpha | rho) by rho": (flipped(alpha, "rho"), STANDARD),
            "z(noise_variance | rho, alpha) by rho": (flipped(noise, "rho"), STANDARD),
            "z(noise_variance | rho, alpha) by alpha": (flipped(noise, "alpha"), STANDARD),
        }

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y) at the next input: a mixture of normals over the nodes of the integral."""
        y = self._observations(y)
        if len(y) == len(self.inputs):
            raise ValueError(f"`y` has an observation for all {len(y)} inputs: there is none left to predict.")
        self._box(y)  # raises ValueError if the posterior is improper
        return Predictive(self, y)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        y = self._observations(y)
        return self._box(y).log_integral if len(y) or not self._proper else 0.0

    def leave_one_out(self, y: ArrayLike) -> Array:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats, by an integral for each: 0.5 s.

        Raises ValueError if the posterior without an observation is improper.
        """
        y = self._observations(y)
        evidence = self.log_evidence(y)
        # log p(y_i | y_-i) = log p(y) - log p(y_-i). Without an outlier the noise may be where p(. | y) has no nodes.
        without = [replace(self, inputs=self.inputs[i]).log_evidence(y[i[:-1]]) for i in each_last(len(y))]
        return evidence - np.array(without)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | rho, alpha, noise_variance), in nats; ``params`` may have any leading shape."""
        y = self._observations(y)
        return self._log_likelihood(y, *(np.asarray(params[name]) for name in NAMES))

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i, rho, alpha, noise_variance) of every observation, (..., n), in nats.

        Given the parameters the observations are not independent. These are the densities whose inverse weighs draws
        of the posterior into draws without y_i (Bürkner, Gabry and Vehtari 2021, "Efficient leave-one-out
        cross-validation for Bayesian non-factorized normal and Student-t models"; Rasmussen and Williams 2006,
        Gaussian Processes for Machine Learning, eq. 5.10 to 5.12). Their sum is not ``log_likelihood``. ``params`` may
        have any leading shape.
        """
        y = self._observations(y)
        rho, alpha, s = (np.asarray(params[name], dtype=float) for name in NAMES)
        eigenvalues, vectors = self._spectrum(rho, len(y))  # (..., n), (..., n, n)
        scaled = vectors / (alpha[..., None] ** 2 * eigenvalues + s[..., None])[..., None, :]
        # y_i - mu_i = [C^-1 y]_i / [C^-1]_ii,    sigma_i^2 = 1 / [C^-1]_ii
        precision = np.sum(scaled * vectors, axis=-1)
        pull = np.einsum("...ik,...jk,j->...i", scaled, vectors, y)
        return norm.logpdf(pull / precision, scale=precision**-0.5)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], Array]:
        """Draw the parameters from the prior, and n observations given them, n up to N; return ``(params, y)``.

        Raises ValueError if a prior is flat.
        """
        n = validate.number_of_observations(n)
        if n > len(self.inputs):
            raise ValueError(f"`n` must be at most {len(self.inputs)}, the number of inputs, got {n}.")
        if not self._proper:
            raise ValueError("a flat prior has no draws, so there is nothing to simulate; use half_normal(SCALE).")
        rho, alpha, s = (float(prior.distribution.rvs(random_state=rng)) for prior in self._priors)
        eigenvalues, vectors = self._spectrum(np.array(rho), n)
        y = vectors @ (np.sqrt(alpha**2 * eigenvalues + s) * rng.standard_normal(n))
        return {"rho": rho, "alpha": alpha, "noise_variance": s}, y

    @property
    def _priors(self) -> tuple[ScalePrior, ScalePrior, ScalePrior]:
        return self.rho_prior, self.alpha_prior, self.noise_variance_prior

    @property
    def _proper(self) -> bool:
        return all(prior.proper for prior in self._priors)

    def _spectrum(self, rho: Array, n: int) -> tuple[Array, Array]:
        """Return eigenvalues (..., n) and eigenvectors (..., n, n) of the kernel with alpha = 1 for each ``rho``."""
        squares = (self.inputs[:n, None] - self.inputs[:n]) ** 2
        eigenvalues, vectors = np.linalg.eigh(np.exp(-squares / (2 * np.asarray(rho)[..., None, None] ** 2)))
        return np.maximum(eigenvalues, n * EPS), vectors  # below n eps they are rounding

    def _log_likelihood(self, y: Array, rho: Array, alpha: Array, s: Array) -> Array:
        """Return log p(y | rho, alpha, s), for arrays that are broadcast against each other."""
        eigenvalues, vectors = self._spectrum(rho, len(y))
        z2 = (y @ vectors) ** 2
        # v_i = alpha^2 lambda_i + s = t (w lambda_i + u),    t = alpha^2 + s,    w = alpha^2 / t,    u = s / t
        t = alpha**2 + s
        w, u = alpha**2 / t, s / t
        shape = np.broadcast_shapes(np.shape(rho), np.shape(t))
        log_det, product, misfit, v = np.zeros(shape), np.ones(shape), np.zeros(shape), np.empty(shape)
        for i in range(len(y)):
            np.multiply(w, eigenvalues[..., i], out=v)
            v += u
            product *= v
            if i % 16 == 15:  # a logarithm takes longer than all the rest; 16 factors of 1e-16 are in range
                log_det += np.log(product)
                product[...] = 1.0
            misfit += np.divide(z2[..., i], v, out=v)
        # log p(y) = -1/2 sum_i [log(2 pi v_i) + z_i^2 / v_i]
        return -0.5 * (len(y) * np.log(2 * pi * t) + (log_det + np.log(product)) + misfit / t)

    def _box(self, y: Array) -> PositiveBox:
        return _box(self, y.tobytes())

    def _integral(self, y: Array) -> PositiveBox:
        self._refuse_too_few(len(y))
        gaps = np.diff(np.unique(self.inputs[: max(len(y), 2)]))
        scales = [[prior.scale] if prior.proper else [] for prior in self._priors]
        scales[0] += [float(gaps.min()), float(gaps.sum())] if gaps.size else []
        square = float(np.mean(y**2)) if len(y) else 0.0
        scales[1] += [np.sqrt(square)] if square else []
        scales[2] += [square] if square else []
        if not all(scales):
            raise ValueError("`y` must have a number other than 0 with a flat prior: 0 gives no scale.")
        bounded = [prior.upper < inf for prior in self._priors]
        try:
            box = PositiveBox(
                partial(self._log_likelihood, y),
                [prior.logpdf for prior in self._priors],
                low=[np.log(min(s)) - REACH for s in scales],
                high=[
                    np.log(prior.upper) if bound else np.log(max(s)) + REACH
                    for prior, s, bound in zip(self._priors, scales, bounded, strict=True)
                ],
                bounded=bounded,
            )
        except DivergenceError as error:
            name = NAMES[error.axis]
            advice = "inverse_gamma(3, 2), whose density is 0 at 0" if error.end == "0" else "half_normal(SCALE)"
            raise ValueError(
                f"`{name}_prior` must make the posterior proper, got {self._priors[error.axis]}: with these data the "
                f"integral over {name} diverges at {error.end}; use {advice}."
            ) from error
        # Eigenvalues are rounded by n eps, and log p(y | rho, alpha, s) by n eps / (lambda_1 + s / alpha^2). Every
        # fifth node of each axis shows it.
        rho, alpha, s = np.ix_(*(x[::5] for x in box.x))
        smallest = self._spectrum(rho, len(y))[0][..., :1].sum(axis=-1)
        weights = box.weights[::5, ::5, ::5]
        error = np.sum(weights * np.minimum(len(y) * EPS / (smallest + s / alpha**2), 1.0)) / np.sum(weights)
        if error > UNRESOLVED:
            raise ValueError(
                "`noise_variance_prior` must keep the noise above 1e-8 of alpha^2 or so, got "
                f"{self.noise_variance_prior} and data almost without noise: float64 does not resolve the kernel; use "
                "a prior with a density of 0 at 0, such as inverse_gamma(3, 2)."
            )
        return box

    def _refuse_too_few(self, n: int) -> None:
        """Raise ValueError if there are too few observations for flat priors."""
        least = {(True, True): 0, (False, True): 2, (True, False): 3, (False, False): 4}[
            self.alpha_prior.proper, self.noise_variance_prior.proper
        ]
        if n < least:
            flat = [name for name in ("alpha_prior", "noise_variance_prior") if not getattr(self, name).proper]
            raise ValueError(
                f"`y` must have at least {least} numbers with a flat {' and '.join(flat)}, got {n}: with fewer the "
                "posterior is improper; use half_normal(SCALE)."
            )

    def _observations(self, y: ArrayLike) -> Array:
        y = validate.observations(y)
        if len(y) > len(self.inputs):
            raise ValueError(f"`y` must have at most {len(self.inputs)} numbers, one an input, got {len(y)}.")
        return y


@lru_cache(maxsize=2)
def _box(model: GaussianProcess, y: bytes) -> PositiveBox:
    """Return the integral over the parameters. Marginals, evidence and draws of the same data need the same one."""
    return model._integral(np.frombuffer(y))


def _score(u: Array) -> Array:
    """Return the normal scores of probabilities, finite at 0 and 1."""
    return norm.ppf(np.clip(u, 1e-300, 1 - EPS / 2))


@dataclass(frozen=True)
class Joint:
    """The posterior of rho, alpha and noise_variance. Its density is by Bayes' rule."""

    model: GaussianProcess
    y: Array
    box: PositiveBox

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``rho``, ``alpha`` and ``noise_variance``, in nats."""
        values = [np.asarray(float(params[name])) for name in NAMES]
        prior = sum(float(prior.logpdf(x)) for prior, x in zip(self.model._priors, values, strict=True))
        if not np.isfinite(prior):
            return -inf
        return prior + float(self.model._log_likelihood(self.y, *values)) - self.box.log_integral

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws (size,), exact to the accuracy of the quadrature.

        They are quantiles of uniform draws: of rho, of alpha given rho, and of noise_variance given both.
        """
        rng = random_state
        rho = np.asarray(self.box.marginal(0).rvs(size, rng))
        alpha = self.box.second_given_first(rho).ppf(rng.random(size))
        return {
            "rho": rho,
            "alpha": alpha,
            "noise_variance": self.box.third_given_both(rho, alpha).ppf(rng.random(size)),
        }


class Predictive:
    """The distribution of the observation at the next input."""

    def __init__(self, model: GaussianProcess, y: Array) -> None:
        self._model, self._y = model, y

    def mean(self) -> float:
        """Return the mean."""
        return self._tabulated.mean()

    def var(self) -> float:
        """Return the variance, which is infinite if there is none."""
        box = self._model._box(self._y)
        # It has a moment of alpha^2, and one of the noise variance.
        finite = np.isfinite(box.marginal(1).var()) and np.isfinite(box.marginal(2).mean())
        return self._tabulated.var() if finite else inf

    def std(self) -> float:
        """Return the standard deviation."""
        return float(np.sqrt(self.var()))

    def pdf(self, x: Any) -> Any:
        """Return the density."""
        return np.exp(self.logpdf(x))

    def logpdf(self, x: Any) -> Any:
        """Return the log density, of a mixture in the bulk of many places, and otherwise by two integrals a place.

        These take about 200 ms a place, and are exact as far out as observations may be, 1e75. Beyond, a finite value
        raises ValueError.
        """
        x = np.asarray(x, dtype=float)
        logs = np.where(np.isnan(x), np.nan, -np.inf)
        by_integrals = np.isfinite(x)
        if x.size > FEW:
            density = large_mixtures.density(x.ravel(), *self._mixture).reshape(x.shape)
            bulk = by_integrals & (density > np.exp(-BULK) * density.max())
            logs[bulk] = np.log(density[bulk])
            by_integrals &= ~bulk
        # log p(y_new | y) = log p(y, y_new) - log p(y)
        evidence = self._model.log_evidence(self._y)
        logs[by_integrals] = [
            self._model.log_evidence([*self._y, validate.finite("x", place)]) - evidence
            for place in x[by_integrals].tolist()
        ]
        return logs[()]

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return self._tabulated.cdf(x)

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        return self._tabulated.sf(x)

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""
        return self._tabulated.ppf(q)

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Return independent draws."""
        return self._tabulated.rvs(size, random_state)

    @cached_property
    def _tabulated(self) -> boxes.Tabulated:
        return large_mixtures.tabulated(*self._mixture, log_density=self.logpdf)

    @cached_property
    def _mixture(self) -> tuple[Array, Array, Array]:
        """Weights, means and sds."""
        model, y = self._model, self._y
        n, box = len(y), model._box(y)
        rho, alpha, s = np.ix_(*box.x)
        eigenvalues, vectors = model._spectrum(rho, n)
        # k_j = exp(-(x_new - x_j)^2 / (2 rho^2)),    c = Q' k,    z = Q' y
        k = np.exp(-((model.inputs[:n] - model.inputs[n]) ** 2) / (2 * rho[..., None] ** 2))
        c, z = (k[..., None, :] @ vectors)[..., 0, :], y @ vectors
        # mean sum_i c_i z_i / d_i,    variance alpha^2 (1 - sum_i c_i^2 / d_i) + s,    d_i = lambda_i + s / alpha^2
        mean, explained, noise = np.zeros(box.weights.shape), np.zeros(box.weights.shape), s / alpha**2
        for i in range(n):
            share = c[..., i] / (eigenvalues[..., i] + noise)
            mean += share * z[..., i]
            explained += share * c[..., i]
        kept = box.weights > 1e-17 * box.weights.max()
        sd = np.sqrt(alpha**2 * np.maximum(1 - explained, 0.0) + s)[kept]
        return large_mixtures.compressed(box.weights[kept] / box.weights[kept].sum(), mean[kept], sd)


EXAMPLE = Example(
    title="A function with noise: the Gaussian process with an exponentiated quadratic kernel",
    equations="""
        rho            ~ rho_prior                           length-scale
        alpha          ~ alpha_prior                         standard deviation of the function
        noise_variance ~ noise_variance_prior                s, a variance
        y              ~ Normal(0, alpha^2 K + s I)          K_ij = exp(-(x_i - x_j)^2 / (2 rho^2)), x = inputs
    """,
    references="""
        Rasmussen and Williams (2006), Gaussian Processes for Machine Learning: eq. 2.16 of the kernel, 2.25 and 2.26 of
        the predictive, 2.30 of the likelihood; section 5.2: the integral over hyperparameters. Rosenblatt (1952),
        "Remarks on a multivariate transformation", Annals of Mathematical Statistics 23: the projections. Stan
        Development Team, Stan User's Guide, chapter "Gaussian Processes": the choice of priors. Brockwell and Davis
        (1991), Time Series: Theory and Methods, 2nd ed., Series A: the data.
    """,
    formulas={
        "model": (
            r"y \sim \mathcal{N}(0,\, \alpha^2 K_\rho + s I), \qquad (K_\rho)_{ij} = e^{-(x_i - x_j)^2 / (2 \rho^2)},"
            r" \qquad \rho, \alpha, s \sim p(\rho)\, p(\alpha)\, p(s)"
        ),
        "posterior": (
            r"p(\rho, \alpha, s \mid y) = \frac{p(\rho)\, p(\alpha)\, p(s)\, p(y \mid \rho, \alpha, s)}{p(y)}"
        ),
        "likelihood": (
            r"K_\rho = Q \Lambda Q^\top, \quad z = Q^\top y, \qquad \log p(y \mid \rho, \alpha, s) = -\frac12"
            r" \sum_{i=1}^n \left[\log 2 \pi (\alpha^2 \lambda_i + s) + \frac{z_i^2}{\alpha^2 \lambda_i + s}\right]"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \int \mathcal{N}\left(\tilde y \mid \alpha^2 k^\top C^{-1} y,\, \alpha^2 + s -"
            r" \alpha^4 k^\top C^{-1} k\right) p(\rho, \alpha, s \mid y)\, d\rho\, d\alpha\, ds, \qquad C = \alpha^2"
            r" K_\rho + s I, \qquad k_i = e^{-(x_{n+1} - x_i)^2 / (2 \rho^2)}"
        ),
        "evidence": (r"p(y) = \int p(y \mid \rho, \alpha, s)\, p(\rho)\, p(\alpha)\, p(s)\, d\rho\, d\alpha\, ds"),
    },
    data={
        "example": DataSet(
            # The level in every other year, 1875 to 1887, less 579 feet, its mean over a century. The next is 1889.
            model=GaussianProcess(
                inputs=np.arange(0.0, 16.0, 2.0),
                rho_prior=ScalePrior("gamma", 10, 2),
                alpha_prior=ScalePrior("half_normal", 2),
                noise_variance_prior=ScalePrior("half_normal", 0.5),
            ),
            y=(1.38, 1.97, 0.79, 1.42, 2.40, 2.44, 2.17),
            source="Brockwell and Davis (1991), level of Lake Huron in feet, less 579, against the years since 1875",
        ),
        "prior": DataSet(
            model=GaussianProcess(
                inputs=[0.4, 1.7, 2.3, 3.9, 5.2, 6.8],
                rho_prior=ScalePrior("inverse_gamma", 4.5, 6.3),
                alpha_prior=ScalePrior("half_normal", 1.7),
                noise_variance_prior=ScalePrior("gamma", 2.6, 3.1),
            ),
            y=(2.9, 1.4, 2.2, -0.7, 0.8),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
