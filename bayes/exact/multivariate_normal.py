"""Mean vector of a multivariate normal with known covariance.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums, matrices
from bayes.exact.projections import Draws, Projections, directions


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A multivariate normal distribution of ``mu`` (K,)."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    distribution: distributions.LocatedVector
    """The distribution, with all digits of its mean and covariance."""

    def logpdf(self, params: dict[str, NDArray[np.float64]]) -> float:
        """Return the log density of ``mu``, in nats."""
        return float(self.distribution.logpdf(params["mu"]))

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws, (size, K)."""
        return {"mu": random_state.multivariate_normal(self.mean, self.covariance, size=size)}


@dataclass(frozen=True, kw_only=True, eq=False)
class MultivariateNormal:
    """The multivariate normal model and its hyperparameters.

    Observations ``y`` have shape (n, K), and n = 0 is allowed. Logs are in nats.

    Parameters
    ----------
    prior_mean
        m0, the prior mean of mu, shape (K,).
    prior_covariance, noise_covariance
        S0 of the prior and Sigma of an observation around mu, symmetric and positive definite, shape (K, K).

    Raises
    ------
    ValueError
        If shapes do not fit, a matrix is not symmetric and positive definite, or ``y`` are not rows of K finite
        numbers.

    Examples
    --------
    >>> model = MultivariateNormal(prior_mean=[0, 0], prior_covariance=np.eye(2), noise_covariance=np.eye(2))
    >>> model.marginals([[1.0, 2.0], [3.0, 4.0]])["mu"].mean().round(4).tolist()
    [1.3333, 2.0]
    """

    prior_mean: NDArray[np.float64]
    prior_covariance: NDArray[np.float64]
    noise_covariance: NDArray[np.float64]

    def __init__(self, *, prior_mean: ArrayLike, prior_covariance: ArrayLike, noise_covariance: ArrayLike) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("prior_mean", validate.vector("prior_mean", prior_mean))
        K = len(self.prior_mean)
        set_field("prior_covariance", validate.covariance("prior_covariance", prior_covariance, K))
        set_field("noise_covariance", validate.covariance("noise_covariance", noise_covariance, K))

    def posterior(self, y: ArrayLike) -> Joint:
        """Return p(mu | y), a normal (Bishop 2006, eq. 2.116 and 2.117)."""
        with matrices.digits():
            mean, covariance = self._posterior(self._rows(y))
            distribution = distributions.LocatedVector(mean, matrices.cholesky(covariance))
            return Joint(
                mean=matrices.to_float(mean), covariance=matrices.to_float(covariance), distribution=distribution
            )

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"mu": normals}``, an array-valued distribution with one normal for each element."""
        joint = self.posterior(y)
        return {"mu": joint.distribution.project(np.eye(len(joint.mean)))}

    def projections(self, y: ArrayLike) -> Projections:
        """Return sums of all elements with signs, in units of their sds. They are normal. With K = 1 there are none."""
        joint = self.posterior(y)
        if len(joint.mean) == 1:
            return {}
        weights = directions(np.sqrt(np.diag(joint.covariance)))

        def projection(w: NDArray[np.float64]) -> Callable[[Draws], NDArray[np.float64]]:
            return lambda draws: draws["mu"] @ w

        return {f"w{i + 1} . mu": (projection(w), joint.distribution.project(w)) for i, w in enumerate(weights)}

    def predictive(self, y: ArrayLike) -> distributions.LocatedVector:
        """Return p(y_new | y), a normal with covariance S_n + Sigma (Bishop 2006, eq. 2.115)."""
        with matrices.digits():
            mean, covariance = self._posterior(self._rows(y))
            return distributions.LocatedVector(
                mean, matrices.cholesky(covariance + matrices.to_decimal(self.noise_covariance))
            )

    def predictive_marginals(self, y: ArrayLike) -> Distribution:
        """Return the distribution of each element of a new observation: an array-valued normal."""
        return self.predictive(y).project(np.eye(len(self.prior_mean)))

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        y = self._rows(y)
        n, K = y.shape
        with matrices.digits():
            Sigma, S0 = matrices.to_decimal(self.noise_covariance), matrices.to_decimal(self.prior_covariance)
            distance, S = self._statistics(y)
            # log p(y) = -1/2 (n K log(2 pi) + (n - 1) log|Sigma| + log|Sigma + n S0|
            #                  + tr(Sigma^-1 S) + n d' (Sigma + n S0)^-1 d)
            L, C = matrices.cholesky(Sigma), matrices.cholesky(Sigma + n * S0)
            misfit = np.trace(matrices.solve(L, S)) + n * np.sum(matrices.solve_lower(C, distance) ** 2)
            log_dets = (n - 1) * matrices.log_det(L) + matrices.log_det(C)
            return -float(n * K * (2 * matrices.PI).ln() + log_dets + misfit) / 2

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every row, (n,), in nats; S_n-1 is the same whichever is left out."""
        y = self._rows(y)
        n, K = y.shape
        if n == 0:
            return np.empty(0)
        with matrices.digits():
            Sigma, S0 = matrices.to_decimal(self.noise_covariance), matrices.to_decimal(self.prior_covariance)
            # y_i - m_-i = d_i - S0 (Sigma + (n - 1) S0)^-1 sum_(j != i) d_j,    d_i = y_i - m0,
            # with the covariance Sigma + S_n-1,    S_n-1 = S0 (Sigma + (n - 1) S0)^-1 Sigma
            C = matrices.cholesky(Sigma + (n - 1) * S0)
            d = (matrices.to_decimal(y) - matrices.to_decimal(self.prior_mean)).T  # (K, n)
            deviation = d - S0 @ matrices.solve(C, d.sum(axis=1, keepdims=True) - d)
            L = matrices.cholesky(Sigma + S0 @ matrices.solve(C, Sigma))
            misfit = matrices.to_float(np.sum(matrices.solve_lower(L, deviation) ** 2, axis=0))
            return -(K * np.log(2 * np.pi) + float(matrices.log_det(L)) + misfit) / 2

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | mu), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | mu) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y, mu = self._rows(y), np.asarray(params["mu"])[..., None, :]
        # log p(y_i | mu) = -1/2 [K log(2 pi) + log |Sigma| + (y_i - mu)' Sigma^-1 (y_i - mu)],    Sigma = L L'
        inverse = np.linalg.inv(np.linalg.cholesky(self.noise_covariance))
        log_det = -2 * np.log(np.diag(inverse)).sum()
        squares = np.square((y - mu) @ inverse.T).sum(axis=-1)
        return -0.5 * (y.shape[1] * np.log(2 * np.pi) + log_det + squares)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
        """Draw mu from the prior and ``n`` observations given it; return ``({"mu": mu}, y)`` with y of shape (n, K)."""
        n = validate.number_of_observations(n)
        mu = rng.multivariate_normal(self.prior_mean, self.prior_covariance)
        return {"mu": mu}, rng.multivariate_normal(mu, self.noise_covariance, size=n)

    def _posterior(self, y: NDArray[np.float64]) -> tuple[matrices.Matrix, matrices.Matrix]:
        """Return m_n and S_n in decimals."""
        n = len(y)
        Sigma, S0 = matrices.to_decimal(self.noise_covariance), matrices.to_decimal(self.prior_covariance)
        # S_n = S0 (Sigma + n S0)^-1 Sigma,    m_n = m0 + n S0 (Sigma + n S0)^-1 d,    d = ybar - m0
        C = matrices.cholesky(Sigma + n * S0)
        distance, _ = self._statistics(y)
        mean = matrices.to_decimal(self.prior_mean) + n * S0 @ matrices.solve(C, distance)
        covariance = S0 @ matrices.solve(C, Sigma)
        return mean, (covariance + covariance.T) / 2

    def _statistics(self, y: NDArray[np.float64]) -> tuple[matrices.Matrix, matrices.Matrix]:
        """Return ybar - m0 and S = sum (y_i - ybar) (y_i - ybar)' in decimals; they are zero without observations."""
        n, K = y.shape
        if n == 0:
            return matrices.to_decimal(np.zeros(K)), matrices.to_decimal(np.zeros((K, K)))
        ybar = np.array([matrices.from_fraction(exact_sums.moments_about(column, 0.0)[1]) for column in y.T])
        near, corrections = matrices.split(ybar)
        rest, errors = exact_sums.two_sum(y, -near)
        cross = matrices.to_decimal(rest.T @ errors)
        S = matrices.gram(rest) + cross + cross.T - n * matrices.to_decimal(np.outer(corrections, corrections))
        return ybar - matrices.to_decimal(self.prior_mean), S

    def _rows(self, y: ArrayLike) -> NDArray[np.float64]:
        return validate.rows(y, len(self.prior_mean))


EXAMPLE = Example(
    title="Mean vector of a multivariate normal with known covariance",
    equations="""
        mu  ~ Normal(m0, S0)                     m0 = prior_mean (K,), S0 = prior_covariance (K, K)
        y_i ~ Normal(mu, Sigma)                  Sigma = noise_covariance (K, K), i = 1..n, all independent
    """,
    references="""
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 3.5. Bishop (2006), Pattern Recognition and
        Machine Learning, eq. 2.113 to 2.117: the linear Gaussian model, of which this is the case A = I. Fisher
        (1936), "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7: the data. Anderson
        (1935), "The irises of the Gaspé Peninsula", Bulletin of the American Iris Society 59: their measurements.
    """,
    formulas={
        "model": r"\mu \sim \mathcal{N}(m_0,\, S_0), \qquad y_i \sim \mathcal{N}(\mu,\, \Sigma)",
        "posterior": (
            r"\mu \mid y \sim \mathcal{N}(m_n,\, S_n), \qquad S_n^{-1} = S_0^{-1} + n \Sigma^{-1}, \qquad m_n = S_n"
            r" \left(S_0^{-1} m_0 + n \Sigma^{-1} \bar y\right)"
        ),
        "predictive": r"\tilde y \mid y \sim \mathcal{N}(m_n,\, S_n + \Sigma)",
        "evidence": (
            r"\log p(y) = \sum_{i=1}^n \log \mathcal{N}(y_i \mid m_n,\, \Sigma) + \log \mathcal{N}(m_n \mid m_0,\,"
            r" S_0) + \frac{1}{2} \log |2\pi S_n|"
        ),
    },
    data={
        "example": DataSet(
            # Lengths and widths of flowers of one species vary together, about as much as this.
            model=MultivariateNormal(
                prior_mean=[5.0, 3.0],
                prior_covariance=[[1.0, 0.5], [0.5, 1.0]],
                noise_covariance=[[0.12, 0.10], [0.10, 0.14]],
            ),
            # Length and width of the sepals of ten flowers, in cm.
            y=(
                *((5.1, 3.5), (4.9, 3.0), (4.7, 3.2), (4.6, 3.1), (5.0, 3.6)),
                *((5.4, 3.9), (4.6, 3.4), (5.0, 3.4), (4.4, 2.9), (4.9, 3.1)),
            ),
            source="Fisher (1936), sepal length and width in cm of the first ten Iris setosa (measured by Anderson)",
        ),
        "prior": DataSet(
            model=MultivariateNormal(
                prior_mean=[1.6, -0.7],
                prior_covariance=[[1.9, 0.8], [0.8, 0.6]],
                noise_covariance=[[2.4, -0.9], [-0.9, 1.7]],
            ),
            y=((3.1, 0.4), (2.2, -1.3)),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
