"""The sections of the page: the formulas of each model, its checks by samplers, and the verdicts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayes.checking.results import Check, Checks, most_extreme
from bayes.exact.distribution import elements
from bayes.io.draws import chains_and_draws
from bayes.registry import Model, one_step_log_predictives, scalars
from closedform.verdict import worst
from reports.models import figures
from reports.models.runs import Result
from reports.shared.page import Page
from reports.shared.sampling import add_conclusion

ROUNDING = 1e-10
"""Gap of the chain rule, relative to the terms that were added up, beyond which a closed form is wrong."""
LARGEST_LIST = 40


def add_overview(page: Page, models: Sequence[Model]) -> None:
    """Add what the models are, and hold each to the chain rule of its own predictives."""
    page.section("What is known, and how it is known")
    page.text(
        "Each model below has posterior, predictive and evidence in closed form, or as integrals in one dimension "
        "that are taken to rounding. The same models are written as PyMC programs, without a word of the algebra."
    )
    page.text("A formula can be wrong. One check is made on this page, of two formulas at once: the chain rule")
    page.formula(r"\log p(y_1, \dots, y_n) = \sum_{i=1}^n \log p(y_i \mid y_1, \dots, y_{i-1})")
    page.text(
        "with the evidence on the left and one predictive after another on the right. The tests make more: Bayes' rule "
        "between program, posterior and evidence at random parameters; the evidence by quadrature; the exact "
        "distribution function at parameters drawn from the prior, which must be uniform; and any hyperparameters."
    )
    gaps, relative = zip(*(_chain_rule(model) for model in models), strict=True)
    page.table(
        "models",
        "The models with their examples. The chain rule's gap is the difference of its two sides.",
        {
            "model": [model.name for model in models],
            "observations": [len(model.y) for model in models],
            "parameters": [len(scalars(model.exact, model.y)) for model in models],
            "log $p(y)$, nats": [model.exact.log_evidence(model.y) for model in models],
            "chain rule, gap": list(gaps),
        },
        {"model": "code", "log $p(y)$, nats": ".6f", "chain rule, gap": ".1e"},
    )
    page.conclusion(
        "The largest gap is {largest_gap:.1e} of the terms that were added up: "
        + ("rounding." if max(relative) < ROUNDING else "<strong>more than rounding.</strong>"),
        largest_gap=max(relative),
    )


def chain_rule_fails(page: Page) -> bool:
    """Return whether a closed form of the page contradicts itself."""
    return page.numbers["largest_gap"] >= ROUNDING


def add_verdicts(page: Page, results: Sequence[Result], checks: Checks) -> None:
    """Add a row a model and sampler: the worst of its checks, and the verdict."""
    page.section("Verdicts")
    page.text(
        "Draws of every parameter are judged as normal scores by their location, their scale and their uniformity, and "
        "so are functions of several parameters with known distributions; evidence is judged by the mean of "
        "independent runs. If all samplers are right, one of these {checks} checks fails with probability {alpha:g} at "
        "most (Holm 1979). Errors are in standard errors under the hypothesis that the sampler is right.",
        checks=len(checks),
        alpha=checks.alpha,
    )
    grouped = _by_result(results, checks)
    extreme = [most_extreme(group) for group in grouped]
    page.table(
        "verdicts",
        "The most extreme check of each run.",
        {
            "model": [result.model for result in results],
            "run": [result.run for result in results],
            "checks": [len(group) for group in grouped],
            "parameter": [check.parameter for check in extreme],
            "statistic": [check.statistic for check in extreme],
            "error / se": [check.z for check in extreme],
            "p": [check.p_value for check in extreme],
            "ESS or runs, least": [min(check.ess for check in group) for group in grouped],
            "verdict": [worst([check.verdict for check in group]) for group in grouped],
        },
        {"model": "code", "error / se": "+.2f", "p": ".2g", "ESS or runs, least": ".0f"},
    )
    add_conclusion(page, checks)
    page.record(
        checks_in_full=[
            row | {"model": result.model, "run": result.run}
            for result, group in zip(results, grouped, strict=True)
            for row in Checks(checks=tuple(group), alpha=checks.alpha).rows()
        ]
    )


def add_model(page: Page, model: Model, results: Sequence[Result], checks: Checks) -> None:
    """Add the section of one model."""
    page.section(model.example.title)
    for label, latex in model.example.formulas.items():
        page.text(f"<strong>{label.capitalize()}.</strong>")
        page.formula(latex)
    model_results = [
        (result, group)
        for result, group in zip(results, _by_result(results, checks), strict=True)
        if result.model == model.name
    ]
    with page.about(model.name):
        page.text(
            "<strong>Example.</strong> {source}: {data}. Hyperparameters: {hyperparameters}.",
            source=model.source,
            data=_data_text(model.y),
            hyperparameters=_hyperparameter_text(model.exact),
        )
        page.text("References: {references}", references=model.example.references)
        tree = next(result.tree for result, _ in model_results if result.tree is not None)
        marginals = scalars(model.exact, model.y)
        page.figure(
            figures.posterior_and_predictive(
                marginals, {name: chains_and_draws(name, tree) for name in marginals}, _predictives(model), model.y
            ),
            caption="Black lines: the exact posterior, over a histogram of the draws of {first_run}. Last, in red: the "
            "exact predictive of the next observation, and the data (ticks; circles are shares).",
            alt="Exact posterior densities over histograms of draws, and the predictive over the data.",
            first_run=model_results[0][0].run,
        )
        page.table("by_parameter", "Exact and sampled, with the worst check of each row.", *_rows(model_results))
        for result, group in model_results:
            for i, note in enumerate([*result.notes, *dict.fromkeys(check.reason for check in group if check.reason)]):
                name = f"note_{result.run}_{i}".replace(", ", "_")
                page.text(f"{{{name}_run}}: {{{name}}}", **{name: note, f"{name}_run": result.run})


def _chain_rule(model: Model) -> tuple[float, float]:
    """Return the gap of the chain rule in nats, and relative to the terms that were added up."""
    steps = one_step_log_predictives(model.exact, model.y)
    gap = abs(model.exact.log_evidence(model.y) - steps.sum())
    return gap, gap / max(1.0, np.abs(steps).sum())


def _predictives(model: Model) -> dict[str, Any]:
    """Return the predictive of the next observation, or of each of its elements."""
    if model.y.ndim == 1:
        return {"next y": model.exact.predictive(model.y)}
    return elements("next y", model.exact.predictive_marginals(model.y))


def _by_result(results: Sequence[Result], checks: Checks) -> list[list[Check]]:
    """Return the checks of each result."""
    remaining = iter(checks)
    return [[next(remaining) for _ in result.checks] for result in results]


def _rows(model_results: Sequence[tuple[Result, list[Check]]]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return columns and formats of the table of one model, a row a run and parameter."""
    rows: list[dict[str, Any]] = []
    for result, group in model_results:
        for parameter in dict.fromkeys(check.parameter for check in group):
            by_statistic = {check.statistic: check for check in group if check.parameter == parameter}
            central = by_statistic.get("location") or by_statistic.get("runs")
            spread = by_statistic.get("scale")
            extreme = most_extreme(list(by_statistic.values()))
            rows.append(
                {
                    "run": result.run,
                    "parameter": parameter,
                    "exact mean": central and central.exact,
                    "sampled": central and central.estimate,
                    "exact sd": spread and spread.exact,
                    "sampled ": spread and spread.estimate,
                    "worst": extreme.statistic,
                    "error / se": extreme.z,
                    "p": extreme.p_value,
                    "verdict": worst([check.verdict for check in by_statistic.values()]),
                }
            )
    numbers = dict.fromkeys(["exact mean", "sampled", "exact sd", "sampled "], ".5g")
    columns = {heading: [row[heading] for row in rows] for heading in rows[0]}
    return columns, {**numbers, "error / se": "+.2f", "p": ".2g"}


def _data_text(y: np.ndarray) -> str:
    """Return the data as text, or how often each number is among them if they are many."""
    if len(y) <= LARGEST_LIST:
        return ", ".join(_number(value) for value in y)
    values, counts = np.unique(y, return_counts=True)
    return ", ".join(f"{count} times {_number(value)}" for value, count in zip(values, counts, strict=True))


def _number(value: Any) -> str:
    return f"({', '.join(_number(element) for element in value)})" if np.ndim(value) else f"{value:.6g}"


def _hyperparameter_text(exact: Any) -> str:
    """Return every hyperparameter by its name; a long array by its shape."""
    parts = []
    for name, value in vars(exact).items():
        if np.size(value) > 9:
            parts.append(f"{name} of shape {np.shape(value)}")
        else:
            parts.append(f"{name} = {_number(value)}")
    return ", ".join(parts)
