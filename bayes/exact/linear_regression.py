"""Bayesian linear regression with unknown noise.

``EXAMPLE`` has the equations, the references and data.

``y`` may be shorter than the design. It then belongs to the first n of the N rows, and ``predictive`` predicts the
observation of the next row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, matrices
from bayes.exact.numerics.exact_sums import dot, two_sum
from bayes.exact.numerics.log_gamma import log_gamma_evidence
from bayes.exact.projections import STANDARD, Draws, Projections, directions, distance_score, flip_sign


@dataclass(frozen=True, kw_only=True)
class Joint:
    """The joint distribution sigma2 ~ InverseGamma(a, b), beta | sigma2 ~ Normal(m, sigma2 V)."""

    m: NDArray[np.float64]
    V: NDArray[np.float64]
    distribution: distributions.LocatedVector
    """Normal(m, V), with all digits of m and V."""
    a: float
    b: float

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``beta`` (P,) and ``sigma2``, in nats."""
        sigma2 = float(params["sigma2"])
        log_p_beta = self.distribution.logpdf(params["beta"], times=sigma2)
        return float(distributions.inverse_gamma.logpdf(sigma2, self.a, scale=self.b) + log_p_beta)

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws: ``beta`` (size, P) and ``sigma2`` (size,)."""
        sigma2 = self.b / random_state.gamma(self.a, size=size)
        step = random_state.multivariate_normal(np.zeros(len(self.m)), self.V, size=size)
        return {"beta": self.m + np.sqrt(sigma2)[:, None] * step, "sigma2": sigma2}

    def project(self, weights: NDArray[np.float64]) -> Distribution:
        """Return the Student's t of weights . beta, one for each row of ``weights``."""
        loc, rest, sd = self.distribution.combination(weights)
        return distributions.Located(
            distributions.student_t, 2 * self.a, loc=loc, rest=rest, scale=sqrt(self.b / self.a) * sd
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearRegression:
    """The regression with its hyperparameters.

    Observations ``y`` have shape (n,), with n up to N. Logs are in nats.

    Parameters
    ----------
    design
        X, shape (N, P), with a row for each observation. A column of ones is an intercept.
    prior_mean, prior_covariance
        m0 (P,) and V0 (P, P) of the prior of the coefficients. V0 is their covariance divided by sigma2.
    shape, scale
        a and b of the inverse-gamma prior of the noise variance sigma2; ``scale`` in squared units of the data.

    Raises
    ------
    ValueError
        If shapes do not fit, the covariance is not symmetric and positive definite, ``shape`` or ``scale`` is not
        positive, if ``y`` has more than N numbers, or if a number is not finite.

    Examples
    --------
    >>> design = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]
    >>> model = LinearRegression(design=design, prior_mean=[0, 0], prior_covariance=np.eye(2), shape=2.0, scale=1.0)
    >>> model.marginals([1.0, 2.0, 3.0])["beta"].mean().round(4).tolist()
    [0.8, 0.9333]
    >>> round(float(model.predictive([1.0, 2.0]).mean()), 4)  # for the third row
    2.0
    """

    design: NDArray[np.float64]
    prior_mean: NDArray[np.float64]
    prior_covariance: NDArray[np.float64]
    shape: float
    scale: float

    def __init__(
        self,
        *,
        design: ArrayLike,
        prior_mean: ArrayLike,
        prior_covariance: ArrayLike,
        shape: float,
        scale: float,
    ) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("prior_mean", validate.vector("prior_mean", prior_mean))
        P = len(self.prior_mean)
        set_field("design", validate.matrix("design", design, P))
        set_field("prior_covariance", validate.covariance("prior_covariance", prior_covariance, P))
        proper_prior_hint = "an improper prior has no evidence: use a small but positive number."
        set_field("shape", validate.positive("shape", shape, proper_prior_hint))
        set_field("scale", validate.positive("scale", scale, proper_prior_hint))

    def posterior(self, y: ArrayLike) -> Joint:
        """Return p(beta, sigma2 | y) (Bishop 2006, exercise 3.12)."""
        y = self._observations(y)
        with matrices.digits():
            beta, C, excess = self._posterior(y)
            V = matrices.solve(C, matrices.to_decimal(np.eye(len(beta))))
            distribution = distributions.LocatedVector(beta, matrices.cholesky(V))
        a, b = self.shape + len(y) / 2, self.scale + float(excess)
        return Joint(m=distribution.loc, V=matrices.to_float(V), distribution=distribution, a=a, b=b)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``beta``, one Student's t for each coefficient (array-valued), and of ``sigma2``."""
        joint = self.posterior(y)
        return {
            "beta": joint.project(np.eye(len(joint.m))),
            "sigma2": distributions.inverse_gamma(joint.a, scale=joint.b),
        }

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of several parameters that are Normal(0, 1), standardised given sigma2.

        They are z(w . beta) in P directions, and the distance of beta from its mean as a normal score. The directions
        are sums of all coefficients with signs, in units of their sds. The sign of z is flipped where sigma2 is below
        its median.
        """
        joint = self.posterior(y)
        median = float(distributions.inverse_gamma(joint.a, scale=joint.b).median())
        whiten = linalg.solve_triangular(np.linalg.cholesky(joint.V), np.eye(len(joint.m)), lower=True)

        def projection(w: NDArray[np.float64]) -> Callable[[Draws], NDArray[np.float64]]:
            sd = np.sqrt(w @ joint.V @ w)  # in units of sigma

            def score(draws: Draws) -> NDArray[np.float64]:
                z = (draws["beta"] - joint.m) @ w / (sd * np.sqrt(draws["sigma2"]))
                return flip_sign(z, draws["sigma2"], median)

            return score

        def distance(draws: Draws) -> NDArray[np.float64]:
            # (beta - m)' V^-1 (beta - m) / sigma2 ~ chi^2_P
            squares = np.sum(((draws["beta"] - joint.m) @ whiten.T) ** 2, axis=-1) / draws["sigma2"]
            return flip_sign(distance_score(squares, len(joint.m)), draws["sigma2"], median)

        functions: Projections = {
            f"z(w{i + 1} . beta | sigma2) by sigma2": (projection(w), STANDARD)
            for i, w in enumerate(directions(np.sqrt(np.diag(joint.V))))
        }
        return functions | {"|z(beta | sigma2)| by sigma2": (distance, STANDARD)}

    def predictive(self, y: ArrayLike, x_new: ArrayLike | None = None) -> Distribution:
        """Return p(y_new | y) at ``x_new`` (P,), by default at the row of the design after those of the data."""
        y = self._observations(y)
        if x_new is None and len(y) == len(self.design):
            raise ValueError(f"`x_new` must be given: `y` has an observation for all {len(y)} rows of the design.")
        x = validate.vector("x_new", self.design[len(y)] if x_new is None else x_new)
        if len(x) != len(self.prior_mean):
            raise ValueError(f"`x_new` must have {len(self.prior_mean)} numbers, got {len(x)}.")
        with matrices.digits():
            beta, C, excess = self._posterior(y)
            mean, rest = matrices.split(matrices.to_decimal(x) @ beta)
            # the variance of x . beta + eps in units of sigma2
            variance = float(1 + np.sum(matrices.solve_lower(C, matrices.to_decimal(x)) ** 2))
        a, b = self.shape + len(y) / 2, self.scale + float(excess)
        return distributions.Located(
            distributions.student_t, 2 * a, loc=float(mean), rest=float(rest), scale=sqrt(b / a) * sqrt(variance)
        )

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats (Bishop 2006, eq. 3.118)."""
        y = self._observations(y)
        n = len(y)
        with matrices.digits():
            _, C, excess = self._posterior(y)
            log_det = matrices.log_det(C, matrices.cholesky(matrices.to_decimal(self.prior_covariance)))
        # log p(y) = -n/2 log(2 pi) - 1/2 log(|V0| / |V_n|) + log Gamma(a_n) - log Gamma(a) + a log b - a_n log b_n
        log_gamma_term = log_gamma_evidence(self.shape, self.scale, n / 2, Fraction(excess), normals=n)
        return float(log_gamma_term - log_det / 2)

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats, from residuals and leverages.

        Student's t, with the downdates of Cook and Weisberg (1982), Residuals and Influence in Regression, section 2.2.
        """
        y = self._observations(y)
        with matrices.digits():
            m, C, excess = self._posterior(y)
            X = matrices.to_decimal(self.design[: len(y)])
            # h_i = x_i' V_n x_i,    r_i = y_i - x_i' m_n,    y_i - x_i' m_-i = r_i / (1 - h_i),
            # b_-i = b_n - r_i^2 / (2 (1 - h_i)),    1 + x_i' V_-i x_i = 1 / (1 - h_i)
            rest = 1 - np.sum(matrices.solve_lower(C, X.T) ** 2, axis=0)
            r = matrices.to_decimal(y) - X @ m
            b = matrices.to_float(Decimal(self.scale) + excess - r**2 / (2 * rest))
            error, variance = matrices.to_float(r / rest), matrices.to_float(1 / rest)
        a = self.shape + (len(y) - 1) / 2
        return distributions.student_t.logpdf(error, 2 * a, scale=np.sqrt(b / a * variance))

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | beta, sigma2), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | beta, sigma2) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y, sigma2 = self._observations(y), np.asarray(params["sigma2"])[..., None]
        mean = np.asarray(params["beta"]) @ self.design[: len(y)].T
        return norm.logpdf(y, mean, np.sqrt(sigma2))

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Draw beta and sigma2 from the prior, and ``n`` observations given them, n up to N; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        if n > len(self.design):
            raise ValueError(f"`n` must be at most {len(self.design)}, the rows of the design, got {n}.")
        draws = self.posterior([]).rvs(1, rng)
        params = {"beta": draws["beta"][0], "sigma2": float(draws["sigma2"][0])}
        return params, rng.normal(self.design[:n] @ params["beta"], sqrt(params["sigma2"]))

    def _posterior(self, y: NDArray[np.float64]) -> tuple[matrices.Matrix, matrices.Matrix, Decimal]:
        """Return m_n and the Cholesky factor of V_n^-1 in decimals, and b_n - b."""
        X, m0 = self.design[: len(y)], matrices.to_decimal(self.prior_mean)
        identity = matrices.to_decimal(np.eye(len(m0)))
        prior_precision = matrices.solve(matrices.cholesky(matrices.to_decimal(self.prior_covariance)), identity)
        squares = matrices.gram(X)
        C = matrices.cholesky(prior_precision + squares)
        # V_n^-1 = V0^-1 + X'X,    m_n = b + V_n (X'r + V0^-1 (m0 - b)),    r = y - X b, for any b.
        # The first b is m0. The second b is the answer for the first, where r is as small as the noise.
        _, step, _, _ = self._step(y, m0, C, prior_precision)
        b, step, projected, residuals = self._step(y, m0 + step, C, prior_precision)
        m = b + step
        # 2 (b_n - b) = |y - X m_n|^2 + (m_n - m0)' V0^-1 (m_n - m0)
        misfit = residuals - 2 * step @ projected + step @ squares @ step
        return m, C, (misfit + (m - m0) @ prior_precision @ (m - m0)) / 2

    def _step(
        self, y: NDArray[np.float64], start: matrices.Matrix, C: matrices.Matrix, prior_precision: matrices.Matrix
    ) -> tuple[matrices.Matrix, matrices.Matrix, matrices.Matrix, Decimal]:
        """Return b near ``start``, the step from b to m_n, and X'r and r'r with r = y - X b."""
        X, near = self.design[: len(y)], matrices.split(start)
        b = matrices.to_decimal(near[0]) + matrices.to_decimal(near[1])
        product, errors = matrices.multiply(X, near)
        r, rest = two_sum(y, -product)
        r, rest = two_sum(r, rest - errors)
        projected = np.array([matrices.from_fraction(dot(x, r)) for x in X.T]) + matrices.to_decimal(X.T @ rest)
        step = matrices.solve(C, projected + prior_precision @ (matrices.to_decimal(self.prior_mean) - b))
        return b, step, projected, matrices.from_fraction(dot(r, r)) + 2 * Decimal(float(r @ rest))

    def _observations(self, y: ArrayLike) -> NDArray[np.float64]:
        return validate.no_more_than_rows(validate.observations(y), self.design)


_BOILING_POINT = (
    *(194.5, 194.3, 197.9, 198.4, 199.4, 199.9, 200.9, 201.1, 201.4),
    *(201.3, 203.6, 204.6, 209.5, 208.6, 210.7, 211.9, 212.2),
)
_PRESSURE = (
    *(20.79, 20.79, 22.40, 22.67, 23.15, 23.35, 23.89, 23.99, 24.02),
    *(24.01, 25.14, 26.57, 28.49, 27.76, 29.04, 29.88, 30.06),
)

EXAMPLE = Example(
    title="Bayesian linear regression with unknown noise",
    equations="""
        sigma2 ~ InverseGamma(a, b)                          a = shape, b = scale
        beta   ~ Normal(m0, sigma2 V0)                       m0 = prior_mean (P,), V0 = prior_covariance (P, P)
        y_i    ~ Normal(x_i . beta, sigma2)                  x_i = design[i] (P,), i = 1..n, all independent
    """,
    references="""
        Bishop (2006), Pattern Recognition and Machine Learning, exercises 3.12 and 3.23: posterior and evidence with
        this prior, eq. 3.118. Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 14.8. Forbes (1857),
        "Further experiments and remarks on the measurement of heights by the boiling point of water", Transactions of
        the Royal Society of Edinburgh 21: the data.
    """,
    formulas={
        "model": (
            r"\sigma^2 \sim \mathrm{InverseGamma}(a,\, b), \qquad \beta \mid \sigma^2 \sim \mathcal{N}(m_0,\,"
            r" \sigma^2 V_0), \qquad y_i \sim \mathcal{N}(x_i^\top \beta,\, \sigma^2)"
        ),
        "posterior": (
            r"V_n^{-1} = V_0^{-1} + X^\top X, \quad m_n = V_n \left(V_0^{-1} m_0 + X^\top y\right), \quad a_n = a +"
            r" \frac{n}{2}, \quad b_n = b + \frac{1}{2} \left(|y - X m_n|^2 + (m_n - m_0)^\top V_0^{-1} (m_n -"
            r" m_0)\right)"
        ),
        "marginals": (
            r"\sigma^2 \mid y \sim \mathrm{InverseGamma}(a_n,\, b_n), \qquad w^\top \beta \mid y \sim t_{2"
            r" a_n}\left(w^\top m_n,\, \frac{b_n}{a_n} w^\top V_n w\right)"
        ),
        "predictive": (
            r"\tilde y \mid y \sim t_{2 a_n}\left(\tilde x^\top m_n,\, \frac{b_n}{a_n} \left(1 + \tilde x^\top V_n"
            r" \tilde x\right)\right)"
        ),
        "evidence": (
            r"\log p(y) = -\frac{n}{2} \log(2\pi) + \frac{1}{2} \log \frac{|V_n|}{|V_0|} + \log"
            r" \frac{\Gamma(a_n)}{\Gamma(a)} + a \log b - a_n \log b_n"
        ),
    },
    data={
        "example": DataSet(
            # An intercept, and the boiling point of water in degrees Fahrenheit above 203; the last row is
            # for sea level.
            model=LinearRegression(
                design=[(1.0, boiling - 203.0) for boiling in (*_BOILING_POINT, 212.0)],
                prior_mean=[140.0, 1.0],
                prior_covariance=[[100.0, 0.0], [0.0, 1.0]],
                shape=3.0,
                scale=2.0,
            ),
            # 100 log10 of the air pressure in inches of mercury, at 17 places in the Alps and in Scotland.
            y=tuple(float(100 * np.log10(pressure)) for pressure in _PRESSURE),
            source="Forbes (1857), boiling point of water and air pressure at 17 places",
        ),
        "prior": DataSet(
            model=LinearRegression(
                design=[(1.0, -1.6), (1.0, 0.3), (1.0, 0.9), (1.0, 2.7), (1.0, 3.4)],
                prior_mean=[2.4, -0.6],
                prior_covariance=[[0.4, -0.1], [-0.1, 0.15]],
                shape=2.7,
                scale=5.0,
            ),
            y=(4.9, 2.2, 5.3, 3.4),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
