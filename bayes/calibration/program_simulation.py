"""Data sets of a PyMC model that has no exact posterior."""

from typing import Any

import pymc as pm

from bayes.calibration.summaries import Quantity


class ProgramSimulation:
    """The ``bayes.calibration.simulation.Simulation`` of a PyMC model, of which no exact posterior is known."""

    def __init__(self, program: pm.Model) -> None:
        self.program = program

    @property
    def label(self) -> str:
        raise NotImplementedError

    @property
    def about(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def notes(self) -> tuple[str, ...]:
        raise NotImplementedError

    def data_set(self, seed: int, i: int) -> tuple[dict[str, Any], Any]:
        raise NotImplementedError

    def model(self, y: Any) -> pm.Model:
        raise NotImplementedError

    def quantities(self, y: Any) -> dict[str, Quantity]:
        raise NotImplementedError

    def log_evidence(self, y: Any) -> float | None:
        raise NotImplementedError
