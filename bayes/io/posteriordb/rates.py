"""posteriordb's rates: counts of successes with one rate, two rates, or an unknown number of trials.

The programs have ``theta ~ beta(1, 1)``, which is 1 everywhere, and ``k ~ binomial(n, theta)``, which leaves the
binomial coefficient out of the target. Survey keeps it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.numerics.beta_mixtures import log_choose
from bayes.exact.rates import Rates
from bayes.exact.unknown_trials import UnknownTrials
from bayes.io.posteriordb.known import Built, Known

PRODUCT = "independent betas"


def _coefficients(y: NDArray[np.int64], trials: NDArray[np.int64]) -> float:
    """Return the log of the binomial coefficients, in nats."""
    return float(np.sum(log_choose(y, trials - y)))


def _pair(data: Mapping[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two counts and their trials."""
    return np.array([data["k1"], data["k2"]]), np.array([data["n1"], data["n2"]])


def _one_rate(data: Mapping[str, Any]) -> Built:
    y, n = np.array([data["k"]]), data["n"]
    dropped = _coefficients(y, np.array([n]))
    return Built(model=BetaBinomial(trials=n), y=y, elements={"theta": ("theta", ())}, dropped=dropped)


def _two_rates(data: Mapping[str, Any]) -> Built:
    y, trials = _pair(data)
    return Built(
        model=Rates(trials=trials, rate=[0, 1], rates=2),
        y=y,
        elements={"theta1": ("theta", (0,)), "theta2": ("theta", (1,)), "delta": ("delta", ())},
        dropped=_coefficients(y, trials),
    )


def _common_rate(data: Mapping[str, Any]) -> Built:
    y, trials = _pair(data)
    return Built(
        model=Rates(trials=trials, rate=[0, 0], rates=1),
        y=y,
        elements={"theta": ("theta", (0,))},
        dropped=_coefficients(y, trials),
    )


def _posterior_and_prior(data: Mapping[str, Any]) -> Built:
    y, trials = np.array([data["k"]]), np.array([data["n"]])
    return Built(
        model=Rates(trials=trials, rate=[0], rates=2),
        y=y,
        elements={"theta": ("theta", (0,)), "thetaprior": ("theta", (1,))},
        dropped=_coefficients(y, trials),
    )


def _survey(data: Mapping[str, Any]) -> Built:
    y = np.array(data["k"])
    return Built(model=UnknownTrials(most=data["nmax"]), y=y, elements={"theta": ("theta", ())})


KNOWN: dict[str, Known] = {
    "Rate_1_model": Known(
        how="a beta",
        dimension=0,
        program_sha256="ae95dcc6c2e2953e202fb257181ee24e1cb1f7780819e95d94663dde4fddc795",
        build=_one_rate,
    ),
    "Rate_2_model": Known(
        how=f"{PRODUCT}; their difference by one integral",
        dimension=0,
        program_sha256="2556299694d2e3420d6d100b5439376bed7f78454816d89cd189d09df0b5877d",
        build=_two_rates,
    ),
    "Rate_3_model": Known(
        how="a beta",
        dimension=0,
        program_sha256="416ea0e377796973a67eddfa956d93e4e5f2204d96889b7b55432275b5e4e0d2",
        build=_common_rate,
    ),
    "Rate_4_model": Known(
        how=PRODUCT,
        dimension=0,
        program_sha256="7aaf395c9ce53028fceaf8719538c3e8c98eba9884e1b3b843b33d636487d88c",
        build=_posterior_and_prior,
    ),
    "Rate_5_model": Known(
        how="a beta",
        dimension=0,
        program_sha256="b86503076ff82e0c5a4e183d6274aa1f3f08b867a5de854adfada0d368f5c544",
        build=_common_rate,
    ),
    "Survey_model": Known(
        how="a finite mixture of betas, summed over the number of trials",
        dimension=0,
        program_sha256="6253492299891332a7746d44976a161a2a557816ef177d68ddedaa703a144f87",
        build=_survey,
    ),
}
