"""Data sets of a PyMC model of which no exact posterior is known."""

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pymc as pm
from numpy.typing import NDArray
from pymc.distributions.continuous import FlatRV, HalfFlatRV
from pymc.model.transform.conditioning import remove_value_transforms
from pymc.pytensorf import compile as compile_function
from pymc.pytensorf import find_rng_nodes, reseed_rngs
from pymc.variational.minibatch_rv import MinibatchRandomVariable

from bayes.calibration.simulation import LOG_LIKELIHOOD
from bayes.calibration.summaries import Quantity, Values
from bayes.exact.distribution import Element, element_name
from bayes.sampling.swapped_data import SwappedData, with_shared_data, with_symbolic_data
from closedform.reasons import one_line

type Point = dict[str, NDArray[Any]]

NOTE = (
    "the model has no exact posterior: only the ranks of the true values are tested, and they see a wrong location or "
    "scale on far more data sets than a comparison with the exact posterior does."
)
TRIES = 20
"""Draws from the prior; an element that is the same in all of them is a constant, and is not compared."""


@dataclass(frozen=True, eq=False)
class ProgramSimulation:
    """Data sets of a PyMC model: parameters from its prior, and data in the shapes of its observed variables.

    The quantities are the elements of the free variables and the deterministics, and the log likelihood.

    Raises
    ------
    ValueError
        If nothing is observed, if data are missing, if a prior is improper, if there is a potential (its density is not
        in the draws from the prior), a discrete free variable (NUTS cannot sample it) or a ``total_size``, or if the
        model cannot draw.
    """

    program: pm.Model

    def __post_init__(self) -> None:
        _require_generative(self.program)
        try:
            self._draw([0])
        except NotImplementedError as error:
            raise ValueError(
                f"`model` cannot draw from its prior ({one_line(error)}); give each `CustomDist` a `dist` or `random`."
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.program,)  # what is compiled is compiled again

    @property
    def label(self) -> str:
        return self.program.name or "model"

    @property
    def about(self) -> dict[str, Any]:
        first = hashlib.sha256(b"".join(value.tobytes() for value in self._draw([0]).values()))
        return {"model": self.program.str_repr(), "first_draws": first.hexdigest()[:16]}

    @property
    def notes(self) -> tuple[str, ...]:
        return (NOTE,)

    def data_set(self, seed: int, i: int) -> tuple[dict[str, Any], Any]:
        """Return the true values of the variables, and the data: an array, or by name if several are observed."""
        values = self._draw([seed, i])
        data = {name: values[name] for name in self._conditioned.names}
        return {name: values[name] for name in self._variables}, data if len(data) > 1 else next(iter(data.values()))

    def model(self, y: Any) -> pm.Model:
        """Return the model with the data ``y``: always the same object, which holds the data of the last call."""
        conditioned = self._conditioned
        for variable, value in zip(conditioned.inputs, conditioned.data(y), strict=True):
            variable.set_value(value)
        return conditioned.model

    def quantities(self, y: Any) -> dict[str, Quantity]:
        found = {element_name(element): Quantity(value=partial(_element, element)) for element in self._elements}
        function, names, swapped = self._log_likelihood
        log_likelihood = partial(_over_draws, function, names, swapped.data(y))
        return found | {LOG_LIKELIHOOD: Quantity(value=log_likelihood)}

    def log_evidence(self, y: Any) -> float | None:  # noqa: ARG002
        return None

    def _draw(self, seed: list[int]) -> Point:
        function, rngs, names = self._joint
        reseed_rngs(rngs, seed)  # type: ignore[arg-type]
        return dict(zip(names, map(np.asarray, function()), strict=True))

    @cached_property
    def _joint(self) -> tuple[Callable[[], list[Any]], list[Any], tuple[str, ...]]:
        """A compiled draw of all variables, its random generators, and the names."""
        variables = [*self.program.free_RVs, *self.program.deterministics, *self.program.observed_RVs]
        with warnings.catch_warnings():  # of a distribution that draws by a Python function, which works
            warnings.filterwarnings("ignore", message="Numba will use object mode", category=UserWarning)
            function = compile_function([], variables)
        return function, find_rng_nodes(variables), tuple(variable.name for variable in variables)

    @cached_property
    def _conditioned(self) -> SwappedData:
        return with_shared_data(self.program)

    @cached_property
    def _elements(self) -> tuple[Element, ...]:
        draws = [self._draw([2**32 - 1, k]) for k in range(TRIES)]
        names = [variable.name for variable in [*self.program.free_RVs, *self.program.deterministics]]
        return tuple(
            (name, index)
            for name in names
            for index in np.ndindex(draws[0][name].shape)
            if len({float(draw[name][index]) for draw in draws}) > 1
        )

    @cached_property
    def _variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _ in self._elements))

    @cached_property
    def _log_likelihood(self) -> tuple[Callable[..., Any], tuple[str, ...], SwappedData]:
        """A compiled log p(y | theta) of the free variables and the data, the names of the former, and the data."""
        swapped = with_symbolic_data(remove_value_transforms(self.program))
        model = swapped.model
        log_density = model.logp(vars=model.observed_RVs, jacobian=False)
        function = compile_function([*model.value_vars, *swapped.inputs], log_density, on_unused_input="ignore")
        return function, tuple(model.values_to_rvs[value].name for value in model.value_vars), swapped


def _require_generative(model: Any) -> None:
    """Raise ValueError, in one line, if ``model`` cannot be simulated or sampled by NUTS."""
    if not isinstance(model, pm.Model):
        raise ValueError(f"`model` must be a PyMC model, got {type(model).__name__}.")
    if not model.observed_RVs:
        raise ValueError("`model` has no observed variables, so there is nothing to simulate; condition one on data.")
    observed = [rv.name.removesuffix("_observed") for rv in model.observed_RVs if rv.name.endswith("_observed")]
    missing = [name for name in observed if f"{name}_unobserved" in model.named_vars]  # PyMC's names of the two parts
    if missing:
        raise ValueError(
            f"`model` has missing data in {missing[0]}; give it complete data, whose values do not matter."
        )
    flat = [rv.name for rv in model.free_RVs if isinstance(rv.owner.op, FlatRV | HalfFlatRV)]
    if flat:
        raise ValueError(f"`model` has an improper prior of {flat[0]}, which cannot be drawn; give it a proper one.")
    if model.potentials:
        raise ValueError(
            f"`model` has the potential {model.potentials[0].name}, which draws from its prior leave out; write it as "
            "a distribution."
        )
    if scaled := [rv.name for rv in model.observed_RVs if isinstance(rv.owner.op, MinibatchRandomVariable)]:
        raise ValueError(
            f"`model` has {scaled[0]} with a `total_size`, whose likelihood is not that of the data; leave it out."
        )
    if LOG_LIKELIHOOD in model.named_vars:
        raise ValueError(f"`model` has a variable {LOG_LIKELIHOOD!r}, the name of a quantity here; rename it.")
    if model.discrete_value_vars:
        raise ValueError(
            f"`model` has the discrete variable {model.discrete_value_vars[0].name}, which NUTS cannot sample; sum "
            "over it."
        )


def _element(element: Element, draws: Values) -> NDArray[Any]:
    name, index = element
    return np.asarray(draws[name])[(..., *index)]


def _over_draws(
    log_likelihood: Callable[..., Any], names: tuple[str, ...], data: tuple[NDArray[Any], ...], draws: Values
) -> NDArray[np.float64]:
    """Return the log likelihood of each draw, (chain, draw)."""
    columns = [np.asarray(draws[name]) for name in names]
    shape = columns[0].shape[:2]
    values = [float(log_likelihood(*(column[place] for column in columns), *data)) for place in np.ndindex(shape)]
    return np.reshape(values, shape)
