"""The sections of the page: the overview, the verdicts, and a section for each model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayes.checking.results import Check, Checks, most_extreme
from bayes.exact.distribution import elements
from bayes.exact.scale_priors import ScalePrior
from bayes.registry import Model, one_step_log_predictives, scalars
from closedform.verdict import worst
from reports.models import figures
from reports.shared.page import Numbers
from reports.shared.registry_runs import Run
from reports.shared.sampling import counts

ROUNDING = 1e-10
"""A larger gap of the chain rule, relative to the terms that were added up, means that a closed form is wrong."""
LARGEST_LIST = 40


def overview_section(models: Sequence[Model]) -> Numbers:
    """Return the models, each checked by the chain rule of its own predictives."""
    gaps, relative = zip(*(_chain_rule(model) for model in models), strict=True)
    return {
        "models": {
            "model": [model.name for model in models],
            "observations": [len(model.y) for model in models],
            "parameters": [len(scalars(model.exact, model.y)) for model in models],
            "log p(y), nats": [model.exact.log_evidence(model.y) for model in models],
            "chain rule, gap": gaps,
        },
        "largest_gap": max(relative),
        "rounding": ROUNDING,
    }


def verdicts_section(results: Sequence[Run], checks: Checks) -> Numbers:
    """Return one row for each model and sampler: its worst check and its verdict."""
    grouped = _by_result(results, checks)
    extreme = [most_extreme(group) for group in grouped]
    return {
        **counts(checks),
        "runs": {
            "model": [result.model for result in results],
            "run": [result.title for result in results],
            "checks": [len(group) for group in grouped],
            "parameter": [check.parameter for check in extreme],
            "statistic": [check.statistic for check in extreme],
            "error / se": [check.z for check in extreme],
            "p": [check.p_value for check in extreme],
            "ESS or runs, least": [min(check.ess for check in group) for group in grouped],
            "verdict": [worst([check.verdict for check in group]) for group in grouped],
        },
        "checks_in_full": [
            row | {"model": result.model, "run": result.title}
            for result, group in zip(results, grouped, strict=True)
            for row in Checks(checks=tuple(group), alpha=checks.alpha).rows()
        ],
    }


def model_section(model: Model, results: Sequence[Run], checks: Checks) -> Numbers:
    """Return the formulas of one model, its example, and the checks of samplers on it."""
    model_results = [
        (result, group)
        for result, group in zip(results, _by_result(results, checks), strict=True)
        if result.model == model.name
    ]
    marginals = model.marginals
    return {
        "title": model.example.title,
        "formulas": model.example.formulas,
        "source": model.source,
        "data": _data_text(model.y),
        "hyperparameters": _hyperparameter_text(model.exact),
        "references": model.example.references,
        "first_run": model_results[0][0].title,
        "posterior_and_predictive": figures.posterior_and_predictive(
            marginals, model_results[0][0].draws, _predictives(model), model.y
        ),
        "by_parameter": _rows(model_results),
        "notes": [
            (result.title, note)
            for result, group in model_results
            for note in [*result.notes, *dict.fromkeys(check.reason for check in group if check.reason)]
        ],
    }


def _chain_rule(model: Model) -> tuple[float, float]:
    """Return the gap of the chain rule, in nats and relative to the terms that were added up."""
    steps = one_step_log_predictives(model.exact, model.y)
    gap = abs(model.exact.log_evidence(model.y) - steps.sum())
    return gap, gap / max(1.0, np.abs(steps).sum())


def _predictives(model: Model) -> dict[str, Any]:
    """Return the predictive of the next observation, or of each of its elements if it is a vector."""
    if model.y.ndim == 1:
        return {"next y": model.exact.predictive(model.y)}
    return elements("next y", model.exact.predictive_marginals(model.y))


def _by_result(results: Sequence[Run], checks: Checks) -> list[list[Check]]:
    """Return the judged checks of each run, in the order of ``results``."""
    remaining = iter(checks)
    return [[next(remaining) for _ in result.checks] for result in results]


def _rows(model_results: Sequence[tuple[Run, list[Check]]]) -> dict[str, list[Any]]:
    """Return the columns of the table of one model, with a row for each run and parameter."""
    rows: list[dict[str, Any]] = []
    for result, group in model_results:
        for parameter in dict.fromkeys(check.parameter for check in group):
            by_statistic = {check.statistic: check for check in group if check.parameter == parameter}
            central = by_statistic.get("location") or by_statistic.get("runs")
            spread = by_statistic.get("scale")
            extreme = most_extreme(list(by_statistic.values()))
            rows.append(
                {
                    "run": result.title,
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
    return {heading: [row[heading] for row in rows] for heading in rows[0]}


def _data_text(y: np.ndarray) -> str:
    """Return the data as text; many data are counted by value."""
    if len(y) <= LARGEST_LIST:
        return ", ".join(_number(value) for value in y)
    values, counts = np.unique(y, return_counts=True)
    return ", ".join(f"{count} times {_number(value)}" for value, count in zip(values, counts, strict=True))


def _number(value: Any) -> str:
    return f"({', '.join(_number(element) for element in value)})" if np.ndim(value) else f"{value:.6g}"


def _hyperparameter_text(exact: Any) -> str:
    """Return every hyperparameter with its name and value; a long array with its shape."""
    parts = []
    for name, value in vars(exact).items():
        if isinstance(value, ScalePrior):
            parts.append(f"{name} = {value}")
        elif np.size(value) > 9:
            parts.append(f"{name} of shape {np.shape(value)}")
        else:
            parts.append(f"{name} = {_number(value)}")
    return ", ".join(parts)
