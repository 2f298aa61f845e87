"""Sections that check samplers against the exact answer, for any exact model that has a program.

``posterior`` and ``evidence`` return the numbers for the template of the same name, and checks with the name of their
run. At the end of a page all its checks are judged together, as one family with one false-alarm rate.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

import arviz_stats
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes._check import ExactModel
from bayes.checking.evidence import compare_evidence
from bayes.checking.judging import judge
from bayes.checking.results import ALPHA, Check, Checks
from bayes.checking.statistics import compare_draws
from bayes.evidence.estimates import Evidence, combine, log_bayes_factor
from bayes.exact.distribution import Distribution
from bayes.sampling import inference
from bayes.sampling.smc_kernels import TooManyStagesError
from reports.shared import sampling_figures
from reports.shared.page import Numbers

type Runs = list[tuple[str, Check]]
"""Checks, each with the name of its run."""

QUANTILES = (0.05, 0.5, 0.95)
NEW = "new y"


def posterior(
    tree: xr.DataTree,
    marginals: Mapping[str, Distribution],
    predictive: Distribution,
    *,
    engine: str,
) -> tuple[Numbers, Runs]:
    """Return the comparison of posterior and predictive draws with the exact distributions, and its checks.

    ``tree`` has the draws of ``engine``, from ``nuts``. ``predictive`` is the exact predictive of a new observation.
    """
    (observed,) = tree.posterior_predictive.data_vars
    distributions = {**marginals, NEW: predictive}
    sampled = xr.Dataset(
        {name: tree.posterior[name] for name in marginals}
        | {NEW: (("chain", "draw"), tree.posterior_predictive[observed].to_numpy()[..., 0])}
    )
    groups = {"posterior": sampled, "sample_stats": tree.sample_stats.dataset}
    checks, notes = compare_draws(distributions, xr.DataTree.from_dict(groups))
    pit = {name: distributions[name].cdf(sampled[name].to_numpy()) for name in distributions}
    numbers = {
        "engine": engine,
        "chains": sampled.sizes["chain"],
        "draws": sampled.sizes["draw"],
        "density_and_trace": sampling_figures.density_and_trace(tree, marginals),
        "alpha": ALPHA,
        "pit": sampling_figures.pit(pit, ALPHA),
        "predictive": sampling_figures.histogram(sampled, NEW, predictive),
        "summary": _summary(engine, sampled, distributions),
        "notes": notes,
    }
    return numbers, [(f"NUTS, {engine}", check) for check in checks]


def evidence(
    models: Mapping[str, ExactModel],
    estimates: Mapping[str, NDArray[np.float64] | str],
    y: ArrayLike,
    *,
    draws: int,
    runs: int,
) -> tuple[Numbers, Runs]:
    """Return the log evidence of each model by SMC, for each run and combined, and the Bayes factor of two models.

    ``models`` and ``estimates`` have the same keys. The estimates come from ``log_evidence``.
    """
    exact_log_evidence = {label: model.log_evidence(y) for label, model in models.items()}
    evidence_checks: Runs = []
    finished: dict[str, NDArray[np.float64]] = {}
    for label, exact in exact_log_evidence.items():
        values = estimates[label]
        if isinstance(values, str):
            check = no_runs(exact, values)
        else:
            finished[label] = values
            check = compare_evidence(exact, values)
        evidence_checks.append((f"SMC, {label}", check))
    numbers: Numbers = {"runs": runs, "particles": draws, "labels": list(finished)}
    if finished:
        combined = {label: combine(values) for label, values in finished.items()}
        numbers["errors"] = sampling_figures.evidence_runs(finished, exact_log_evidence, combined)
        numbers["by_run"] = {"run": [*(str(run + 1) for run in range(runs)), "combined", "standard error", "exact"]} | {
            label: [*finished[label], estimate.log_evidence, estimate.standard_error, exact_log_evidence[label]]
            for label, estimate in combined.items()
        }
        if len(combined) == 2:
            numbers["log_bayes_factor"] = _log_bayes_factor(exact_log_evidence, combined)
    return numbers, evidence_checks


def nuts(
    program: inference.Program, predict: inference.Program, *, engine: str, seed: int, draws: int, chains: int
) -> xr.DataTree:
    """Return draws of ``engine``, each with a new observation; ``predict`` is the program of one observation."""
    return inference.nuts(
        program, seed=stream(seed, engine), draws=draws, chains=chains, engine=engine, predict=predict
    )


def log_evidence(
    program: inference.Program, label: str, *, seed: int, draws: int, runs: int
) -> NDArray[np.float64] | str:
    """Return the log evidence of a model by each run of SMC, or the reason why there is none."""
    try:
        tree = inference.smc(program, seed=stream(seed, label), runs=runs, draws=draws)
    except TooManyStagesError as error:
        return str(error)
    return tree.sample_stats["log_evidence"].to_numpy()


def stream(seed: int, name: str) -> int:
    """Return the seed of one run. Two runs of a page share no random numbers, nor do two pages with other seeds."""
    return int(np.random.SeedSequence([seed, *name.encode()]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def no_runs(log_evidence: float, reason: str) -> Check:
    """Return the check of a log evidence whose SMC runs did not finish."""
    nothing: dict[str, Any] = dict.fromkeys(["estimate", "error", "null_error", "p_value", "degrees_of_freedom"], nan)
    return Check(parameter="log evidence", statistic="runs", exact=log_evidence, ess=0, reason=reason, **nothing)


def _log_bayes_factor(exact_log_evidence: Mapping[str, float], combined: Mapping[str, Evidence]) -> Numbers:
    (first, a), (second, b) = combined.items()
    factor = log_bayes_factor(a, b)
    exact = exact_log_evidence[first] - exact_log_evidence[second]
    return {
        "smc": factor.value,
        "standard_error": factor.standard_error,
        "exact": exact,
        "z": abs(factor.value - exact) / factor.standard_error,
    }


def verdicts(runs: Runs) -> tuple[Numbers, Checks]:
    """Judge all checks of a page as one family; return their table and the judged checks."""
    checks = judge([check for _, check in runs])
    reasons: dict[str, list[str]] = {}
    for (run, check), check_judged in zip(runs, checks, strict=True):
        if check_judged.reason:
            reasons.setdefault(check_judged.reason, []).append(f"{run}, {check.parameter} {check.statistic}")
    numbers = {
        **counts(checks),
        "table_of_checks": {"run": [name for name, _ in runs], **check_columns(checks)},
        "inconclusive_because": reasons,
    }
    return numbers, checks


def counts(checks: Checks) -> Numbers:
    """Return the verdict on the checks and the number of each verdict, for ``checks.md``."""
    counts = Counter(check.verdict for check in checks)
    return {
        "checks": len(checks),
        "alpha": checks.alpha,
        "verdict": checks.verdict,
        "passed": counts["pass"],
        "failed": counts["fail"],
        "inconclusive": counts["inconclusive"],
    }


def check_columns(checks: Iterable[Check]) -> dict[str, list[Any]]:
    """Return the columns of a table with a row for each check."""
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


def _summary(engine: str, sampled: xr.Dataset, distributions: Mapping[str, Distribution]) -> dict[str, Sequence[Any]]:
    """Return mean, sd and quantiles, exact and of the draws, with ArviZ's Monte Carlo standard errors."""
    rows: list[tuple[str, str, float, float, float]] = []
    for name, distribution in distributions.items():
        x = sampled[name].to_numpy()
        rows.append((name, "mean", distribution.mean(), x.mean(), arviz_stats.mcse(x, method="mean")))
        rows.append((name, "sd", distribution.std(), x.std(ddof=1), arviz_stats.mcse(x, method="sd")))
        for q in QUANTILES:
            error = arviz_stats.mcse(x, method="quantile", prob=q)
            rows.append((name, f"{q:.0%} point", distribution.ppf(q), np.quantile(x, q), error))
    headings = ["variable", "statistic", "exact", engine, "MCSE"]
    return dict(zip(headings, zip(*rows, strict=True), strict=True))
