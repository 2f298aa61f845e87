"""False alarms: how often a correct sampler fails, in many simulated runs over the registry.

A run is one family: draws of every model from its exact joint posterior, judged together as in ``check_sampler``. The
draws are independent, or chains that stay where they are with a known probability. The autocorrelation at lag k of any
function of the parameters is then stay^k, and n draws are worth n (1 - stay) / (1 + stay) independent draws.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes._check import compare_sampler
from bayes.checking.judging import judge
from bayes.checking.two_stages import judge_in_two_stages
from bayes.exact.distribution import joint_draws
from bayes.registry import Model
from closedform.verdict import Verdict

CHAINS = 4


@dataclass(frozen=True, kw_only=True)
class Family:
    """The verdicts on one run of a correct sampler over the models, at one false-alarm rate."""

    alpha: float
    one_stage: Verdict
    two_stages: Verdict
    resampled: int
    """Number of checks that fresh draws decided."""


def exact_chains(model: Model, rng: np.random.Generator, n: int, stay: float = 0.0) -> dict[str, NDArray[np.float64]]:
    """Return ``n`` exact posterior draws of ``model`` in each of 4 chains: {name: (chain, draw, ...)}."""
    return chains(model.exact.posterior(model.y), model, rng, n, stay)


def chains(
    posterior: Any, model: Model, rng: np.random.Generator, n: int, stay: float = 0.0
) -> dict[str, NDArray[np.float64]]:
    """Return draws of ``posterior``, which may be faulty, in the form of ``exact_chains``."""
    draws = joint_draws(posterior, model.variables, CHAINS * n, rng)
    chain, iteration = np.indices((CHAINS, n))
    # the last iteration in which a chain moved
    last_move = np.maximum.accumulate(np.where(rng.random((CHAINS, n)) < stay, 0, iteration), axis=1)
    return {name: values.reshape(CHAINS, n, *values.shape[1:])[chain, last_move] for name, values in draws.items()}


def families(
    models: Sequence[Model],
    alphas: Sequence[float],
    *,
    runs: Iterable[int],
    seed: int,
    draws: int = 1000,
    stay: float = 0.0,
) -> Iterator[list[Family]]:
    """Yield the verdicts at each of ``alphas``, for each of the ``runs`` of a correct sampler.

    ``runs`` are numbers. The draws of a run, ``draws`` in each chain, depend only on its number and the seed. For each
    rate, checks that are flagged or unconverged are resampled.
    """
    for run in runs:

        def sample(model: Model, place: int, n: int, run: int = run) -> dict[str, NDArray[np.float64]]:
            return exact_chains(model, np.random.default_rng([seed, run, place]), n, stay)

        first, _, resample = compare_sampler(sample, models, seed=0, draws=draws)
        verdicts = []
        for alpha in alphas:
            checks = judge_in_two_stages(first, resample, alpha=alpha)
            verdicts.append(
                Family(
                    alpha=alpha,
                    one_stage=judge(first, alpha=alpha).verdict,
                    two_stages=checks.verdict,
                    resampled=sum(check.stage == 2 for check in checks),
                )
            )
        yield verdicts
