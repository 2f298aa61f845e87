"""What is simulated: parameters from the prior, data given them, and what is known of their posterior."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bayes._check import ExactModel, projections
from bayes.calibration.summaries import Quantity, Values
from bayes.exact.distribution import Element, element_name, scalar_distributions
from bayes.registry import Model
from closedform.validation import whole_number

LOG_LIKELIHOOD = "log likelihood"
"""Name of the quantity log p(y | theta), which depends on the data too."""


class Simulation(Protocol):
    """Simulated data sets of one model, numbered 0, 1, 2, ..."""

    @property
    def label(self) -> str:
        """The name of the model in tables."""
        ...

    @property
    def about(self) -> dict[str, Any]:
        """What the results depend on beside the sampler: hyperparameters and sizes, as JSON."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what is not tested, and why."""
        ...

    def data_set(self, seed: int, i: int) -> tuple[dict[str, Any], Any]:
        """Return the true parameters by name and the data of data set ``i``."""
        ...

    def model(self, y: Any) -> Any:
        """Return the model that a sampler gets."""
        ...

    def quantities(self, y: Any) -> dict[str, Quantity]:
        """Return the scalars that are compared. They have the same names for every ``y``."""
        ...

    def log_evidence(self, y: Any) -> float | None:
        """Return the exact log p(y) in nats, or None if it is not known."""
        ...


@dataclass(frozen=True, kw_only=True)
class ExactSimulation:
    """Data sets of a model with an exact posterior, which must have ``simulate(rng, n)`` beside it."""

    label: str
    exact: Any
    observations: int
    entry: Model | None = None
    """The model of the registry, if it is one."""
    notes: tuple[str, ...] = ()

    @property
    def about(self) -> dict[str, Any]:
        return {"model": repr(self.exact), "observations": self.observations}

    def data_set(self, seed: int, i: int) -> tuple[dict[str, Any], Any]:
        return self.exact.simulate(np.random.default_rng([seed, i, 0]), self.observations)

    def model(self, y: Any) -> Any:
        if self.entry is None:
            return self.exact
        return replace(self.entry, y=y, data_set="simulated", source="simulated from the prior")

    def quantities(self, y: Any) -> dict[str, Quantity]:
        found = exact_quantities(self.exact, y)
        if hasattr(self.exact, "log_likelihood"):
            found[LOG_LIKELIHOOD] = Quantity(value=partial(_log_likelihood, self.exact.log_likelihood, y))
        return found

    def log_evidence(self, y: Any) -> float | None:
        return float(self.exact.log_evidence(y))


def exact_quantities(exact: ExactModel, y: Any) -> dict[str, Quantity]:
    """Return every scalar parameter and every projection, with its exact posterior given ``y``."""
    marginals = scalar_distributions(exact.marginals(y))
    found = {
        element_name(element): Quantity(value=partial(_element, element), exact=distribution)
        for element, distribution in marginals.items()
    }
    for name, (function, distribution) in (projections(exact, y) or {}).items():
        found[name] = Quantity(value=function, exact=distribution)
    return found


def exact_simulation(model: Model | ExactModel | Any, observations: int | None = None) -> ExactSimulation:
    """Return the simulation of a model of the registry, or of an exact model with so many ``observations``.

    Raises ValueError if ``model`` cannot be simulated, because it has a flat prior for example, or if the number of
    observations is not known.
    """
    entry = model if isinstance(model, Model) else None
    exact: Any = entry.exact if entry else model
    if not hasattr(exact, "simulate"):
        raise ValueError(
            f"`model` must have `simulate(rng, n)`, which draws parameters from the prior and data given them, got "
            f"{type(exact).__name__}."
        )
    if observations is None:
        if entry is None:
            raise ValueError("`observations` is missing: say how many a data set has, observations=20 for example.")
        observations = len(entry.y)
    whole_number("observations", observations, ", 1 or more", 1)
    exact.simulate(np.random.default_rng(0), observations)  # raises ValueError if the prior is flat
    return ExactSimulation(
        label=entry.label if entry else type(exact).__name__, exact=exact, observations=observations, entry=entry
    )


def _element(element: Element, draws: Values) -> NDArray[Any]:
    name, index = element
    return np.asarray(draws[name])[(..., *index)]


def _log_likelihood(log_likelihood: Callable[[Mapping[str, Any], Any], Any], y: Any, draws: Values) -> NDArray[Any]:
    return log_likelihood(draws, y)
