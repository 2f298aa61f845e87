"""The registry: every model that is known exactly and written as a program, by its name.

Adding a model is one file in ``bayes/exact``, one of the same name in ``bayes/programs``, and its name here.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.exact.distribution import Distribution, elements

NAMES = (
    "normal_normal",
    "normal_variance",
    "normal_inverse_gamma",
    "beta_binomial",
    "gamma_poisson",
    "gamma_exponential",
    "dirichlet_multinomial",
    "multivariate_normal",
    "linear_regression",
    "hierarchical_normal",
)


@dataclass(frozen=True)
class Model:
    """A model of the registry: its example, and where its closed form and its program are."""

    name: str
    exact: Any
    """The exact model with the hyperparameters of the example."""
    y: NDArray[Any]
    """The data of the example."""
    source: str
    """Where the data are from."""
    documentation: str
    """The docstring of the file: the model, its notation, its references."""
    formulas: dict[str, str]
    """What is known, in LaTeX, by what it is called: the model, the posterior, the predictive, the evidence."""

    @property
    def title(self) -> str:
        """What the model is, in a line without its full stop."""
        return self.documentation.partition("\n")[0].rstrip(".")

    @property
    def equations(self) -> str:
        """The model as its file states it."""
        block = re.search(r"\n\n((?:    .*\n)+)", self.documentation)
        assert block, f"bayes/exact/{self.name}.py opens with a line, and then its model, indented"
        return block[1].rstrip()

    @property
    def references(self) -> str:
        """Textbooks and papers, with equation numbers, in one line."""
        return " ".join(self.documentation.partition("----------\n")[2].split())

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """The exact posterior of every scalar parameter of the example, worked out once."""
        return scalars(self.exact, self.y)

    def program(self, exact: Any = None, y: Any = None) -> Any:
        """Return the PyMC program, of the example unless a model or data are given; this imports PyMC."""
        module = import_module(f"bayes.programs.{self.name}")
        return module.program(self.exact if exact is None else exact, self.y if y is None else y)


def model(name: str) -> Model:
    """Return the model of that name; ValueError, naming those there are, if there is none."""
    if name not in NAMES:
        raise ValueError(f"`model` must be one of {', '.join(NAMES)}, got {name!r}.")
    module = import_module(f"bayes.exact.{name}")
    return Model(
        name, module.EXAMPLE, np.array(module.EXAMPLE_Y), module.EXAMPLE_SOURCE, module.__doc__ or "", module.FORMULAS
    )


def one_step_log_predictives(exact: Any, y: NDArray[Any]) -> NDArray[np.float64]:
    """Return log p(y_i | y_1..i-1) of every observation, in nats: by the chain rule they sum to the log evidence."""

    def log_density(i: int) -> float:
        predictive = exact.predictive(y[:i])
        return float((predictive.logpmf if hasattr(predictive, "logpmf") else predictive.logpdf)(y[i]))

    return np.array([log_density(i) for i in range(len(y))])


def scalars(exact: Any, y: Any) -> dict[str, Distribution]:
    """Return the marginal of every scalar parameter: those of a vector ``p`` are ``p[0]``, ``p[1]``, ..."""
    found: dict[str, Distribution] = {}
    for name, marginal in exact.marginals(y).items():
        found |= elements(name, marginal)
    return found
