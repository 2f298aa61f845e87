"""Sections that check samplers against an exact answer, for any exact model that has a program.

Each function draws, adds what it drew to the page, and returns checks with the name of the run they belong to. All
checks of a page are judged together at its end, as one family with one false-alarm rate.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

import arviz_stats
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes._check import ExactModel
from bayes.checking.judging import judge
from bayes.checking.results import ALPHA, Check, Checks
from bayes.checking.statistics import compare_draws, compare_evidence
from bayes.evidence.estimates import Evidence, combine, log_bayes_factor
from bayes.exact.distribution import Distribution
from bayes.sampling import inference
from bayes.sampling.smc_kernels import TooManyStagesError
from reports.shared import sampling_figures
from reports.shared.page import Page

type Runs = list[tuple[str, Check]]
"""Checks, each with the name of the run it belongs to."""

QUANTILES = (0.05, 0.5, 0.95)
NEW = "new y"
CHECK_FORMATS = {
    **dict.fromkeys(["exact", "sampled"], ".6g"),
    "error / se": "+.2f",
    "p": ".2g",
    "minimum detectable effect": ".2g",
    "ESS or runs": ".0f",
}


def add_posterior(
    page: Page,
    program: inference.Program,
    marginals: Mapping[str, Distribution],
    predictive: Distribution,
    *,
    predict: inference.Program,
    engine: str,
    seed: int,
    draws: int,
    chains: int,
) -> Runs:
    """Add posterior and predictive draws of ``engine`` beside the exact distributions.

    ``predictive`` is the exact predictive of one new observation, and ``predict`` the program of one.
    """
    tree = inference.nuts(
        program, seed=stream(seed, engine), draws=draws, chains=chains, engine=engine, predict=predict
    )
    (observed,) = inference.observed_data(program)
    distributions = {**marginals, NEW: predictive}
    sampled = xr.Dataset(
        {name: tree.posterior[name] for name in marginals}
        | {NEW: (("chain", "draw"), tree.posterior_predictive[observed].to_numpy()[..., 0])}
    )
    page.text(
        f"<strong>NUTS by {engine}.</strong> The model as a PyMC program: {{chains}} chains of {{draws}} draws.",
        chains=chains,
        draws=draws,
    )
    page.figure(
        sampling_figures.density_and_trace(tree, marginals),
        caption="Left: the density of each chain's draws, with the exact density in black. Right: their traces.",
        alt="Density estimates of the chains with the exact density over them, and the trace of each chain.",
    )
    page.figure(
        sampling_figures.pit(
            {name: distributions[name].cdf(sampled[name].to_numpy()) for name in distributions}, ALPHA
        ),
        caption="The exact CDF at the draws (PIT), thinned to their effective sample size: ECDF minus uniform. "
        f"Independent right draws leave the dashed band (Kolmogorov) with probability {ALPHA:g}; the verdict below "
        "thins each variable by itself.",
        alt="The difference between the ECDF of the PIT values and the uniform CDF, with a band around zero.",
    )
    page.figure(
        sampling_figures.histogram(sampled, NEW, predictive),
        caption="Posterior predictive draws of a new observation, with the exact predictive density in black.",
        alt="A histogram of the predictive draws with the exact predictive density over it.",
    )
    _add_summary(page, engine, sampled, distributions)
    groups = {"posterior": sampled, "sample_stats": tree.sample_stats.dataset}
    checks, notes = compare_draws(distributions, xr.DataTree.from_dict(groups))
    for i, note in enumerate(notes):
        page.text(f"{{{engine}_note_{i}}}", **{f"{engine}_note_{i}": note})
    return [(f"NUTS, {engine}", check) for check in checks]


def add_evidence(
    page: Page,
    models: Mapping[str, tuple[ExactModel, inference.Program]],
    y: ArrayLike,
    *,
    seed: int,
    draws: int,
    runs: int,
) -> Runs:
    """Add the log evidence of each labelled model by SMC, run by run and combined, and the first two's Bayes factor."""
    exact_log_evidence = {label: model.log_evidence(y) for label, (model, _) in models.items()}
    page.text(
        "<strong>SMC.</strong> Particles are carried from the prior to the posterior, and the evidence is estimated "
        "on the way: {smc_runs} independent runs of {smc_particles} particles for each prior. Runs are averaged on "
        "the scale of the evidence (log-mean-exp), with a jackknife standard error.",
        smc_runs=runs,
        smc_particles=draws,
    )
    estimates: dict[str, NDArray[np.float64]] = {}
    evidence_checks: Runs = []
    for label, (_, program) in models.items():
        try:
            tree = inference.smc(program, seed=stream(seed, label), runs=runs, draws=draws)
        except TooManyStagesError as error:
            evidence_checks.append((f"SMC, {label}", no_runs(exact_log_evidence[label], str(error))))
            continue
        estimates[label] = tree.sample_stats["log_evidence"].to_numpy()
        evidence_checks.append((f"SMC, {label}", compare_evidence(exact_log_evidence[label], estimates[label])))
    if not estimates:
        page.text("No run of SMC finished.")
        return evidence_checks
    combined = {label: combine(values) for label, values in estimates.items()}
    page.figure(
        sampling_figures.evidence_runs(estimates, exact_log_evidence, combined),
        caption="The error of each run's log evidence (dots) and of the runs combined, with two standard errors (bar).",
        alt="A row of dots for each prior around zero, with a bar for the combined estimate.",
    )
    columns: dict[str, Sequence[Any]] = {
        "run": [*(str(run + 1) for run in range(runs)), "combined", "standard error", "exact"]
    }
    for label, estimate in combined.items():
        last = [estimate.log_evidence, estimate.standard_error, exact_log_evidence[label]]
        columns[f"log $p(y)$, {label}"] = [*estimates[label], *last]
    page.table("smc", "Log evidence in nats, run by run.", columns, dict.fromkeys(list(columns)[1:], ".4f"))
    if len(combined) == 2:
        _add_bayes_factor(page, exact_log_evidence, combined)
    return evidence_checks


def stream(seed: int, name: str) -> int:
    """Return the seed of one run: two runs of a page, or of pages with other seeds, share no random numbers."""
    return int(np.random.SeedSequence([seed, *name.encode()]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def no_runs(log_evidence: float, reason: str) -> Check:
    """Return the check of an exact log evidence whose SMC runs did not finish."""
    nothing: dict[str, Any] = dict.fromkeys(["estimate", "error", "null_error", "p_value", "degrees_of_freedom"], nan)
    return Check(parameter="log evidence", statistic="runs", exact=log_evidence, ess=0, reason=reason, **nothing)


def _add_bayes_factor(page: Page, exact_log_evidence: Mapping[str, float], combined: Mapping[str, Evidence]) -> None:
    (first, a), (second, b) = combined.items()
    factor = log_bayes_factor(a, b)
    page.conclusion(
        "The log Bayes factor of {first_label} against {second_label} is {smc_log_bayes_factor:.4f} by SMC, with a "
        "standard error of {smc_log_bayes_factor_se:.4f}; exactly it is {exact_log_bayes_factor:.4f}, "
        "{smc_log_bayes_factor_z:.2f} standard errors away.",
        first_label=first,
        second_label=second,
        smc_log_bayes_factor=factor.value,
        smc_log_bayes_factor_se=factor.standard_error,
        exact_log_bayes_factor=exact_log_evidence[first] - exact_log_evidence[second],
        smc_log_bayes_factor_z=abs(factor.value - (exact_log_evidence[first] - exact_log_evidence[second]))
        / factor.standard_error,
    )


def add_verdicts(page: Page, runs: Runs) -> Checks:
    """Judge all checks of the page as one family, add the table and the conclusion, and return the checks."""
    checks = judge([check for _, check in runs])
    page.text(
        "Every check above, judged as one family: if all samplers are right, one of its {checks} checks fails "
        "with probability {alpha:g} at most (Holm 1979). Draws are judged as normal scores, z = Φ<sup>-1</sup>(F(θ)) "
        "with the exact F, which are standard normal if the sampler is right, and errors are in their standard errors. "
        "The minimum detectable effect is the error that a normal statistic detects with probability 0.9: a pass says "
        "nothing about smaller errors.",
        checks=len(checks),
        alpha=checks.alpha,
    )
    page.table(
        "verdicts",
        "Exact against sampled: the mean beside the location, the sd beside the scale, and for uniformity the exact "
        "quantile whose share of draws below it is farthest off. The minimum detectable effect is in posterior sds, in "
        "parts of the sd, in shares of draws, and for evidence in nats. Evidence is estimated by the mean of the runs "
        "and half their variance, which differs from log-mean-exp in the third order of their sd.",
        {"run": [name for name, _ in runs], **check_columns(checks)},
        CHECK_FORMATS,
    )
    add_conclusion(page, checks)
    reasons: dict[str, list[str]] = {}
    for (run, check), check in zip(runs, checks, strict=True):
        if check.reason:
            reasons.setdefault(check.reason, []).append(f"{run}, {check.parameter} {check.statistic}")
    for i, (reason, where) in enumerate(reasons.items()):
        page.conclusion(
            f"Inconclusive: {{reason_{i}}} ({{where_{i}}}).",
            **{f"reason_{i}": reason, f"where_{i}": "; ".join(where)},
        )
    return checks


def add_conclusion(page: Page, checks: Checks) -> None:
    """Add the verdict on the checks of a page, and how many pass."""
    counts = {verdict: [c.verdict for c in checks].count(verdict) for verdict in ("pass", "fail", "inconclusive")}
    meaning = {
        "pass": "Nothing here speaks against the samplers.",
        "fail": "<strong>A check fails,</strong> which right samplers let happen no more often than that.",
        "inconclusive": "Nothing fails, but not everything could be judged.",
    }
    page.conclusion(
        f"{meaning[checks.verdict]} {{passed}} checks pass, {{failed}} fail, {{inconclusive}} are inconclusive.",
        passed=counts["pass"],
        failed=counts["fail"],
        inconclusive=counts["inconclusive"],
        verdict=checks.verdict,
    )


def check_columns(checks: Iterable[Check]) -> dict[str, list[Any]]:
    """Return the columns of a table with a row a check; ``CHECK_FORMATS`` are their formats."""
    rows = list(checks)
    return {
        "parameter": [check.parameter for check in rows],
        "statistic": [check.statistic for check in rows],
        "exact": [check.exact for check in rows],
        "sampled": [check.estimate for check in rows],
        "error / se": [check.z for check in rows],
        "p": [check.p_value for check in rows],
        "minimum detectable effect": [check.minimum_detectable_effect for check in rows],
        "ESS or runs": [check.ess for check in rows],
        "verdict": [check.verdict for check in rows],
    }


def _add_summary(page: Page, engine: str, sampled: xr.Dataset, distributions: Mapping[str, Distribution]) -> None:
    """Add mean, sd and quantiles beside the exact ones, with ArviZ's Monte Carlo standard errors."""
    rows: list[tuple[str, str, float, float, float]] = []
    for name, distribution in distributions.items():
        x = sampled[name].to_numpy()
        rows.append((name, "mean", distribution.mean(), x.mean(), arviz_stats.mcse(x, method="mean")))
        rows.append((name, "sd", distribution.std(), x.std(ddof=1), arviz_stats.mcse(x, method="sd")))
        for q in QUANTILES:
            error = arviz_stats.mcse(x, method="quantile", prob=q)
            rows.append((name, f"{q:.0%} point", distribution.ppf(q), np.quantile(x, q), error))
    headings = ["variable", "statistic", "exact", engine, "MCSE"]
    page.table(
        f"summary_{engine}",
        "The posterior and the predictive in figures, with the Monte Carlo standard error (MCSE) that ArviZ estimates "
        "from the draws.",
        dict(zip(headings, zip(*rows, strict=True), strict=True)),
        {"exact": ".6g", engine: ".6g", "MCSE": ".2g"},
    )
