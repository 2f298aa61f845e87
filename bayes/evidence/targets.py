"""What an estimator of the evidence needs to know of a model: its log density on the unconstrained space.

The log density is log p(y, theta) + log |d theta / d x| in nats, of the unconstrained parameters x, with every constant
kept: its integral over x is p(y). ``bayes.evidence.pymc_targets.from_pymc`` makes a ``Target`` of a PyMC model. For
anything else, write the log density down::

    Target(dimension=2, log_density=lambda x: -0.5 * np.sum(x**2, axis=1))  # whose integral is 2 pi
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
type LogDensity = Callable[[Array], Array]
"""Points (M, D) -> their log densities (M,), in nats."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prior:
    """The two factors of a density whose first factor is a normalised prior.

    Parameters
    ----------
    log_prior
        log p(theta) + log |d theta / d x| of points (M, D), in nats.
    log_likelihood
        log p(y | theta) of points (M, D), in nats.
    sample
        ``sample(seed, n)`` returns independent draws of the prior, unconstrained, (n, D).
    traced
        The log prior and the log likelihood of one point (D,), as a function that JAX can trace; None if there is none.
    """

    log_prior: LogDensity
    log_likelihood: LogDensity
    sample: Callable[[int, int], Array]
    traced: Callable[[Any], tuple[Any, Any]] | None = None

    def __post_init__(self) -> None:
        """Have the shapes of the values checked."""
        for name in ("log_prior", "log_likelihood"):
            object.__setattr__(self, name, _one_number_a_point(name, getattr(self, name)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """A density on R^D whose integral is wanted.

    Parameters
    ----------
    dimension
        The dimension D.
    log_density
        log p(y, theta) + log |d theta / d x| of points (M, D), in nats, (M,). It may be -inf, and may not be nan where
        there are posterior draws.
    gradient, hessian
        Of the log density at one point (D,); None if they are not known. Laplace's method needs them.
    start
        A point (D,) with a finite log density.
    prior
        The prior and the likelihood; None if the density is not known as their product.
    without_prior
        Why ``prior`` is None, as the end of a sentence.
    unconstrain
        A function from draws of the model's variables, as ``bayes.io.draws`` reads them, to unconstrained points
        (chain, draw, D); None if draws are given as these points.
    notes
        Sentences on what the density has beside prior and likelihood.
    """

    dimension: int
    log_density: LogDensity
    gradient: Callable[[Array], Array] | None = None
    hessian: Callable[[Array], Array] | None = None
    start: Array | None = None
    prior: Prior | None = None
    without_prior: str = "the target is a log density alone"
    unconstrain: Callable[[Any], Array] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError if the dimension is not a positive whole number."""
        if not isinstance(self.dimension, int | np.integer) or self.dimension < 1:
            raise ValueError(f"`dimension` must be a whole number, 1 or more, got {self.dimension!r}.")
        object.__setattr__(self, "log_density", _one_number_a_point("log_density", self.log_density))

    def points(self, draws: Any) -> Array:
        """Return posterior ``draws`` as unconstrained points (chain, draw, D).

        Raises ValueError if they have another shape, are not finite, or lack a variable.
        """
        if self.unconstrain is None and (isinstance(draws, Mapping) or hasattr(draws, "children")):
            raise ValueError(
                f"`draws` must be unconstrained points (chain, draw, {self.dimension}), an array, got "
                f"{type(draws).__name__}; a Target without `unconstrain` knows no names of variables."
            )
        x = np.asarray(draws, dtype=float) if self.unconstrain is None else self.unconstrain(draws)
        if x.ndim != 3 or x.shape[2] != self.dimension:
            raise ValueError(f"`draws` must have the shape (chain, draw, {self.dimension}), got {x.shape}.")
        if not np.isfinite(x).all():
            raise ValueError(
                "`draws` must be finite on the unconstrained space, and are not: some are on its boundary."
            )
        return x

    def required_prior(self, method: str) -> Prior:
        """Return the prior; raise ValueError, with the reason, if a ``method`` that needs it has none."""
        if self.prior is None:
            raise ValueError(
                f"`method` {method!r} needs a normalised prior, and {self.without_prior}; use method='bridge'."
            )
        return self.prior


def _one_number_a_point(name: str, function: LogDensity) -> LogDensity:
    """Return the ``function`` with its values checked: (M,) of points (M, D)."""

    def checked(x: Array) -> Array:
        values = np.asarray(function(x))
        if values.shape != (len(x),):
            raise ValueError(
                f"`{name}` must return one number a point, shape ({len(x)},), got {values.shape}; sum over the last "
                "axis of the points, `axis=1`."
            )
        return values

    return checked
