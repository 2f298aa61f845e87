"""The example of a family: its equations, its references, and data to try it on."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any


@dataclass(frozen=True, kw_only=True)
class DataSet[M]:
    """Observations, and the model with the hyperparameters that go with them."""

    model: M
    y: tuple[Any, ...]
    """Shape (n,), or (n, K) as a tuple of tuples."""
    source: str
    """Where the observations are from, in a phrase."""


@dataclass(frozen=True, kw_only=True)
class Example[M]:
    """The one object ``EXAMPLE`` of every family.

    Parameters
    ----------
    title
        What the model is, in a line without a full stop.
    equations
        The model in plain text, a line each, with the names that the code has for its symbols.
    references
        Textbooks and papers, with the numbers of equations and sections.
    formulas
        Name -> formula in LaTeX: at least the model, the posterior, the predictive and the evidence.
    data
        Data sets by name. ``"example"`` is the one that people know. The prior of ``"prior"`` weighs about as much as
        its data, and no hyperparameter has a value that would hide a mistake, such as 0 or 1 or that of another: a
        sampler that gets the prior wrong cannot pass on it.

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
