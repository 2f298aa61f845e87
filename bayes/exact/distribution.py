"""The interface of distributions, which closed forms return and checks take: that of a frozen scipy.stats one."""

from typing import Any, Protocol

import numpy as np


class Distribution(Protocol):
    """A univariate distribution; parameters may be arrays, and then every answer is one.

    Frozen ``scipy.stats`` distributions have these methods; a distribution scipy lacks is a small class with the same.
    """

    def mean(self) -> Any: ...
    def std(self) -> Any: ...
    def var(self) -> Any: ...
    def pdf(self, x: Any, /) -> Any: ...
    def logpdf(self, x: Any, /) -> Any: ...
    def cdf(self, x: Any, /) -> Any: ...
    def ppf(self, q: Any, /) -> Any: ...
    def rvs(self, size: Any = None, random_state: Any = None) -> Any: ...


class Discrete(Protocol):
    """A univariate distribution on whole numbers, as a frozen discrete ``scipy.stats`` distribution."""

    def mean(self) -> Any: ...
    def std(self) -> Any: ...
    def var(self) -> Any: ...
    def pmf(self, k: Any, /) -> Any: ...
    def logpmf(self, k: Any, /) -> Any: ...
    def cdf(self, k: Any, /) -> Any: ...
    def ppf(self, q: Any, /) -> Any: ...
    def rvs(self, size: Any = None, random_state: Any = None) -> Any: ...


def elements(name: str, distribution: Any) -> dict[str, Distribution]:
    """Return the scalar distributions of a variable: itself, or ``name[0]``, ``name[1]``, ... if it is array-valued.

    An array-valued one is a frozen ``scipy.stats`` distribution whose parameters are vectors.
    """
    shape = np.shape(distribution.mean())
    if shape == ():
        return {name: distribution}
    if not hasattr(distribution, "dist"):
        raise ValueError(
            f"`marginals[{name!r}]` is array-valued, which a frozen scipy.stats distribution alone may be, got "
            f"{type(distribution).__name__}; give one marginal an element: {name}[0], {name}[1], ..."
        )

    def element(place: tuple[int, ...]) -> Distribution:
        if hasattr(distribution, "element"):
            return distribution.element(place)
        args = [np.broadcast_to(value, shape)[place] for value in distribution.args]
        kwds = {key: np.broadcast_to(value, shape)[place] for key, value in distribution.kwds.items()}
        return distribution.dist(*args, **kwds)

    return {f"{name}[{','.join(map(str, place))}]": element(place) for place in np.ndindex(*shape)}
