"""``load``: a posterior of posteriordb as an exact model, with its data and its reference draws."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes.exact.distribution import Distribution, Element, element_name, scalar_distributions
from bayes.exact.projections import Projections
from bayes.io.draws import Draws
from bayes.io.draws_file import load_draws
from bayes.io.posteriordb.data import require_possible
from bayes.io.posteriordb.folder import Folder
from bayes.io.posteriordb.known import Built, Known
from closedform.validation import shown

FAMILIES = (
    "hierarchical_normal",
    "independent_regression",
    "centred_regression",
    "capture_recapture",
    "rates",
    "graded_response",
    "gaussian_process",
    "grouped_regression",
    "logistic_regression",
    "two_parameters",
    "growth_curve",
)
"""The files with ``KNOWN``, in the order of a table."""

QUANTILES = {"q5": 0.05, "q50": 0.5, "q95": 0.95}
"""Name of a quantile in a summary -> its probability."""

type Program = Literal["as known", "differs", "not in the folder"]


def known_programs() -> dict[str, Known]:
    """Return how the posteriors of each Stan program are known, by the name of the program."""
    return {
        name: known
        for family in FAMILIES
        for name, known in import_module(f"bayes.io.posteriordb.{family}").KNOWN.items()
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """A posterior of posteriordb that is known exactly.

    ``check(draws, posterior, posterior.y)`` holds draws to it, as to any other exact model.
    """

    name: str
    """Its name in posteriordb, ``DATA-PROGRAM``."""
    known: Known
    """How it is known."""
    model: Any
    """The exact model of ``bayes.exact`` that it is."""
    y: NDArray[Any]
    """The observations."""
    data: Mapping[str, Any]
    """The data of posteriordb."""
    program: Program
    """Whether the text of the Stan program in the folder is the one that was read."""
    parameters: tuple[str, ...]
    """The scalars that reference draws have, by Stan's names."""
    reference: Path | None
    """The file of reference draws, if there is one."""
    built: Built

    @cached_property
    def distributions(self) -> dict[str, Distribution]:
        """The exact marginal of every scalar by Stan's name, counted from 1, such as ``beta[1]``."""
        scalars = scalar_distributions(self.model.marginals(self.y))
        if any(element not in scalars for element in self.built.elements.values()):
            scalars |= scalar_distributions(self.model.further_marginals(self.y))
        return {name: scalars[element] for name, element in self.built.elements.items()}

    def summary(self, name: str) -> dict[str, float]:
        """Return the exact mean, sd and quantiles of a scalar by Stan's name."""
        distribution = self.distributions[name]
        moments = {"mean": float(distribution.mean()), "sd": float(distribution.std())}
        return moments | {key: float(distribution.ppf(q)) for key, q in QUANTILES.items()}

    @cached_property
    def evidence(self) -> float:
        """The log evidence in nats: the integral of the program's density, with every constant kept.

        Half-priors have their factor 2 unless the program drops it on purpose; a flat prior has density 1.
        """
        return float(self.model.log_evidence(self.y)) + self.built.log_factor

    @cached_property
    def draws(self) -> Draws | None:
        """The reference draws, if posteriordb has some. Raises ValueError if their file is damaged."""
        return None if self.reference is None else self.read_draws(self.reference)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that draws must have, vectors once."""
        return tuple(dict.fromkeys(stan_element(name)[0] for name in self.parameters))

    def read_draws(self, path: str | PathLike[str], *, trim: bool = False) -> Draws:
        """Return draws from a file in any format of ``bayes.load_draws``. Raises ValueError as that function does."""
        try:
            draws = load_draws(path, self.variables, trim=trim)
        except ValueError as error:
            message = re.sub("; if it has another name there, say --var .*", "; name it as Stan does.", str(error))
            raise ValueError(message) from error
        counted = {
            name: tuple(tuple(str(i + 1) for i in range(size)) for size in values.shape[2:])
            for name, values in draws.posterior.items()
        }
        return replace(draws, labels=counted)

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws of the joint posterior: Stan's name of a scalar -> draws (size,)."""
        samples = self.model.posterior(self.y).rvs(size, random_state)
        if not isinstance(samples, dict):  # of a single parameter
            samples = {next(iter(self.built.elements.values()))[0]: samples}
        return {name: samples[variable][(..., *index)] for name, (variable, index) in self.built.elements.items()}

    # ---- as an exact model: names counted from 0

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginal of every parameter, with indices from 0; ``y`` must be ``posterior.y``."""
        self._require_own(y)
        return {element_name(stan_element(name)): self.distributions[name] for name in self.parameters}

    def log_evidence(self, y: ArrayLike) -> float:
        """Return ``evidence``; ``y`` must be ``posterior.y``."""
        self._require_own(y)
        return self.evidence

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of several parameters with known distributions; ``y`` must be ``posterior.y``."""
        self._require_own(y)
        if not hasattr(self.model, "projections") or not self._covered:
            return {}
        return {
            name: (lambda draws, function=function: function(self._of_model(draws)), distribution)
            for name, (function, distribution) in self.model.projections(self.y).items()
        }

    def _require_own(self, y: ArrayLike) -> None:
        if y is not self.y and not np.array_equal(np.asarray(y), self.y):
            raise ValueError(f"`y` must be that of {self.name}, `posterior.y`; the posterior is known for it alone.")

    @cached_property
    def _covered(self) -> bool:
        """Whether the draws have every element of the model."""
        elements = {self.built.elements[name] for name in self.parameters}
        return elements >= set(scalar_distributions(self.model.marginals(self.y)))

    def _of_model(self, draws: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
        """Return draws of the model's variables from draws of Stan's."""
        places: dict[str, dict[tuple[int, ...], NDArray[Any]]] = {}
        for name in self.parameters:
            variable, index = self.built.elements[name]
            stan_variable, place = stan_element(name)
            places.setdefault(variable, {})[index] = draws[stan_variable][(..., *place)]
        variables = {}
        for variable, parts in places.items():
            shape = tuple(max(axis) + 1 for axis in zip(*parts, strict=True))
            values = np.empty((*next(iter(parts.values())).shape, *shape))
            for index, part in parts.items():
                values[(..., *index)] = part
            variables[variable] = values
        return variables


def load(path: str | PathLike[str], name: str) -> Posterior:
    """Return a posterior of a clone of posteriordb, or of a folder in its layout, as an exact model.

    Parameters
    ----------
    path
        The clone, or its folder ``posterior_database``.
    name
        Name of the posterior, such as ``kidiq-kidscore_momiq``.

    Raises
    ------
    ValueError
        If there is no such posterior, if it is not known exactly, or if a file is missing or damaged; in one line.
    """
    return load_from(Folder(path), name)


def load_from(folder: Folder, name: str) -> Posterior:
    """Return a posterior of an opened folder; raise ValueError as ``load`` does."""
    entry, programs = folder.description(name), known_programs()
    name, program = entry["name"], entry["model_name"]
    if program not in programs:
        raise ValueError(
            f"posterior {name!r} is not known exactly: nothing here integrates the program {program!r}; "
            f"without a name, `python -m bayes posteriordb {folder.root}` lists those that are."
        )
    known, data = programs[program], folder.data(entry["data_name"])
    try:
        require_possible(data)
        built = known.build(data)
    except KeyError as error:
        raise ValueError(f"the data {entry['data_name']!r} of {name} have no {error}; copy them again.") from error
    except (TypeError, IndexError, ValueError, ArithmeticError) as error:
        raise ValueError(f"the data {entry['data_name']!r} of {name} cannot be used: {error}") from error
    sha256 = folder.program_sha256(program)
    status: Program = (
        "not in the folder" if sha256 is None else "as known" if sha256 == known.program_sha256 else "differs"
    )
    reference = entry.get("reference_posterior_name")
    own = _own(built, entry.get("dimensions"), name)
    return Posterior(
        name=name,
        known=known,
        model=built.model,
        y=built.y,
        data=data,
        program=status,
        parameters=own,
        reference=None if reference is None else folder.reference_draws(reference),
        built=built,
    )


def _own(built: Built, dimensions: Any, name: str) -> tuple[str, ...]:
    """Return the scalars that the entry of a posterior lists under ``dimensions``; all of them if it lists none."""
    if dimensions is None:
        return tuple(built.elements)
    counts = Counter(stan_element(scalar)[0] for scalar in built.elements)
    # Generated quantities may be listed too.
    if not isinstance(dimensions, dict) or any(counts.get(key, size) != size for key, size in dimensions.items()):
        raise ValueError(
            f"`dimensions` of {name} must be the numbers of its parameters, among {dict(counts)}, got "
            f"{shown(dimensions)}; copy the entry again."
        )
    own = tuple(scalar for scalar in built.elements if stan_element(scalar)[0] in dimensions)
    return own or tuple(built.elements)


def exact_names(folder: Folder) -> list[str]:
    """Return the names of the posteriors that are known exactly."""
    programs = known_programs()
    return [name for name in folder.names if folder.description(name)["model_name"] in programs]


def stan_element(name: str) -> Element:
    """Return the element that Stan names, counted from 1, with its index counted from 0.

    Examples
    --------
    >>> stan_element("beta[2]"), stan_element("sigma")
    (('beta', (1,)), ('sigma', ()))
    """
    match = re.fullmatch(r"(\w+)\[([\d,]+)\]", name)
    return (match[1], tuple(int(i) - 1 for i in match[2].split(","))) if match else (name, ())
