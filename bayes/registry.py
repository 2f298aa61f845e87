"""The registry: every model that has an exact answer and a program, by its name.

To add a model, write a file in ``bayes/exact`` and one of the same name in ``bayes/programs``, and add its name here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes.exact.distribution import Distribution, element_name, scalar_distributions
from bayes.exact.example import Example
from closedform.extras import require
from closedform.validation import nearest

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
    "independent_regression",
    "logistic_regression",
    "hierarchical_normal",
    "capture_recapture",
    "gaussian_process",
)


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays cannot be compared by ==
class Model:
    """A model of the registry with one of its data sets, its exact answers and its program."""

    name: str
    example: Example[Any]
    """Title, equations, references and formulas of the family."""
    data_set: str
    """The name of the data set, a key of ``example.data``."""
    exact: Any
    """The exact model with the hyperparameters of the data set."""
    y: NDArray[Any]
    """The observations."""
    source: str
    """Where the observations come from."""

    @property
    def label(self) -> str:
        """The name of the model, and in brackets the data set unless it is ``example``: ``beta_binomial (prior)``."""
        return self.name if self.data_set == "example" else f"{self.name} ({self.data_set})"

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the parameters, with vectors named once and without indices."""
        return tuple(dict.fromkeys(name for name, _ in scalar_distributions(self.marginals)))

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """The exact marginal posterior of every scalar parameter, by the name that is printed; computed once."""
        return scalars(self.exact, self.y)

    def with_data(self, y: ArrayLike, *, exact: Any = None, data_set: str = "own") -> "Model":
        """Return the model with your own data, and with your own hyperparameters if ``exact`` is given.

        ``data_set`` is the name of the data in a table. Raises ValueError if the data are impossible under the model.

        Examples
        --------
        >>> from bayes.exact.normal_normal import NormalNormal
        >>> exact = NormalNormal(prior_sd=200.0, noise_sd=7.0)
        >>> mine = models["normal_normal"].with_data([181.0, 169.5], exact=exact)
        >>> mine.label, round(float(mine.marginals["mu"].mean()), 1)
        ('normal_normal (own)', 175.1)
        """
        exact = self.exact if exact is None else exact
        if type(exact) is not type(self.exact):
            raise ValueError(f"`exact` must be a {type(self.exact).__name__}, got a {type(exact).__name__}.")
        exact.log_evidence(y)  # raises ValueError if they are invalid
        y = np.asarray(y)
        if self.y.dtype.kind == "i" and np.all(y == np.round(y)):  # counts from a file are floats
            y = y.astype(np.int64)
        return replace(self, exact=exact, y=y, data_set=data_set, source="your data")

    def program(self, exact: Any = None, y: Any = None) -> Any:
        """Return the PyMC program, by default with the hyperparameters and data of this model. This imports PyMC."""
        require("pymc")
        module = import_module(f"bayes.programs.{self.name}")
        return module.program(self.exact if exact is None else exact, self.y if y is None else y)


def canonical(name: str) -> str:
    """Return a name as the registry has it; ``name`` may have hyphens in place of underscores."""
    return name.replace("-", "_")


def get_model(name: str, data_set: str = "example") -> Model:
    """Return the model with this name and one of its data sets. Hyphens count as underscores.

    Raises ValueError, with the names that exist, if there is no such model or data set.
    """
    key = canonical(name) if isinstance(name, str) else ""
    if key not in NAMES:
        raise ValueError(f"`model` must be one of {', '.join(NAMES)}, got {name!r}{nearest(key, NAMES)}")
    return _model(key, data_set)


@cache
def _model(name: str, data_set: str) -> Model:
    example = import_module(f"bayes.exact.{name}").EXAMPLE
    if data_set not in example.data:
        raise ValueError(f"`data_set` of {name} must be one of {', '.join(example.data)}, got {data_set!r}.")
    data = example.data[data_set]
    y = np.array(data.y)
    y.flags.writeable = False  # every caller gets this array
    return Model(name=name, example=example, data_set=data_set, exact=data.model, y=y, source=data.source)


class Models(Mapping[str, Model]):
    """The registry as a mapping from names to models with their example data. A name may have hyphens.

    Examples
    --------
    >>> models["beta-binomial"].label
    'beta_binomial'
    """

    def __getitem__(self, name: str) -> Model:
        try:
            return get_model(name)
        except ValueError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def __repr__(self) -> str:
        return f"<models {', '.join(NAMES)}>"


models = Models()


def data_sets(name: str) -> tuple[Model, ...]:
    """Return the model with this name, once with each of its data sets; the first data set is ``example``."""
    return tuple(get_model(name, data_set) for data_set in get_model(name).example.data)


def one_step_log_predictives(exact: Any, y: NDArray[Any]) -> NDArray[np.float64]:
    """Return log p(y_i | y_1..i-1) of every observation, in nats. By the chain rule their sum is the log evidence."""

    def log_density(i: int) -> float:
        predictive = exact.predictive(y[:i])
        return float((predictive.logpmf if hasattr(predictive, "logpmf") else predictive.logpdf)(y[i]))

    return np.array([log_density(i) for i in range(len(y))])


def scalars(exact: Any, y: Any) -> dict[str, Distribution]:
    """Return the marginal of every scalar parameter. The elements of a vector ``p`` are ``p[0]``, ``p[1]``, ..."""
    distributions = scalar_distributions(exact.marginals(y))
    return {element_name(element): marginal for element, marginal in distributions.items()}
