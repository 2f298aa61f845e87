"""The options of the page, read and validated into the problem it is about."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bayes.data import read_observations
from bayes.exact import validate
from bayes.exact.normal_normal import EXAMPLE, EXAMPLE_Y, NormalNormal
from reports.options import Common


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Posterior, predictives and evidence of a normal's mean, exact and sampled, for the example or your own data."""

    data: Path | None = None
    """CSV file of your observations: one column, or one number a line. Without it, the 14 points of the example."""
    prior_mean: float = EXAMPLE.prior_mean
    """Prior mean of mu, in the units of the data."""
    prior_sd: float = EXAMPLE.prior_sd
    """Prior standard deviation of mu, in the units of the data; the default is the root of 5."""
    other_prior_sd: float = math.sqrt(0.1)
    """The prior standard deviation it is compared with; the default is the root of 0.1."""
    noise_sd: float = EXAMPLE.noise_sd
    """Known standard deviation of one observation around mu, in the units of the data."""
    draws: int = 2000
    """NUTS draws a chain after warm-up, and particles an SMC run; --quick takes a quarter."""
    chains: int = 4
    """NUTS chains."""


@dataclass(frozen=True)
class Problem:
    """What the page is about: the model, the same with the other prior, and the data."""

    model: NormalNormal
    other: NormalNormal
    y: NDArray[np.float64]
    source: str


def read(options: Options) -> Problem:
    """Read and validate everything the options name; raise ValueError with one clear line for what is wrong."""
    for name, least in {"draws": 100, "chains": 1}.items():
        if getattr(options, name) < least:
            raise ValueError(f"`{name}` must be {least} or more, got {getattr(options, name)}.")
    if options.seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {options.seed}.")
    model = NormalNormal(prior_mean=options.prior_mean, prior_sd=options.prior_sd, noise_sd=options.noise_sd)
    validate.positive("other_prior_sd", options.other_prior_sd, "a flat prior has no evidence to compare.")
    y = validate.observations(EXAMPLE_Y if options.data is None else read_observations(options.data))
    from bayes.inference import require_predictive_fits  # here, not above: PyMC takes seconds to import

    require_predictive_fits(len(y), draws=options.draws, chains=options.chains)
    return Problem(
        model=model,
        other=replace(model, prior_sd=options.other_prior_sd),
        y=y,
        source="the reference example" if options.data is None else options.data.name,
    )


def prior_label(model: NormalNormal) -> str:
    """Return what a prior is called on the page."""
    return f"prior variance {model.prior_sd**2:.6g}"
