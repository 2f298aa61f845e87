"""The sections on the three predictives: their densities, how they move with n, and that the order does not matter."""

import numpy as np
from numpy.typing import NDArray

from bayes.exact.normal_normal import Sequence, log_score_loss
from reports.normal_normal import figures
from reports.normal_normal.problem import Problem
from reports.shared.page import Page

PANELS = 15
ORDERS = 12
MET = 0.1
"""Means closer than this many predictive sds cannot be told apart by a few new points."""
ROUNDING = 1e-12
"""Relative difference of two float64 routes to one number, with room for a sum of 10^4 terms."""
_MEANS_AND_VARIANCES = [
    "mean, full = MAP",
    "mean, MLE",
    "variance, full",
    "variance, plug-ins",
    "posterior variance",
]


def add_predictives(page: Page, problem: Problem) -> None:
    """Add the grid of the three predictives as points come in."""
    y, beliefs = problem.y, problem.model.sequence(problem.y)
    page.section("Three predictions of the next point")
    numbers = _panel_numbers(len(y))
    page.figure(
        figures.predictive_grid(problem.model, y, numbers),
        caption=f"Density of the next observation after {_enumeration(numbers)} points. Without data there is no MLE.",
        alt="A grid of panels, one for each number of points observed, each with the densities of the full "
        "posterior predictive, the MLE plug-in and the MAP plug-in, and the data observed so far as ticks.",
    )
    ratio = beliefs.predictive.std() / problem.model.noise_sd
    page.conclusion(
        "The plug-ins' sd is {plug_in_sd:.4g} for any data. The full predictive's is {sd_ratio_before:.4g} "
        "times that before any data, and {sd_ratio_after:.4g} times at $n$ = {n}.",
        plug_in_sd=problem.model.noise_sd,
        sd_ratio_before=ratio[0],
        sd_ratio_after=ratio[-1],
    )


def add_movement(page: Page, problem: Problem) -> None:
    """Add how means, variances and expected losses move with n, and what that teaches."""
    model, y = problem.model, problem.y
    beliefs, n = model.sequence(y), len(y)
    full, mle, map_ = beliefs.predictive, beliefs.mle_predictive, beliefs.map_predictive
    loss_mle, loss_map = log_score_loss(full, mle), log_score_loss(full, map_)
    page.section("How they move as points come in")
    page.figure(
        figures.movement(beliefs, loss_mle, loss_map),
        caption="Mean, variance and expected loss of the three predictives against the number of points observed.",
        alt="Three panels over n: the mean of the full predictive and of the MLE; the variance of the full predictive "
        "falling towards that of the plug-ins; the expected log score the plug-ins lose.",
    )
    rows = _panel_numbers(n)
    page.table(
        "predictives",
        "The numbers behind the figure. The loss is the expected log predictive score, in nats a point, that a plug-in "
        "gives away if the next point follows the full predictive: their Kullback-Leibler divergence.",
        {
            "n": rows,
            "mean, full = MAP": full.mean()[rows],
            "mean, MLE": mle.mean()[rows],
            "variance, full": full.var()[rows],
            "variance, plug-ins": [model.noise_sd**2] * len(rows),
            "posterior variance": beliefs.posterior.var()[rows],
            "loss, MLE": loss_mle[rows],
            "loss, MAP": loss_map[rows],
        },
        formats={"n": "d", "loss, MLE": ".3g", "loss, MAP": ".3g"} | dict.fromkeys(_MEANS_AND_VARIANCES, ".5g"),
    )
    _movement_conclusions(page, beliefs, loss_mle, loss_map)


def _movement_conclusions(
    page: Page, beliefs: Sequence, loss_mle: NDArray[np.float64], loss_map: NDArray[np.float64]
) -> None:
    full, mle, map_ = beliefs.predictive, beliefs.mle_predictive, beliefs.map_predictive
    gap = abs(mle.mean() - full.mean()) / full.std()
    near = gap[-1] < MET
    page.conclusion(
        "<strong>All three meet as $n$ grows.</strong> The means of MLE and full predictive differ by the prior's "
        "weight, $\\sigma^2 / (\\sigma^2 + n \\tau^2)$, times the distance of $\\bar y$ from $m_0$: {gap_first:.3g} "
        "predictive sds at $n$ = 1 and {gap_last:.3g} at $n$ = {n}. "
        + ("The means have as good as met." if near else "<em>These data have not brought them together yet.</em>"),
        gap_first=gap[1],
        gap_last=gap[-1],
        means_have_met=bool(near),
    )
    posterior_var = beliefs.posterior.var()
    rounding = float(np.max(np.abs(full.var() - map_.var() - posterior_var) / full.var()))
    page.conclusion(
        "<strong>The plug-ins are too narrow by exactly the posterior variance,</strong> {excess_variance:.6g} at $n$ "
        "= {n}. Over all $n$ the variance lost and the posterior variance differ by at most {excess_gap:.1g} of the "
        "predictive variance, which is " + ("rounding." if rounding < ROUNDING else "<em>more than rounding.</em>"),
        excess_variance=posterior_var[-1],
        excess_gap=rounding,
    )
    page.conclusion(
        "<strong>MAP and full posterior share their mean</strong> (largest difference: {map_gap:.1g}): for a normal, "
        "mode and mean coincide, so a MAP is wrong about the spread alone.",
        map_gap=np.abs(map_.mean() - full.mean()).max(),
    )
    page.conclusion(
        "<strong>The MLE ignores the prior, and moves with the data.</strong> At $n$ = 1 it is that point, "
        "{mle_first:.5g}, where the full predictive's mean is {full_first:.5g}. Up to $n$ = {n} its lowest and "
        "highest value are {mle_range:.4g} apart, and those of the full predictive's mean {full_range:.4g}.",
        mle_first=mle.mean()[1],
        full_first=full.mean()[1],
        mle_range=np.ptp(mle.mean()[1:]),
        full_range=np.ptp(full.mean()[1:]),
    )
    page.conclusion(
        "<strong>What a plug-in costs.</strong> Without data the MAP gives away {loss_map_none:.4g} nats a point. At "
        "$n$ = 1 the MLE gives away {loss_mle_first:.4g} and the MAP {loss_map_first:.4g}; at $n$ = {n}, "
        "{loss_mle_last:.3g} and {loss_map_last:.3g}. Both pay for the missing variance, the MLE for its distance from "
        "the mean as well" + ("." if loss_mle[-1] > loss_map[-1] else " (here it has none)."),
        loss_map_none=loss_map[0],
        loss_mle_first=loss_mle[1],
        loss_map_first=loss_map[1],
        loss_mle_last=loss_mle[-1],
        loss_map_last=loss_map[-1],
    )


def add_order(page: Page, problem: Problem, rng: np.random.Generator) -> None:
    """Add the same data in other orders, shuffled by ``rng``: different journeys, one posterior and one evidence."""
    model, y = problem.model, problem.y
    page.section("The order of the data does not matter")
    arrangements = [y, *(rng.permutation(y) for _ in range(ORDERS))]
    paths = [model.sequence(arrangement) for arrangement in arrangements]
    # log p(y_1..k) = sum of the one-step-ahead log predictives up to k
    evidence = [
        np.concatenate([[0.0], np.cumsum(path.predictive.logpdf(np.append(arrangement, np.nan))[:-1])])
        for path, arrangement in zip(paths, arrangements, strict=True)
    ]
    page.figure(
        figures.orders(paths, evidence),
        caption="The same points in other orders: different journeys, one destination.",
        alt="Two panels: posterior mean and accumulated log evidence against points observed, for several orders "
        "of the data; all lines end in the same point.",
    )
    means = np.array([path.posterior.mean()[-1] for path in paths])
    totals = np.array([total[-1] for total in evidence])
    # Relative to what was added up: |y| in the means, the one-step terms in the evidence.
    mean_rounding = np.ptp(means) / (np.abs(y).mean() + abs(model.prior_mean) + model.prior_sd)
    evidence_rounding = np.ptp(totals) / max(1.0, np.abs(np.diff(evidence[0])).sum())
    page.conclusion(
        "Over {orders} random orders the final posterior mean differs by at most {order_mean_gap:.1g} and the final "
        "log evidence, added up from one-step-ahead predictives, by at most {order_evidence_gap:.1g} nats: "
        + ("rounding. " if max(mean_rounding, evidence_rounding) < ROUNDING else "<em>more than rounding.</em> ")
        + "The posterior depends on the data through $n$ and $\\bar y$ alone: today's posterior is tomorrow's prior.",
        orders=ORDERS,
        order_mean_gap=np.ptp(means),
        order_evidence_gap=np.ptp(totals),
    )


def _panel_numbers(n: int) -> list[int]:
    """Return the numbers of points to show: 0 to n, or if those are more than 15, 0, 1, ..., n with growing steps."""
    if n < PANELS:
        return list(range(n + 1))
    steps = PANELS - 1
    while len(numbers := np.unique(np.geomspace(1, n, steps).round().astype(int))) < PANELS - 1:
        steps += 1
    return [0, *numbers[: PANELS - 2].tolist(), n]


def _enumeration(numbers: list[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
