"""Any model of two parameters, from its log likelihood and priors: the posterior by integration over the plane.

Posterior, marginals and evidence are integrals over panels that follow the integrand (``numerics.boxes``), exact to
rounding if the density is smooth and has one peak. Joint draws are independent: the first parameter by its quantiles,
the second by those given the first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.numerics.boxes import DROP, Box
from bayes.exact.numerics.conditionals import SecondGivenFirst, draws
from bayes.exact.projections import STANDARD, Draws, Projections, flip_sign
from closedform.validation import require, shown

FAR = 1e6
"""Scales from the peak at which a posterior must have fallen off: beyond it, it counts as improper."""

type Array = NDArray[np.float64]
type Prior = tuple[float, float] | Distribution


@dataclass(frozen=True, kw_only=True, eq=False)
class TwoParameters:
    """A model of two parameters a and b, and its data of any shape. Logs are in nats.

    Parameters
    ----------
    names
        The names of a and b, which are keys of ``marginals`` and of draws.
    log_likelihood
        A function ``log_likelihood(a, b, y)``, with every constant: log p(y | a, b) for arrays a and b of one shape.
        Where it is -inf or nan, y is impossible. It must be smooth and, with the priors, have one peak.
    priors
        For each parameter a frozen continuous ``scipy.stats`` distribution, whose support are its bounds; or a pair
        ``(low, high)``, which may be infinite: a flat prior, of density 1 between these bounds.
    start
        Values of a and b near the peak, within the bounds.
    scales
        The posterior standard deviations of a and b, about; within a factor of 10 is near enough.

    Raises
    ------
    ValueError
        If names, priors or scales are not as described, the start is not within the bounds or impossible, or if the
        posterior is improper: it does not fall off in some direction, which is looked for in eight of them.

    Notes
    -----
    With a flat prior the evidence is an integral over Lebesgue measure: it has a unit, and is no probability.

    Examples
    --------
    Waiting times with a Weibull distribution, of shape k and scale s:

    >>> from scipy import stats
    >>> def log_likelihood(k, s, y):
    ...     return sum(np.log(k / s) + (k - 1) * np.log(t / s) - (t / s) ** k for t in y)
    >>> model = TwoParameters(
    ...     names=("k", "s"),
    ...     log_likelihood=log_likelihood,
    ...     priors=(stats.gamma(2, scale=1), stats.gamma(2, scale=10)),
    ...     start=(1.0, 10.0),
    ...     scales=(0.3, 3.0),
    ... )
    >>> y = [12.0, 3.5, 22.1, 8.4, 15.0, 9.9]
    >>> marginals = model.marginals(y)
    >>> round(float(marginals["k"].mean()), 6), round(float(marginals["s"].std()), 6)
    (1.946585, 3.799765)
    >>> round(model.log_evidence(y), 6)
    -21.07138
    >>> draws = model.posterior(y).rvs(1000, np.random.default_rng(1))
    >>> draws["k"].shape
    (1000,)
    """

    names: tuple[str, str]
    log_likelihood: Callable[[Any, Any, Any], Any]
    priors: tuple[Prior, Prior]
    start: tuple[float, float]
    scales: tuple[float, float]

    def __post_init__(self) -> None:
        names = tuple(self.names)
        texts = len(names) == 2 and all(isinstance(name, str) and name for name in names)
        require("names", self.names, texts and names[0] != names[1], "two different names")
        hint = "give the posterior standard deviation, about."
        for name in ("start", "scales"):
            require(name, getattr(self, name), np.shape(getattr(self, name)) == (2,), "two numbers")
        for i, scale in enumerate(self.scales):
            validate.positive(f"scales[{i}]", scale, hint)
        for i, (value, (low, high)) in enumerate(zip(self.start, self.bounds, strict=True)):
            inside = low <= validate.finite(f"start[{i}]", value) <= high
            require(f"start[{i}]", value, inside, f"between {low:g} and {high:g}, the bounds of {self.names[i]}")

    @cached_property
    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The smallest and largest value of each parameter; they may be infinite."""
        first, second = (_bounds(f"priors[{i}]", prior) for i, prior in enumerate(self.priors))
        return first, second

    def log_prior(self, a: Any, b: Any) -> Any:
        """Return log p(a, b), in nats."""
        logs = [
            0.0 if isinstance(prior, tuple) else prior.logpdf(x) for prior, x in zip(self.priors, (a, b), strict=True)
        ]
        return logs[0] + logs[1]

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(a, b | y)."""
        values = _data(y)

        def log_joint(a: Array, b: Array) -> Array:
            return np.asarray(self.log_likelihood(a, b, values)) + self.log_prior(a, b)

        peak = log_joint(*np.array(self.start, dtype=float)[:, None])
        if not np.all(np.isfinite(peak)):
            raise ValueError(
                f"`start` must be possible given `y`, got {shown(self.start)}, with the log density {float(peak[0])}; "
                f"give values of {self.names[0]} and {self.names[1]} near the peak."
            )
        self._require_proper(log_joint)
        return Joint(self, values, log_joint)

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginal posterior of each parameter, by its name."""
        box = self.posterior(y).box
        return {name: box.marginal(axis) for axis, name in enumerate(self.names)}

    def projections(self, y: ArrayLike) -> Projections:
        """Return the normal score of b given a, with its sign flipped where a is below its median."""
        a, b = self.names
        box = self.posterior(y).box
        median, conditional = float(box.marginal(0).ppf(0.5)), SecondGivenFirst(box)

        def score(draws: Draws) -> Array:
            z = norm.ppf(conditional.cdf(draws[a].ravel(), draws[b].ravel())).reshape(draws[a].shape)
            return flip_sign(z, draws[a], median)

        return {f"z({b} | {a}) by {a}": (score, STANDARD)}

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats. With a flat prior the integral is over Lebesgue measure."""
        return self.posterior(y).log_evidence

    def _require_proper(self, log_joint: Callable[[Array, Array], Array]) -> None:
        directions = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]).T
        places = np.array(self.start)[:, None] + FAR * np.array(self.scales)[:, None] * directions
        low, high = np.array(self.bounds).T[:, :, None]
        inside = np.all((places >= low) & (places <= high), axis=0)
        with np.errstate(all="ignore"):
            values = log_joint(*np.where(inside, places, np.array(self.start)[:, None]))
            peak = log_joint(*np.array(self.start, dtype=float)[:, None])
        flat = inside & (values > peak - DROP)
        if flat.any():
            raise ValueError(
                f"the posterior of `{self.names[0]}` and `{self.names[1]}` does not fall off in the direction "
                f"{tuple(directions[:, flat][:, 0].tolist())}, {FAR:g} `scales` from `start`: it is improper, and has "
                f"no evidence; give proper priors, or larger `scales` if they are far too small."
            )


@dataclass(frozen=True, eq=False)
class Joint:
    """The posterior of both parameters."""

    model: TwoParameters
    y: NDArray[Any]
    log_joint: Callable[[Array, Array], Array]
    """log p(y | a, b) + log p(a, b), in nats."""

    @cached_property
    def box(self) -> Box:
        """The integral of the joint density over both parameters."""
        return Box(self.log_joint, self.model.bounds, self.model.start, self.model.scales)

    @cached_property
    def log_evidence(self) -> float:
        """log p(y), in nats."""
        return self.box.log_integral

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of both parameters, by name, in nats; -inf outside the bounds."""
        values = np.array([float(params[name]) for name in self.model.names])
        low, high = np.array(self.model.bounds).T
        if np.any((values < low) | (values > high)):
            return -inf
        with np.errstate(all="ignore"):
            return float(self.log_joint(*values[:, None])[0]) - self.log_evidence

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws of each parameter, (size,)."""
        return dict(zip(self.model.names, draws(self.box, size, random_state), strict=True))


def _bounds(name: str, prior: Any) -> tuple[float, float]:
    """Return the bounds of a prior, or raise ValueError if it is none."""
    if isinstance(prior, tuple):
        require(name, prior, len(prior) == 2, "a pair (low, high), or a frozen scipy.stats distribution")
        low, high = (float(end) for end in prior)
        require(name, prior, low < high, "a pair (low, high) with low < high, or a frozen scipy.stats distribution")
        return low, high
    if not hasattr(prior, "logpdf") or not hasattr(prior, "support"):
        raise ValueError(
            f"`{name}` must be a frozen continuous scipy.stats distribution, or a pair (low, high) for a flat prior "
            f"between these bounds, got {shown(prior)}."
        )
    low, high = prior.support()
    return float(low), float(high)


def _data(y: ArrayLike) -> NDArray[Any]:
    """Return ``y`` as an array of finite numbers of any shape, or raise ValueError."""
    values = validate.observations(np.ravel(y))
    return values.reshape(np.shape(y))
