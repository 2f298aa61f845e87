"""Densities on R^D whose integral is known, with independent draws of them."""

from dataclasses import dataclass

import numpy as np

from bayes.evidence.targets import Array, Target


@dataclass(frozen=True)
class Normal:
    """exp(shift) times the density of N(m, L L^T)."""

    shift: float = 3.0
    mean: tuple[float, ...] = (1.0, -2.0)
    factor: tuple[tuple[float, ...], ...] = ((2.0, 0.0), (1.0, 0.5))

    def draws(self, seed: int, chains: int = 4, n: int = 600) -> Array:
        z = np.random.default_rng(seed).normal(size=(chains, n, len(self.mean)))
        return np.array(self.mean) + z @ np.array(self.factor).T

    def log_density(self, x: Array) -> Array:
        z = np.linalg.solve(np.array(self.factor), (x - np.array(self.mean)).T)
        log_volume = np.log(np.diag(self.factor)).sum()
        return self.shift - 0.5 * np.sum(z**2, axis=0) - len(self.mean) / 2 * np.log(2 * np.pi) - log_volume

    @property
    def target(self) -> Target:
        precision = np.linalg.inv(np.array(self.factor) @ np.array(self.factor).T)
        return Target(
            dimension=len(self.mean),
            log_density=self.log_density,
            gradient=lambda x: -precision @ (x - np.array(self.mean)),
            hessian=lambda _: -precision,
            start=np.zeros(len(self.mean)),
        )


def skewed(a: float = 2.0) -> Target:
    """The log of a gamma variable of shape ``a``, whose integral is the gamma function of ``a``."""
    return Target(dimension=1, log_density=lambda x: (a * x - np.exp(x)).sum(axis=1))


def skewed_draws(seed: int, a: float = 2.0, n: int = 600) -> Array:
    return np.log(np.random.default_rng(seed).gamma(a, size=(4, n, 1)))
