"""The example of a family: its equations, references and example data."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any


@dataclass(frozen=True, kw_only=True)
class DataSet[M]:
    """Observations, and the model with hyperparameters that suit them."""

    model: M
    y: tuple[Any, ...]
    """Shape (n,), or (n, K) as a tuple of tuples."""
    source: str
    """Where the observations come from, in a phrase."""


@dataclass(frozen=True, kw_only=True)
class Example[M]:
    """The object ``EXAMPLE`` of a family.

    Parameters
    ----------
    title
        The name of the model, in a line without a full stop.
    equations
        The model in plain text, one equation in each line, with the names of its symbols in the code.
    references
        Textbooks and papers, with the numbers of equations and sections.
    formulas
        Name -> formula in LaTeX: at least the model, the posterior, the predictive and the evidence.
    data
        Data sets by name. ``"example"`` is well known. In ``"prior"`` the prior weighs about as much as the data, and
        no hyperparameter has a value that could hide a mistake, such as 0, 1 or the value of another hyperparameter. A
        sampler with a wrong prior cannot pass on it.

    Examples
    --------
    >>> from bayes.exact.beta_binomial import EXAMPLE
    >>> EXAMPLE.title
    'Probability of success: the beta-binomial model'
    >>> EXAMPLE.model, EXAMPLE.y
    (BetaBinomial(trials=980, successes=1.0, failures=1.0), (437,))
    """

    title: str
    equations: str
    references: str
    formulas: Mapping[str, str]
    data: Mapping[str, DataSet[M]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "equations", cleandoc(self.equations))
        object.__setattr__(self, "references", " ".join(self.references.split()))

    @property
    def model(self) -> M:
        """The model of the data set ``"example"``."""
        return self.data["example"].model

    @property
    def y(self) -> tuple[Any, ...]:
        """The observations of the data set ``"example"``."""
        return self.data["example"].y
