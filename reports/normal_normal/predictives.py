"""The sections on the three predictives: their densities, how they move with n, and that the order is nothing."""

import numpy as np

from bayes.exact.normal_normal import log_score_loss
from reports.normal_normal import figures
from reports.normal_normal.problem import Problem
from reports.page import Page

PANELS = 15
ORDERS = 12
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
    shown = _shown(len(y))
    page.figure(
        figures.predictive_grid(problem.model, y, shown),
        caption=f"The density of the next observation after {_listed(shown)} points. Without data there is no MLE.",
        alt="A grid of panels, one for each number of points seen, each with the densities of the full posterior "
        "predictive, the MLE plug-in and the MAP plug-in, and the data seen so far as ticks.",
    )
    at_none = beliefs.predictive.std()[0]
    page.conclusion(
        "Before any data the full predictive has sd {sd_before:.4g} and the MAP plug-in {plug_in_sd:.4g}, "
        "{sd_before_ratio:.2f} times too narrow; after {n} points the ratio is {sd_after_ratio:.4f}.",
        sd_before=at_none,
        plug_in_sd=problem.model.noise_sd,
        sd_before_ratio=at_none / problem.model.noise_sd,
        sd_after_ratio=beliefs.predictive.std()[-1] / problem.model.noise_sd,
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
        caption="Mean, variance and expected loss of the three predictives against the number of points seen.",
        alt="Three panels over n: the mean of the full predictive and of the MLE; the variance of the full predictive "
        "falling towards that of the plug-ins; the expected log score the plug-ins lose, falling.",
    )
    rows = _shown(n)
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
    gap = abs(mle.mean() - full.mean()) / full.std()
    page.conclusion(
        "<strong>All three meet.</strong> The MLE's mean stood {gap_first:.3f} predictive sds from the full "
        "predictive's after one point and stands {gap_last:.5f} away after {n}.",
        gap_first=gap[1],
        gap_last=gap[-1],
    )
    excess = full.var() - map_.var()
    page.conclusion(
        "<strong>The plug-ins are too narrow by exactly the posterior variance.</strong> At $n$ = {n} that is "
        "{excess_variance:.6g}; over all $n$, variance lost and posterior variance differ by at most {excess_gap:.1g}, "
        "which is rounding.",
        excess_variance=excess[-1],
        excess_gap=np.abs(excess - beliefs.posterior.var()).max(),
    )
    page.conclusion(
        "<strong>MAP and full posterior share their mean</strong> (largest difference: {map_gap:.1g}): for a normal, "
        "mode and mean coincide, so a MAP is wrong about the spread alone.",
        map_gap=np.abs(map_.mean() - full.mean()).max(),
    )
    page.conclusion(
        "<strong>The MLE ignores the prior, and moves with the data.</strong> After one point it is that point, "
        "{mle_first:.5g}, where the full predictive's mean is {full_first:.5g}; on the way to {mle_last:.5g} it "
        "ranged over {mle_range:.4g}, the full predictive's mean over {full_range:.4g}.",
        mle_first=mle.mean()[1],
        full_first=full.mean()[1],
        mle_last=mle.mean()[-1],
        mle_range=np.ptp(mle.mean()[1:]),
        full_range=np.ptp(full.mean()[1:]),
    )
    page.conclusion(
        "<strong>What a plug-in costs.</strong> Without data the MAP gives away {loss_map_none:.4g} nats a point. "
        "After one point the MLE gives away {loss_mle_first:.4g} and the MAP {loss_map_first:.4g}; after {n}, "
        "{loss_mle_last:.3g} and {loss_map_last:.3g}. Both pay for the missing variance; the MLE pays for its mean as "
        "well.",
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
        alt="Two panels: posterior mean and accumulated log evidence against points seen, for several orders of the "
        "data; all lines end in the same point.",
    )
    page.conclusion(
        "Over {orders} random orders the final posterior mean differs by at most {order_mean_gap:.1g} and the final "
        "log evidence, added up from one-step-ahead predictives, by at most {order_evidence_gap:.1g} nats: rounding. "
        "The posterior depends on the data through $n$ and $\\bar y$ alone, and today's posterior is tomorrow's prior.",
        orders=ORDERS,
        order_mean_gap=np.ptp([path.posterior.mean()[-1] for path in paths]),
        order_evidence_gap=np.ptp([total[-1] for total in evidence]),
    )


def _shown(n: int) -> list[int]:
    """Return the numbers of points to show: every one from 0 to n, or 15 spread evenly in ratio if there are more."""
    if n < PANELS:
        return list(range(n + 1))
    few = np.unique(np.concatenate([[0], np.geomspace(1, n, 60).round().astype(int)]))
    return few[np.linspace(0, len(few) - 1, PANELS).round().astype(int)].tolist()


def _listed(numbers: list[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
