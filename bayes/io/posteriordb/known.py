"""How a posterior of posteriordb is known exactly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bayes.exact.distribution import Element


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A posterior as an exact model: made from posteriordb's data by ``Known.build``."""

    model: Any
    """An exact model of ``bayes.exact``."""
    y: NDArray[Any]
    """The observations."""
    elements: Mapping[str, Element]
    """Every scalar of the Stan program, counted from 1, such as ``beta[1]``, and the element of the model that it is.

    The element is one of ``model.marginals(y)``, or of ``model.further_marginals(y)`` if the model has this method. The
    draws of ``model.posterior(y).rvs`` have it too.
    """
    log_factor: float = 0.0
    """Log of the Stan program's density, with every constant kept, over that of the model: -log 2 if the program has a
    normal where the model has a half-normal. It is added to the log evidence."""
    dropped: float = 0.0
    """Log of what the program leaves out of its target with ``~``, in nats: constants of its normalised densities."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """How the posteriors of one Stan program are known exactly."""

    how: str
    """A phrase for a table: what is integrated, and how."""
    dimension: int
    """Dimension of the integral that is left to quadrature: 0 for a closed form."""
    program_sha256: str
    """SHA-256 of the text of the Stan program that was read, in hexadecimal digits."""
    build: Callable[[Mapping[str, Any]], Built]
    """From posteriordb's data, a dictionary from JSON, to the exact model."""
