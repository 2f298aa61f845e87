"""The sampled results beside the exact ones: posterior draws by NUTS, evidence by SMC."""

import arviz_stats
import numpy as np

from bayes import inference
from bayes.programs.normal_normal import program
from reports.normal_normal import figures
from reports.normal_normal.problem import Problem, prior_label
from reports.page import Page

QUANTILES = (0.05, 0.5, 0.95)


def add_posterior(page: Page, problem: Problem, *, seed: int, draws: int, chains: int) -> None:
    """Add NUTS draws on the exact density, and their summaries beside the exact ones in Monte Carlo standard errors."""
    tree = inference.nuts(program(problem.model, problem.y), seed=seed, draws=draws, chains=chains)
    mu = tree.posterior["mu"].values  # (chain, draw)
    exact = problem.model.marginals(problem.y)["mu"]
    page.text(
        "The same model as a PyMC program, sampled with NUTS (nutpie): {chains} chains of {draws} draws after "
        "warm-up, worth {ess:.0f} independent ones for the mean.",
        chains=chains,
        draws=draws,
        ess=float(arviz_stats.ess(mu, method="mean")),
    )
    page.figure(
        figures.posterior_draws(tree, "mu", exact),
        caption="Posterior draws and the exact posterior density.",
        alt="A histogram of the posterior draws of mu with the exact normal density drawn over it.",
    )
    estimates = [mu.mean(), mu.std(ddof=1), *np.quantile(mu, QUANTILES)]
    truths = [exact.mean(), exact.std(), *exact.ppf(QUANTILES)]
    errors = [
        float(arviz_stats.mcse(mu, method="mean")),
        float(arviz_stats.mcse(mu, method="sd")),
        *(float(arviz_stats.mcse(mu, method="quantile", prob=q)) for q in QUANTILES),
    ]
    off = [(estimate - truth) / error for estimate, truth, error in zip(estimates, truths, errors, strict=True)]
    page.table(
        "nuts",
        "The posterior of $\\mu$: exact, by NUTS, the Monte Carlo standard error (MCSE) that ArviZ estimates from the "
        "draws, and how many of them the two are apart.",
        {
            "of the posterior": ["mean", "sd", *(f"{q:.0%} point" for q in QUANTILES)],
            "exact": truths,
            "NUTS": estimates,
            "MCSE": errors,
            "difference / MCSE": off,
        },
        formats={"exact": ".6g", "NUTS": ".6g", "MCSE": ".2g", "difference / MCSE": "+.2f"},
    )
    largest = float(np.abs(off).max())
    page.conclusion(
        "The largest difference is {largest_nuts_error:.2f} standard errors: "
        + ("what chance alone gives." if largest < 3.5 else "<strong>more than chance explains.</strong>"),
        largest_nuts_error=largest,
    )


def add_evidence(page: Page, problem: Problem, *, seed: int, draws: int, runs: int) -> None:
    """Add the log evidence of both priors by independent SMC runs, run by run against the exact values."""
    models = {prior_label(model): model for model in (problem.model, problem.other)}
    exact = {label: model.log_evidence(problem.y) for label, model in models.items()}
    estimates = {}
    for label, model in models.items():
        tree = inference.smc(program(model, problem.y), seed=seed, runs=runs, draws=draws)
        estimates[label] = tree.sample_stats["log_evidence"].values
    page.text(
        "Sequential Monte Carlo carries particles from prior to posterior and estimates the evidence on the way: "
        "{runs} independent runs of {draws} particles for each prior.",
        runs=runs,
    )
    page.figure(
        figures.evidence_runs(estimates, exact),
        caption="The error of each run's log evidence.",
        alt="A row of dots for each prior: the log evidence of each SMC run minus the exact value, around zero.",
    )
    columns = {"run": ["exact", *(str(run + 1) for run in range(runs))]}
    columns |= {f"log $p(y)$, {label}": [exact[label], *estimates[label]] for label in models}
    page.table(
        "smc",
        "Log evidence in nats, run by run under the exact value.",
        columns,
        formats=dict.fromkeys(list(columns)[1:], ".4f"),
    )
    for label, name in zip(models, ["first", "second"], strict=True):
        errors = estimates[label] - exact[label]
        page.conclusion(
            f"Under {{{name}_prior}} the runs are off by {{{name}_smc_mean_error:+.4f}} nats on average, with a spread "
            f"(sd) of {{{name}_smc_sd:.4f}} nats from run to run.",
            **{
                f"{name}_prior": label,
                f"{name}_smc_mean_error": errors.mean(),
                f"{name}_smc_sd": errors.std(ddof=1),
            },
        )
