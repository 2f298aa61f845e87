"""Proposals that are fitted to posterior draws on the unconstrained space: normal, and multivariate Student's t."""

from dataclasses import dataclass
from math import log, pi

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.special import gammaln

from bayes.evidence.targets import Array

LOG_2PI = log(2 * pi)


@dataclass(frozen=True, kw_only=True, eq=False)
class NormalProposal:
    """A normal density q of x = m + L z with z ~ N(0, I)."""

    mean: Array
    factor: Array
    """Lower Cholesky factor L of the covariance."""

    def standardised(self, x: Array) -> Array:
        """Return z = L^-1 (x - m) of points (M, D)."""
        return solve_triangular(self.factor, (x - self.mean).T, lower=True).T

    def place(self, z: Array) -> Array:
        """Return x = m + L z of standardised points (M, D)."""
        return self.mean + z @ self.factor.T

    @property
    def log_volume(self) -> float:
        """log |L|."""
        return float(np.sum(np.log(np.diag(self.factor))))

    def log_density(self, z: Array) -> Array:
        """Return log q(x), in nats, of points that are standardised (M, D)."""
        return -0.5 * np.sum(z**2, axis=1) - z.shape[1] / 2 * LOG_2PI - self.log_volume


@dataclass(frozen=True, kw_only=True, eq=False)
class StudentProposal(NormalProposal):
    """A multivariate Student's t density of x = m + L z; L L^T is its scale matrix."""

    freedom: float
    """Degrees of freedom."""

    def log_density(self, z: Array) -> Array:
        """Return log q(x), in nats, of points that are standardised (M, D)."""
        nu, D = self.freedom, z.shape[1]
        constant = gammaln((nu + D) / 2) - gammaln(nu / 2) - D / 2 * log(nu * pi) - self.log_volume
        return constant - (nu + D) / 2 * np.log1p(np.sum(z**2, axis=1) / nu)

    def standardised_draws(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``n`` independent draws of z, (n, D)."""
        normal = rng.standard_normal((n, len(self.mean)))
        return normal / np.sqrt(rng.chisquare(self.freedom, size=(n, 1)) / self.freedom)


def fitted_normal(x: Array) -> NormalProposal:
    """Return the normal with the mean and covariance of points (M, D).

    Raises ValueError if the covariance is singular: the draws lie in a plane.
    """
    mean, covariance = x.mean(axis=0), np.atleast_2d(np.cov(x.T))
    try:
        return NormalProposal(mean=mean, factor=cholesky(covariance, lower=True))
    except LinAlgError as error:
        raise ValueError(
            "`draws` have a singular covariance: a variable is constant, or a function of others."
        ) from error


def fitted_student(x: Array, freedom: float) -> StudentProposal:
    """Return Student's t with the mean and covariance of points (M, D). Raises ValueError as ``fitted_normal`` does."""
    normal = fitted_normal(x)
    # the covariance of Student's t is freedom / (freedom - 2) times its scale matrix
    return StudentProposal(mean=normal.mean, factor=normal.factor * ((freedom - 2) / freedom) ** 0.5, freedom=freedom)
