"""The sections on the three predictives: their densities, their change with n, and the order of the data."""

import numpy as np

from bayes.exact.normal_normal import log_score_loss
from reports.normal_normal import figures
from reports.normal_normal.problem import Problem
from reports.shared.page import Numbers

PANELS = 15
ORDERS = 12
MET = 0.1
"""A few new points cannot tell means apart that are closer than this, in predictive sds."""
ROUNDING = 1e-12
"""Largest relative difference of one number computed in two ways in float64, with room for a sum of 10^4 terms."""


def predictives_section(problem: Problem) -> Numbers:
    """Return the grid of the three predictive densities as points come in."""
    y, beliefs = problem.y, problem.model.sequence(problem.y)
    panels = _panel_numbers(len(y))
    ratio = beliefs.predictive.std() / problem.model.noise_sd
    return {
        "n": len(y),
        "panels": panels,
        "grid": figures.predictive_grid(problem.model, y, panels),
        "plug_in_sd": problem.model.noise_sd,
        "sd_ratio_before": ratio[0],
        "sd_ratio_after": ratio[-1],
    }


def movement_section(problem: Problem) -> Numbers:
    """Return the means, variances and expected losses as functions of n."""
    model, y = problem.model, problem.y
    beliefs, n = model.sequence(y), len(y)
    full, mle, map_ = beliefs.predictive, beliefs.mle_predictive, beliefs.map_predictive
    loss_mle, loss_map = log_score_loss(full, mle), log_score_loss(full, map_)
    posterior_var = beliefs.posterior.var()
    gap = abs(mle.mean() - full.mean()) / full.std()
    rows = _panel_numbers(n)
    return {
        "n": n,
        "movement": figures.movement(beliefs, loss_mle, loss_map),
        "predictives": {
            "n": rows,
            "mean, full = MAP": full.mean()[rows],
            "mean, MLE": mle.mean()[rows],
            "variance, full": full.var()[rows],
            "variance, plug-ins": [model.noise_sd**2] * len(rows),
            "posterior variance": posterior_var[rows],
            "loss, MLE": loss_mle[rows],
            "loss, MAP": loss_map[rows],
        },
        "gap_first": gap[1],
        "gap_last": gap[-1],
        "means_have_met": gap[-1] < MET,
        "excess_variance": posterior_var[-1],
        "excess_gap": np.max(np.abs(full.var() - map_.var() - posterior_var) / full.var()),
        "rounding": ROUNDING,
        "map_gap": np.abs(map_.mean() - full.mean()).max(),
        "mle_first": mle.mean()[1],
        "full_first": full.mean()[1],
        "mle_range": np.ptp(mle.mean()[1:]),
        "full_range": np.ptp(full.mean()[1:]),
        "loss_map_none": loss_map[0],
        "loss_mle_first": loss_mle[1],
        "loss_map_first": loss_map[1],
        "loss_mle_last": loss_mle[-1],
        "loss_map_last": loss_map[-1],
    }


def order_section(problem: Problem, rng: np.random.Generator) -> Numbers:
    """Return posterior means and log evidence of the data in several orders, shuffled by ``rng``."""
    model, y = problem.model, problem.y
    arrangements = [y, *(rng.permutation(y) for _ in range(ORDERS))]
    paths = [model.sequence(arrangement) for arrangement in arrangements]
    # log p(y_1..k) = sum of the one-step-ahead log predictives up to k
    evidence = [
        np.concatenate([[0.0], np.cumsum(path.predictive.logpdf(np.append(arrangement, np.nan))[:-1])])
        for path, arrangement in zip(paths, arrangements, strict=True)
    ]
    mean_gap = np.ptp([path.posterior.mean()[-1] for path in paths])
    evidence_gap = np.ptp([total[-1] for total in evidence])
    return {
        "paths": figures.orders(paths, evidence),
        "orders": ORDERS,
        "mean_gap": mean_gap,
        "evidence_gap": evidence_gap,
        # Relative to the terms that were added up: |y| in the means, the one-step terms in the evidence.
        "relative_gap": max(
            mean_gap / (np.abs(y).mean() + abs(model.prior_mean) + model.prior_sd),
            evidence_gap / max(1.0, np.abs(np.diff(evidence[0])).sum()),
        ),
        "rounding": ROUNDING,
    }


def _panel_numbers(n: int) -> list[int]:
    """Return the numbers of points to show: 0 to n, or 15 of them with growing steps if there are more."""
    if n < PANELS:
        return list(range(n + 1))
    steps = PANELS - 1
    while len(numbers := np.unique(np.geomspace(1, n, steps).round().astype(int))) < PANELS - 1:
        steps += 1
    return [0, *numbers[: PANELS - 2].tolist(), n]
