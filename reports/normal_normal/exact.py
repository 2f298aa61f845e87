"""The sections that need no sampler: the derivation, the three predictives, their movement, order, evidence."""

import math
from dataclasses import replace

import numpy as np

from bayes.exact.normal_normal import log_score_loss
from reports.normal_normal import figures
from reports.normal_normal.problem import Problem, prior_label
from reports.page import Page

PANELS = 15
ORDERS = 12


def add_sections(page: Page, problem: Problem, rng: np.random.Generator) -> None:
    """Add the sections that need no sampler; ``rng`` shuffles the data for the section on their order."""
    _derivation(page, problem)
    _predictives(page, problem)
    _movement(page, problem)
    _order(page, problem, rng)
    _evidence(page, problem)


def _derivation(page: Page, problem: Problem) -> None:
    model, y = problem.model, problem.y
    n, posterior = len(y), model.posterior(y)
    weight = 1 - posterior.var() / model.prior_sd**2
    page.section("The model and what follows from it")
    page.text(
        "One unknown, the mean $\\mu$ of a normal whose noise is known. Before the data it is believed to be normal:"
    )
    page.formula(
        r"\mu \sim \mathcal{N}(m_0,\, \tau^2), \qquad y_i = \mu + \varepsilon_i, \quad"
        r" \varepsilon_i \sim \mathcal{N}(0,\, \sigma^2), \quad i = 1, \dots, n"
    )
    page.text(
        "On this page $m_0$ = {prior_mean:.6g}, $\\tau^2$ = {prior_var:.6g}, $\\sigma^2$ = {noise_var:.6g}, and the "
        "data are {source}: $n$ = {n} points with mean $\\bar y$ = {data_mean:.6g}.",
        prior_mean=model.prior_mean,
        prior_var=model.prior_sd**2,
        noise_var=model.noise_sd**2,
        source=problem.source,
        n=n,
        data_mean=y.mean(),
    )
    page.text(
        "<strong>Posterior.</strong> Prior times likelihood, as a function of $\\mu$, is the exponential of a square:"
    )
    page.formula(
        r"\log p(\mu \mid y) = -\frac{(\mu - m_0)^2}{2\tau^2} - \sum_{i=1}^n \frac{(y_i - \mu)^2}{2\sigma^2} + c"
        r" = -\frac{(\mu - m_n)^2}{2 s_n^2} + c'"
    )
    page.formula(
        r"\frac{1}{s_n^2} = \frac{1}{\tau^2} + \frac{n}{\sigma^2}, \qquad"
        r" m_n = s_n^2 \left( \frac{m_0}{\tau^2} + \frac{n \bar y}{\sigma^2} \right)"
    )
    page.text(
        "Precisions add, and the mean is the average of prior and data weighted by them. Here the posterior is normal "
        "with mean {posterior_mean:.6g} and variance {posterior_var:.6g} (sd {posterior_sd:.6g}); the data carry "
        "{data_weight:.2%} of its weight and the prior {prior_weight:.2%}.",
        posterior_mean=posterior.mean(),
        posterior_var=posterior.var(),
        posterior_sd=posterior.std(),
        data_weight=weight,
        prior_weight=1 - weight,
    )
    page.text(
        "<strong>Full posterior predictive.</strong> What the next observation $\\tilde y$ will be, averaged over "
        "every $\\mu$ the posterior still allows:"
    )
    page.formula(
        r"p(\tilde y \mid y) = \int p(\tilde y \mid \mu)\, p(\mu \mid y)\, d\mu"
        r" = \int \mathcal{N}(\tilde y \mid \mu,\, \sigma^2)\, \mathcal{N}(\mu \mid m_n,\, s_n^2)\, d\mu"
        r" = \mathcal{N}(\tilde y \mid m_n,\, s_n^2 + \sigma^2)"
    )
    page.text("Its variance is the noise plus what is still unknown about the mean.")
    page.text(
        "<strong>Plug-in predictives.</strong> A single value in place of the posterior, as if it were the truth:"
    )
    page.formula(
        r"\hat\mu_{\mathrm{MLE}} = \bar y, \qquad \hat\mu_{\mathrm{MAP}} = m_n, \qquad"
        r" p(\tilde y \mid \hat\mu) = \mathcal{N}(\tilde y \mid \hat\mu,\, \sigma^2)"
    )
    page.text(
        "The maximum likelihood estimate (MLE) listens to the data alone; the maximum a posteriori (MAP) is where the "
        "posterior is highest. Both forget that they might be wrong: $s_n^2$ is gone from the variance."
    )
    page.text(
        "<strong>Marginal likelihood.</strong> The evidence is what the model said of these data before it saw them. "
        "Completing the square in $\\mu$ leaves two misfits that do not depend on it,"
    )
    page.formula(
        r"\sum_{i=1}^n \frac{(y_i - \mu)^2}{\sigma^2} + \frac{(\mu - m_0)^2}{\tau^2}"
        r" = \frac{(\mu - m_n)^2}{s_n^2} + \sum_{i=1}^n \frac{(y_i - \bar y)^2}{\sigma^2}"
        r" + \frac{n (\bar y - m_0)^2}{\sigma^2 + n \tau^2}"
    )
    page.text("and the integral over the remaining square is $\\sqrt{2\\pi}\\, s_n$, so that")
    page.formula(
        r"\log p(y) = -\frac{n}{2} \log(2\pi\sigma^2) - \frac{1}{2} \log\left(1 + \frac{n\tau^2}{\sigma^2}\right)"
        r" - \sum_{i=1}^n \frac{(y_i - \bar y)^2}{2\sigma^2} - \frac{n (\bar y - m_0)^2}{2(\sigma^2 + n\tau^2)}"
    )
    page.text(
        "The second term is Occam's factor: a wide prior pays for all the means it held possible. The last is the "
        "price of a prior that stands far from the data. Here log $p(y)$ = {log_evidence:.6f} nats.",
        log_evidence=model.log_evidence(y),
    )


def _predictives(page: Page, problem: Problem) -> None:
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


def _movement(page: Page, problem: Problem) -> None:
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


_MEANS_AND_VARIANCES = [
    "mean, full = MAP",
    "mean, MLE",
    "variance, full",
    "variance, plug-ins",
    "posterior variance",
]


def _order(page: Page, problem: Problem, rng: np.random.Generator) -> None:
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


def _evidence(page: Page, problem: Problem) -> None:
    y, priors = problem.y, (problem.model, problem.other)
    page.section("Two priors, and all between")
    log_evidence = [model.log_evidence(y) for model in priors]
    terms = [model.log_evidence_terms(y) for model in priors]
    page.table(
        "evidence",
        "The evidence of both priors and the four terms of its logarithm, in nats.",
        {
            "prior": [prior_label(model) for model in priors],
            "evidence $p(y)$": [_power_of_ten(value) for value in log_evidence],
            "log $p(y)$": log_evidence,
            "noise": [term["noise"] for term in terms],
            "Occam's factor": [term["occam"] for term in terms],
            "scatter of the data": [term["scatter"] for term in terms],
            "misfit of the prior mean": [term["misfit"] for term in terms],
        },
        formats=dict.fromkeys(
            ["log $p(y)$", "noise", "Occam's factor", "scatter of the data", "misfit of the prior mean"], ".6f"
        ),
    )
    log_bayes_factor = log_evidence[0] - log_evidence[1]
    favoured, other = (0, 1) if log_bayes_factor >= 0 else (1, 0)
    verdict = (
        "The two priors predicted these data equally well: the Bayes factor is 1."
        if log_bayes_factor == 0
        else "These data were {bayes_factor} times more probable under {favoured} than under {unfavoured}: "
        "the log Bayes factor of the first prior against the second is {log_bayes_factor:.6f} nats, evidence that Kass "
        "and Raftery (1995) call <em>{strength}</em>."
    )
    page.conclusion(
        verdict,
        bayes_factor=_power_of_ten(abs(log_bayes_factor)),
        favoured=prior_label(priors[favoured]),
        unfavoured=prior_label(priors[other]),
        log_bayes_factor=log_bayes_factor,
        strength=_strength(abs(log_bayes_factor)),
    )
    _evidence_curve(page, problem)


def _evidence_curve(page: Page, problem: Problem) -> None:
    model, y = problem.model, problem.y

    def log_evidence(variance: float) -> float:
        return replace(model, prior_sd=math.sqrt(variance)).log_evidence(y)

    best = model.best_prior_sd(y) ** 2
    marks = {prior_label(m): (m.prior_sd**2, m.log_evidence(y)) for m in (model, problem.other)}
    if best > 0:
        marks["maximum"] = (best, log_evidence(best))
    anchors = [point[0] for point in marks.values()] + [model.noise_sd**2 / len(y)]
    variances = np.geomspace(min(anchors) / 10, max(anchors) * 100, 400)
    page.figure(
        figures.evidence_curve(variances, np.array([log_evidence(v) for v in variances]), marks),
        caption="Log evidence over the variance of the prior: one number a model, no parameter left in it.",
        alt="A curve of log evidence against prior variance with both priors and, where there is one, the maximum.",
    )
    if best > 0:
        page.conclusion(
            "The evidence is largest at $\\tau^2 = (\\bar y - m_0)^2 - \\sigma^2/n$ = {best_prior_var:.5f}, where log "
            "$p(y)$ = {best_log_evidence:.5f}: there the prior is as wide as the data mean's distance from $m_0$ "
            "calls for. The first prior falls {loss_to_best:.5f} nats short of that, the second "
            "{other_loss_to_best:.5f}. A narrower prior calls the data mean impossible; a wider one spreads itself "
            "over means that did not happen, at half a nat for every $e$-fold of $\\tau^2$.",
            best_prior_var=best,
            best_log_evidence=log_evidence(best),
            loss_to_best=log_evidence(best) - model.log_evidence(y),
            other_loss_to_best=log_evidence(best) - problem.other.log_evidence(y),
        )
    else:
        page.conclusion(
            "The data mean lies {mean_distance:.4g} from $m_0$, closer than its own standard error "
            "{standard_error:.4g}: the evidence only grows as the prior narrows towards $m_0$, and has no maximum at "
            "a positive $\\tau^2$.",
            mean_distance=abs(y.mean() - model.prior_mean),
            standard_error=model.noise_sd / math.sqrt(len(y)),
            best_prior_var=best,
        )


def _shown(n: int) -> list[int]:
    """Return the numbers of points to show: every one from 0 to n, or 15 spread evenly in ratio if there are more."""
    if n < PANELS:
        return list(range(n + 1))
    few = np.unique(np.concatenate([[0], np.geomspace(1, n, 60).round().astype(int)]))
    return few[np.linspace(0, len(few) - 1, PANELS).round().astype(int)].tolist()


def _listed(numbers: list[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _power_of_ten(log_value: float) -> str:
    """Return exp(log_value) with five digits, also where it is too small or too large for a float."""
    exponent, rest = divmod(log_value / math.log(10), 1)
    mantissa, carry = f"{10**rest:.4e}".split("e")
    exponent += int(carry)
    return f"{float(mantissa) * 10**exponent:.5g}" if -3 <= exponent <= 5 else f"{mantissa}e{int(exponent):+03d}"


def _strength(log_bayes_factor: float) -> str:
    """Return the words of Kass and Raftery (1995), "Bayes factors", section 3.2, for a log Bayes factor in nats."""
    twice = 2 * log_bayes_factor
    for limit, words in [(2, "not worth more than a bare mention"), (6, "positive"), (10, "strong")]:
        if twice < limit:
            return words
    return "very strong"
