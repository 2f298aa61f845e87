"""The interface of the distributions that exact models return and checks take: that of frozen scipy.stats objects."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np


class Distribution(Protocol):
    """A univariate distribution. Its parameters may be arrays, and then every result is an array.

    Frozen ``scipy.stats`` distributions have these methods. A distribution that SciPy lacks is a small class with them.
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
    """A univariate distribution on whole numbers, such as a frozen discrete ``scipy.stats`` distribution."""

    def mean(self) -> Any: ...
    def std(self) -> Any: ...
    def var(self) -> Any: ...
    def pmf(self, k: Any, /) -> Any: ...
    def logpmf(self, k: Any, /) -> Any: ...
    def cdf(self, k: Any, /) -> Any: ...
    def ppf(self, q: Any, /) -> Any: ...
    def rvs(self, size: Any = None, random_state: Any = None) -> Any: ...


def validate_distribution(name: str, distribution: Distribution) -> None:
    """Raise ValueError unless ``distribution`` is continuous, and univariate or array-valued."""
    if hasattr(distribution, "pmf"):
        raise ValueError(f"`marginals[{name!r}]` is discrete; only continuous marginals can be compared.")
    quantiles = np.asarray([distribution.ppf(q) for q in (0.05, 0.5, 0.95)] if hasattr(distribution, "ppf") else None)
    if quantiles.dtype == object or len(quantiles) != 3 or not np.all(np.diff(quantiles, axis=0) > 0):
        raise ValueError(
            f"`marginals[{name!r}]` must be a frozen univariate scipy.stats distribution, got {distribution!r} with 5, "
            f"50 and 95 % quantiles {quantiles}."
        )


type Element = tuple[str, tuple[int, ...]]
"""A scalar parameter: the name of its variable and its index there. The index of a scalar variable is ()."""


def element_name(element: Element, labels: tuple[tuple[str, ...], ...] = ()) -> str:
    """Return the name of an element as it is printed. If an axis has ``labels``, they take the place of its indices.

    Examples
    --------
    >>> element_name(("mu", ())), element_name(("theta", (1,)))
    ('mu', 'theta[1]')
    >>> element_name(("theta", (1,)), labels=(("Choate", "Deerfield"),))
    'theta[Deerfield]'
    """
    name, index = element
    places = [axis[i] for axis, i in zip(labels, index, strict=True)] if labels else map(str, index)
    return f"{name}[{','.join(places)}]" if index else name


def parsed_element(name: str, variables: Collection[str] = ()) -> Element:
    """Return the element that a name means. ``theta[2]`` is the third of ``theta``, unless a variable has this name.

    Examples
    --------
    >>> parsed_element("theta[2]"), parsed_element("theta[2]", ["theta[2]"])
    (('theta', (2,)), ('theta[2]', ()))
    """
    indexed = re.fullmatch(r"(.+)\[(\d+(?:,\d+)*)\]", name)
    if name in variables or not indexed:
        return name, ()
    return indexed[1], tuple(map(int, indexed[2].split(",")))


def scalar_distributions(
    marginals: Mapping[str, Distribution], variables: Collection[str] = ()
) -> dict[Element, Distribution]:
    """Return the distribution of every element of the ``marginals``, which may be array-valued.

    An array-valued marginal is a frozen ``scipy.stats`` distribution with vectors as parameters. A name such as
    ``theta[2]`` means an element, unless it is in ``variables``.
    """
    scalars: dict[Element, Distribution] = {}
    for printed, distribution in marginals.items():
        name, index = parsed_element(printed, variables)
        shape = np.shape(distribution.mean())
        if shape and not hasattr(distribution, "dist"):
            raise ValueError(
                f"`marginals[{name!r}]` is array-valued, which a frozen scipy.stats distribution alone may be, got "
                f"{type(distribution).__name__}; give one marginal an element: {name}[0], {name}[1], ..."
            )
        for place in np.ndindex(*shape):
            scalars[name, index + place] = _part(distribution, shape, place) if shape else distribution
    return scalars


def elements(name: str, distribution: Distribution) -> dict[str, Distribution]:
    """Return the distributions of a variable's elements by their printed names, ``name[0]``, ``name[1]``, ..."""
    return {element_name(element): scalar for element, scalar in scalar_distributions({name: distribution}).items()}


def joint_draws(posterior: Any, names: Collection[str], size: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return ``size`` independent draws of a joint posterior, {variable: (size, ...)}.

    ``posterior`` is what an exact model returns: a distribution of the single variable in ``names``, frozen by
    ``scipy.stats`` or with the same methods, or an object whose ``rvs(size, rng)`` returns a dict.
    """
    draws = posterior.rvs(size, random_state=rng) if hasattr(posterior, "dist") else posterior.rvs(size, rng)
    if isinstance(draws, dict):
        return draws
    (name,) = names
    return {name: draws}


def _part(distribution: Any, shape: tuple[int, ...], place: tuple[int, ...]) -> Distribution:
    """Return the distribution of the element at the index ``place`` of an array-valued distribution."""
    if hasattr(distribution, "element"):
        return distribution.element(place)
    args = [np.broadcast_to(value, shape)[place] for value in distribution.args]
    kwds = {key: np.broadcast_to(value, shape)[place] for key, value in distribution.kwds.items()}
    return distribution.dist(*args, **kwds)
