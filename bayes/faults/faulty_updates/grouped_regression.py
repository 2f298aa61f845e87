"""Mistakes about a regression in which a coefficient varies between groups."""

from typing import Any

import numpy as np

from bayes.exact.scale_priors import ScalePrior
from bayes.faults.faulty_updates.updates import (
    HUGE,
    Array,
    Mistake,
    permuted,
    permuted_element,
    with_draws,
    with_hyperparameters,
)


def _common_distance(draws: dict[str, Array], rng: np.random.Generator) -> dict[str, Any]:
    """Return theta with the distances of another draw: as if they did not depend on group_sd."""
    del rng
    mean = draws["theta"] - draws["group_sd"][:, None] * draws["distance"]
    return {"theta": mean + draws["group_sd"][:, None] * np.roll(draws["distance"], 1, axis=0)}


def _scaled(number: int, factor: float) -> Any:
    """Return a function of a prior that multiplies one of its numbers."""

    def change(prior: ScalePrior) -> ScalePrior:
        numbers = [x * (factor if i == number else 1) for i, x in enumerate(prior.numbers)]
        return ScalePrior(prior.family, *numbers)

    return change


MISTAKES: dict[str, Mistake] = {
    "prior of beta forgotten": with_hyperparameters(prior_sd=lambda e: HUGE * np.ones(len(e.prior_sd))),
    "prior mean 0": with_hyperparameters(prior_mean=lambda e: 0 * e.prior_mean),
    "prior variances as sds": with_hyperparameters(prior_sd=lambda e: e.prior_sd**2),
    "prior sds as precisions": with_hyperparameters(prior_sd=lambda e: e.prior_sd**-0.5),
    "another column varies": with_hyperparameters(varying=lambda e: (e.varying + 1) % len(e.prior_mean)),
    "one group for all": with_hyperparameters(groups=lambda e: np.where(e.groups == e.groups.max(), e.groups, 0)),
    "groups in another order": with_hyperparameters(groups=lambda e: np.roll(e.groups, 1)),
    "columns in another order": with_hyperparameters(design=lambda e: e.design[:, ::-1]),
    "sds of noise and of groups swapped": with_hyperparameters(
        group_prior=lambda e: e.noise_prior, noise_prior=lambda e: e.group_prior
    ),
    "group_sd with a wider prior": with_hyperparameters(
        group_prior=lambda e: _scaled(len(e.group_prior.numbers) - 1, 0.25)(e.group_prior)
    ),
    "noise_sd with a narrow prior": with_hyperparameters(
        noise_prior=lambda e: _scaled(len(e.noise_prior.numbers) - 1, 0.2)(e.noise_prior)
    ),
    "distances independent of their sd": with_draws(_common_distance),
    "distances as theta": with_draws(lambda draws, rng: {"theta": draws["distance"]}),
    "group_sd in another order": permuted("group_sd"),
    "noise_sd in another order": permuted("noise_sd"),
    "beta in another order": permuted("beta"),
    "one group in another order": permuted_element("theta", 0),
    "every column in another order": permuted("beta", "theta", "group_sd", "noise_sd"),
}
