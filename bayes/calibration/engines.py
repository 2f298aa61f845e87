"""NUTS on simulated data sets, compiled once a model: by JAX many data sets at a time, or one after another."""

from collections.abc import Iterator, Sequence

from bayes.calibration.outcomes import Outcome, Sampler
from bayes.calibration.simulation import Simulation

JAX_ENGINES = ("numpyro", "blackjax", "hmc")
"""Engines of ``vectorised_outcomes``."""
COMPILED_ENGINES = ("nutpie", "pymc")
"""Engines of ``compiled_sampler``."""


def vectorised_outcomes(
    simulation: Simulation, engine: str, *, seed: int, indices: Sequence[int], draws: int, tune: int
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of the data sets ``indices``, some at a time.

    Raises ValueError if the model has no program, or if ``engine`` is not one of ``JAX_ENGINES``.
    """
    raise NotImplementedError


def compiled_sampler(engine: str, draws: int, tune: int) -> Sampler:
    """Return a picklable ``sample(model, y, seed)`` that compiles once a model and process.

    Raises ValueError if ``engine`` is not one of ``COMPILED_ENGINES``.
    """
    raise NotImplementedError
