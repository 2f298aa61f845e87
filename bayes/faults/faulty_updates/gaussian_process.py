"""Mistakes about the hyperparameters of a Gaussian process."""

from collections.abc import Callable

import numpy as np

from bayes.exact.gaussian_process import EPS, GaussianProcess
from bayes.exact.scale_priors import ScalePrior
from bayes.faults.faulty_updates.updates import (
    WITHOUT_LAST,
    Array,
    Mistake,
    permuted,
    with_data,
    with_draws,
    with_hyperparameters,
)


class ExponentialKernel(GaussianProcess):
    """The same with exp(-|x_i - x_j| / rho)."""

    def _spectrum(self, rho: Array, n: int) -> tuple[Array, Array]:
        distances = abs(self.inputs[:n, None] - self.inputs[:n])
        eigenvalues, vectors = np.linalg.eigh(np.exp(-distances / np.asarray(rho)[..., None, None]))
        return np.maximum(eigenvalues, n * EPS), vectors


def with_prior(name: str, change: Callable[[ScalePrior], ScalePrior]) -> Mistake:
    """Return the posterior with another prior of the parameter ``name``."""
    field = f"{name}_prior"
    return with_hyperparameters(**{field: lambda exact: change(getattr(exact, field))})


def _reciprocal(prior: ScalePrior) -> ScalePrior:
    """Return a gamma or inverse gamma prior with a rate for its scale."""
    return ScalePrior(prior.family, prior.numbers[0], 1 / prior.numbers[1])


def _wide(prior: ScalePrior) -> ScalePrior:
    """Return a prior that is nearly flat."""
    return ScalePrior("half_normal", 100 * prior.scale)


MISTAKES: dict[str, Mistake] = {
    "prior of rho forgotten": with_prior("rho", _wide),
    "prior of alpha forgotten": with_prior("alpha", _wide),
    "prior of the noise forgotten": with_prior("noise_variance", _wide),
    "rate for scale of rho": with_prior("rho", _reciprocal),
    "prior sd of alpha squared": with_prior("alpha", lambda p: ScalePrior("half_normal", p.numbers[0] ** 2)),
    "half-Cauchy for half-normal": with_prior("alpha", lambda p: ScalePrior("half_cauchy", p.numbers[0])),
    "kernel without its 2": with_hyperparameters(inputs=lambda e: np.sqrt(2) * e.inputs),
    "distance not squared": lambda exact, y: ExponentialKernel(**vars(exact)).posterior(y),
    "inputs in another order": with_hyperparameters(inputs=lambda e: np.roll(e.inputs, 2)),
    "data centred": with_data(lambda y: y - np.mean(y)),
    "last observation left out": WITHOUT_LAST,
    "noise sd for its variance": with_draws(lambda draws, _: {"noise_variance": np.sqrt(draws["noise_variance"])}),
    "alpha squared": with_draws(lambda draws, _: {"alpha": draws["alpha"] ** 2}),
    "rho in another order": permuted("rho"),
    "alpha in another order": permuted("alpha"),
    "noise in another order": permuted("noise_variance"),
    "every column in another order": permuted("rho", "alpha", "noise_variance"),
}
