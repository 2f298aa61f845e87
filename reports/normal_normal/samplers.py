"""The draws of the samplers for the page: functions of plain values, which any process can call."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes.exact.normal_normal import NormalNormal

if TYPE_CHECKING:
    import xarray as xr


def nuts(model: NormalNormal, y: tuple[float, ...], engine: str, seed: int, draws: int, chains: int) -> "xr.DataTree":
    """Return posterior draws by ``engine``, each with a draw of a new observation."""
    from bayes.programs.normal_normal import program  # here: the process that makes the tasks needs no PyMC
    from reports.shared import sampling

    return sampling.nuts(program(model, y), program(model, y[:1]), engine=engine, seed=seed, draws=draws, chains=chains)


def log_evidence(
    model: NormalNormal, y: tuple[float, ...], label: str, seed: int, draws: int, runs: int
) -> NDArray[np.float64] | str:
    """Return the log evidence by each run of SMC, or the reason why there is none."""
    from bayes.programs.normal_normal import program
    from reports.shared import sampling

    return sampling.log_evidence(program(model, y), label, seed=seed, draws=draws, runs=runs)
