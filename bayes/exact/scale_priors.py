"""Priors of a standard deviation, or of another positive number: one value that models, programs and Stan code share.

The families are those that applied work uses (Gelman 2006, "Prior distributions for variance parameters in hierarchical
models"). Their text, such as ``half_t(3, 2.5)``, is how a command line and a table have them.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.exact import validate
from closedform.validation import shown

PARAMETERS: dict[str, tuple[str, ...]] = {
    "half_normal": ("scale",),
    "half_cauchy": ("scale",),
    "half_t": ("df", "scale"),
    "gamma": ("shape", "rate"),
    "inverse_gamma": ("shape", "scale"),
    "uniform": ("upper",),
    "flat": (),
}
"""Family -> its parameters. ``flat`` is the density 1 on all positive numbers, which is improper; ``uniform`` is
1 / upper up to ``upper``. ``gamma`` and ``inverse_gamma`` are priors of the number itself, not of its square."""

FARTHEST = 1e15
"""Largest observation in units of the median of its noise's prior."""


@dataclass(frozen=True)
class ScalePrior:
    """The prior of a positive number x: a ``family`` of ``PARAMETERS``, and its ``numbers`` in the order there.

    Raises
    ------
    ValueError
        If the family is unknown, or it does not have as many positive numbers.

    Examples
    --------
    >>> prior = ScalePrior("half_cauchy", 2.5)
    >>> str(prior), prior == ScalePrior.parsed("half_cauchy(2.5)")
    ('half_cauchy(2.5)', True)
    >>> round(float(prior.logpdf(2.5)), 4)  # log 2 / (pi 2.5 (1 + 1))
    -2.061
    """

    family: str
    numbers: tuple[float, ...]

    def __init__(self, family: str, *numbers: float) -> None:
        if family not in PARAMETERS:
            raise ValueError(
                f"the family of a prior must be one of {', '.join(PARAMETERS)}, got {shown(family)}; write it as "
                "half_normal(2.5)."
            )
        names = PARAMETERS[family]
        if len(numbers) != len(names):
            raise ValueError(f"{family} must have {len(names)} numbers ({', '.join(names)}), got {shown(numbers)}.")
        object.__setattr__(self, "family", family)
        hint = "a prior of no width is a known number: use a small but positive number."
        values = tuple(validate.positive(f"{family}: {name}", x, hint) for name, x in zip(names, numbers, strict=True))
        object.__setattr__(self, "numbers", values)

    @classmethod
    def parsed(cls, text: str) -> "ScalePrior":
        """Return the prior that ``str`` writes as ``text``; raise ValueError, with an example, if there is none."""
        match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", text)
        try:
            numbers = [float(number) for number in (match[2] or "").split(",") if number.strip()] if match else None
        except ValueError:
            numbers = None
        if match is None or numbers is None:
            raise ValueError(f"a prior must be written as half_normal(2.5) or flat, got {shown(text)}.")
        return cls(match[1], *numbers)

    def __str__(self) -> str:
        numbers = ", ".join(f"{x:g}" if float(f"{x:g}") == x else repr(x) for x in self.numbers)
        return f"{self.family}({numbers})" if numbers else self.family

    @property
    def proper(self) -> bool:
        """Whether the density has the integral 1."""
        return self.family != "flat"

    @property
    def upper(self) -> float:
        """The largest x with a positive density."""
        return self.numbers[0] if self.family == "uniform" else inf

    @cached_property
    def distribution(self) -> Any:
        """The frozen ``scipy.stats`` distribution; raise ValueError for ``flat``, which is none."""
        from scipy import stats  # here: `--help` has priors among its hyperparameters, and needs no SciPy

        numbers = self.numbers
        match self.family:
            case "half_normal":
                return stats.halfnorm(scale=numbers[0])
            case "half_cauchy":
                return stats.halfcauchy(scale=numbers[0])
            case "half_t":
                return _HalfT(stats.t(numbers[0], scale=numbers[1]))
            case "gamma":
                return stats.gamma(numbers[0], scale=1 / numbers[1])
            case "inverse_gamma":
                return stats.invgamma(numbers[0], scale=numbers[1])
            case "uniform":
                return stats.uniform(scale=numbers[0])
        raise ValueError("a flat prior is no distribution: it has no draws and no quantiles; use half_normal(SCALE).")

    @property
    def scale(self) -> float:
        """A length of the prior: its median. For ``flat`` it is nan."""
        return float(self.distribution.ppf(0.5)) if self.proper else np.nan

    def require_within_reach(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return observations whose noise has this prior; raise ValueError if they are too far out for float64."""
        if self.proper and len(y) and not np.abs(y).max() <= FARTHEST * self.scale:
            raise ValueError(
                f"`y` must be at most {FARTHEST:g} times the median of the prior of its noise, {self.scale:g}, got "
                f"{float(y[np.argmax(np.abs(y))])!r}; use a wider prior, or other units."
            )
        return y

    def logpdf(self, x: Any) -> NDArray[np.float64]:
        """Return the log density in nats, 0 everywhere if the prior is flat, and -inf where x is not allowed."""
        x = np.asarray(x, dtype=float)
        if not self.proper:
            return np.where(x >= 0, 0.0, -np.inf)
        return self.distribution.logpdf(x)


class _HalfT:
    """Student's t with location 0 on the positive numbers, with the methods of a frozen distribution that are used."""

    def __init__(self, t: Any) -> None:
        self._t = t

    def logpdf(self, x: Any) -> Any:
        return np.where(np.asarray(x) >= 0, np.log(2) + self._t.logpdf(x), -np.inf)

    def cdf(self, x: Any) -> Any:
        return np.where(np.asarray(x) >= 0, 2 * self._t.cdf(x) - 1, 0.0)

    def ppf(self, q: Any) -> Any:
        return self._t.isf((1 - np.asarray(q)) / 2)

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        return abs(self._t.rvs(size=size, random_state=random_state))
