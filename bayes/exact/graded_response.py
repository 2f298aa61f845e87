"""Abilities from graded items with known parameters: the graded response model of Samejima.

The posteriors of the people are independent, so each is a one-dimensional integral. Its density is log-concave, and is
tabulated in panels on which it is a polynomial to rounding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_expit
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.numerics.boxes import DROP, ORDER, ROUGH, Tabulated
from closedform.validation import shown

Array = NDArray[np.float64]
PANELS = 12
"""Panels at first. Those in which the density is no polynomial yet are halved."""
_X, _W = legendre.leggauss(ORDER)
_TO_SERIES = _W[:, None] * legendre.legvander(_X, ORDER - 1) * (2 * np.arange(ORDER) + 1) / 2


@dataclass(frozen=True, eq=False, kw_only=True)
class GradedResponse:
    """Grades y_ij of person i for item j, with P(y_ij > k) = 1 / (1 + exp(-d_j (theta_i - g_jk))), k = 1..K_j - 1.

    The abilities are theta_i ~ Normal(0, s^2), independent. Observations ``y`` have shape (n, J), a row a person.
    Grades count from 1, and -1 is a missing one. Logs are in nats. Samejima (1969), "Estimation of latent ability using
    a response pattern of graded scores"; Spiegelhalter et al. (1996), BUGS examples volume 1, "Bones": skeletal age of
    children from X-rays.

    Parameters
    ----------
    discriminations
        d_j, positive, shape (J,), in 1 / unit of theta.
    thresholds
        g_jk in the unit of theta, for each item an increasing sequence of K_j - 1 numbers.
    prior_sd
        s, the standard deviation of the prior of theta.

    Raises
    ------
    ValueError
        If the items do not all have a discrimination and increasing thresholds, or if ``y`` are not rows of grades.

    Examples
    --------
    >>> model = GradedResponse(discriminations=[1.0, 2.0], thresholds=[[0.0], [-1.0, 1.0]], prior_sd=3.0)
    >>> round(model.marginals([[2, 3], [1, -1]])["theta[0]"].mean(), 4)
    3.1223
    """

    discriminations: Array
    thresholds: tuple[Array, ...]
    prior_sd: float

    def __init__(self, *, discriminations: ArrayLike, thresholds: Any, prior_sd: float) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("discriminations", validate.positive_vector("discriminations", discriminations))
        items = tuple(validate.vector(f"thresholds[{j}]", item) for j, item in enumerate(thresholds))
        if len(items) != len(self.discriminations):
            raise ValueError(
                f"`thresholds` must have a sequence for each of {len(self.discriminations)} items, got {len(items)}."
            )
        for j, item in enumerate(items):
            if np.any(np.diff(item) <= 0):
                raise ValueError(f"`thresholds[{j}]` must increase, got {shown(item.tolist())}; sort the grades.")
        set_field("thresholds", items)
        known_hint = "a prior without width is a known ability: use a small but positive sd."
        set_field("prior_sd", validate.positive("prior_sd", prior_sd, known_hint))

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(theta | y)."""
        return Joint(tuple(marginal for _, marginal in self._abilities(y)))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``theta[0]``, ``theta[1]``, ..."""
        return {f"theta[{i}]": marginal for i, (_, marginal) in enumerate(self._abilities(y))}

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        return float(sum(log_integral for log_integral, _ in self._abilities(y)))

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> Array:
        """Return log p(y | theta) in nats; ``theta`` has shape (..., n), and the result the shape in front of n."""
        theta = np.asarray(params["theta"], dtype=float)
        return np.sum([self.of_person(theta[..., i], grades) for i, grades in enumerate(self._grades(y))], axis=0)

    def of_person(self, theta: ArrayLike, grades: NDArray[np.int64]) -> Any:
        """Return log p(grades | theta) of one person's ``grades`` (J,), for abilities of any shape."""
        theta = np.asarray(theta, dtype=float)
        total = np.zeros(theta.shape)
        for d, g, grade in zip(self.discriminations, self.thresholds, grades.tolist(), strict=True):
            if grade == -1:
                continue
            above = d * (theta - g[grade - 2]) if grade > 1 else np.inf  # of the threshold below the grade
            below = d * (theta - g[grade - 1]) if grade <= len(g) else -np.inf
            # P(k) = Q_(k-1) - Q_k = expit(above) - expit(below) = expit(above) expit(-below) (1 - exp(below - above))
            total += log_expit(above) + log_expit(-below) + np.log(-np.expm1(below - above))
        return total

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Array], NDArray[np.int64]]:
        """Draw the abilities of ``n`` people and their grades, none missing; return ``({"theta": theta}, y)``."""
        n = validate.number_of_observations(n)
        theta = rng.normal(0, self.prior_sd, size=n)
        y = np.ones((n, len(self.thresholds)), dtype=np.int64)
        for j, (d, g) in enumerate(zip(self.discriminations, self.thresholds, strict=True)):
            # the grade is 1 plus the number of thresholds below theta + noise / d
            y[:, j] += np.searchsorted(g, theta + rng.logistic(size=n) / d)
        return {"theta": theta}, y

    def _abilities(self, y: ArrayLike) -> list[tuple[float, Tabulated]]:
        """Return the log evidence and the posterior of each person."""
        return [self._ability(grades) for grades in self._grades(y)]

    def _ability(self, grades: NDArray[np.int64]) -> tuple[float, Tabulated]:
        def log_density(theta: Any) -> Any:
            return norm.logpdf(theta, 0, self.prior_sd) + self.of_person(theta, grades)

        unit = self.prior_sd
        mode = float(minimize_scalar(lambda t: -log_density(unit * t), bracket=(-1.0, 1.0)).x) * unit
        peak = float(log_density(mode))
        # The log density falls at least as fast as that of the prior: by x^2 / (2 s^2) at the distance x from the mode.
        far = 1.01 * np.sqrt(2 * DROP) * unit
        low, high = (
            brentq(lambda t: float(log_density(t)) - peak + DROP, *sorted((mode, mode + side * far)))
            for side in (-1, 1)
        )
        return _tabulated(log_density, np.linspace(low, high, PANELS + 1))

    def _grades(self, y: ArrayLike) -> NDArray[np.int64]:
        values = validate.rows(y, len(self.thresholds))
        grades = np.array([len(item) + 1 for item in self.thresholds])
        wrong = np.argwhere((values != -1) & ~(np.isin(values, np.arange(1, grades.max() + 1)) & (values <= grades)))
        if wrong.size:
            i, j = wrong[0].tolist()
            raise ValueError(
                f"`y` must have grades from 1 to that of the item, or -1 where one is missing, got y[{i}, {j}] = "
                f"{values[i, j]:g} of {grades[j]} grades."
            )
        return values.astype(np.int64)


@dataclass(frozen=True)
class Joint:
    """The independent posteriors of the abilities of n people."""

    abilities: tuple[Tabulated, ...]

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``theta`` (n,), in nats."""
        theta = np.asarray(params["theta"], dtype=float)
        return float(sum(ability.logpdf(x) for ability, x in zip(self.abilities, theta, strict=True)))

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws of ``theta``, (size, n)."""
        return {"theta": np.stack([ability.rvs(size, random_state) for ability in self.abilities], axis=1)}


def _tabulated(log_density: Callable[[Any], Any], edges: Array) -> tuple[float, Tabulated]:
    """Return the log integral, and the distribution, of exp(``log_density``) between the first and the last edge."""
    while True:
        half = np.diff(edges) / 2
        log_f = log_density((edges[:-1] + half)[:, None] + half[:, None] * _X)
        peak = log_f.max()
        f = np.exp(log_f - peak)
        total = float(np.sum(f @ _W * half))
        rough = np.max(abs((f @ _TO_SERIES)[:, -2:]), axis=1) * half > ROUGH * total
        if not rough.any():
            break
        edges = np.unique(np.concatenate([edges, (edges[:-1] + half)[rough]]))
    log_integral = float(peak + np.log(total))
    return log_integral, Tabulated(edges, f, lambda theta: log_density(theta) - log_integral)
