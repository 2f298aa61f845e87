"""The options of the page, and the validated model and data that they name."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from bayes.exact import validate
from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.io.observations import read_observations
from reports.shared.options import Common


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Mean of a normal with known noise, for the example or your own data: exact answers, point estimates, samplers."""

    data: Path | None = None
    """CSV file with your observations: one column, or one number a line. If left out: the 14 points of the example."""
    prior_mean: float = EXAMPLE.model.prior_mean
    """Prior mean of mu, in the units of the data."""
    prior_sd: float = EXAMPLE.model.prior_sd
    """Prior standard deviation of mu, in the units of the data; the default is the square root of 5."""
    other_prior_sd: float = math.sqrt(0.1)
    """Prior standard deviation of the second prior, for comparison; the default is the square root of 0.1."""
    noise_sd: float = EXAMPLE.model.noise_sd
    """Known standard deviation of an observation around mu, in the units of the data."""
    draws: int | None = None
    """NUTS draws in each chain after warm-up, and particles in each SMC run. If left out: 1000, or 2000 with --full."""
    chains: int = 4
    """Number of NUTS chains."""
    engine: Annotated[tuple[Literal["nutpie", "pymc", "numpyro", "blackjax"], ...], tyro.conf.UseAppendAction] = ()
    """NUTS implementation; repeat the option to compare several with the exact answer. If left out: nutpie."""

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the engines to run, each once."""
        return tuple(dict.fromkeys(self.engine)) or ("nutpie",)

    @property
    def draws_a_chain(self) -> int:
        """Return the number of draws in a chain, and of particles in a run of SMC."""
        return self.draws if self.draws is not None else 2000 if self.full else 1000

    @property
    def smc_runs(self) -> int:
        """Return the number of SMC runs for each prior."""
        return 16 if self.full else 8


@dataclass(frozen=True)
class Problem:
    """The subject of the page: the model, the model with the other prior, and the data."""

    model: NormalNormal
    other: NormalNormal
    y: NDArray[np.float64]
    source: str

    @property
    def priors(self) -> dict[str, NormalNormal]:
        """Return the two models by the names of their priors on the page."""
        first, second = (f"prior variance {model.prior_sd**2:.6g}" for model in (self.model, self.other))
        return {first: self.model, second if second != first else f"{second} (second)": self.other}


def read(options: Options) -> Problem:
    """Read and validate everything that the options name; raise ValueError, in one line, if an option is wrong."""
    for name, value, smallest, largest in [
        ("draws", options.draws_a_chain, 100, 10**6),
        ("chains", options.chains, 1, 100),
    ]:
        if not smallest <= value <= largest:
            raise ValueError(f"`{name}` must lie between {smallest} and {largest}, got {value}.")
    if options.seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {options.seed}.")
    model = NormalNormal(prior_mean=options.prior_mean, prior_sd=options.prior_sd, noise_sd=options.noise_sd)
    validate.positive("other_prior_sd", options.other_prior_sd, "a flat prior has no evidence to compare.")
    y = validate.observations(EXAMPLE.y if options.data is None else read_observations(options.data))
    return Problem(
        model=model,
        other=replace(model, prior_sd=options.other_prior_sd),
        y=y,
        source="the reference example" if options.data is None else options.data.name,
    )
