"""The sections of the page: the exact answers, the reference draws, and every parameter."""

from collections.abc import Sequence

import numpy as np

from bayes.checking.results import Check, Checks, most_extreme
from closedform.verdict import worst
from reports.posteriordb import figures
from reports.posteriordb.comparison import Comparison
from reports.posteriordb.problem import Problem
from reports.shared.page import Numbers
from reports.shared.sampling import counts

MOST_PARAMETERS = 20
"""Parameters of one posterior that the page lists; the JSON file of the command has all."""
HEADINGS = {"mean": "mean", "sd": "sd", "5 %": "q5", "50 %": "q50", "95 %": "q95"}
"""Column of the table of parameters -> its name in a summary."""
SMALL = 0.01
"""An error of this many sds is what reference draws cannot resolve."""


def exact_section(problem: Problem, results: Sequence[Comparison]) -> Numbers:
    """Return the posteriors with their exact log evidence."""
    return {
        "exact": len(results),
        "names": len(problem.names),
        "evidences": {
            "posterior": [result.name for result in results],
            "log evidence": [result.log_evidence for result in results],
            "dropped by ~": [result.dropped for result in results],
            "parameters": [len(result.parameters) for result in results],
            "integral": [result.dimension for result in results],
            "how": [result.how for result in results],
        },
        "differing": [result.name for result in results if result.program == "differs"],
        "others": [name for name in problem.names if name not in problem.exact],
    }


def draws_section(results: Sequence[Comparison], checks: Checks) -> Numbers:
    """Return the verdict on the reference draws of every posterior that has some."""
    remaining = iter(checks)
    judged = {result.name: [next(remaining) for _ in result.checks] for result in results if result.checks}
    smallest = {name: _smallest(group) for name, group in judged.items()}
    extreme = {name: most_extreme(group) for name, group in judged.items()}
    return {
        **counts(checks),
        "posteriors": len(judged),
        "small": SMALL,
        "blind": sum(effect > SMALL for effect in smallest.values()),
        "least": min(smallest.values()),
        "largest": max(smallest.values()),
        "errors": figures.errors(judged),
        "effects": figures.effects(smallest, SMALL),
        "draws": {
            "posterior": list(judged),
            "checks": [len(group) for group in judged.values()],
            "most extreme": [f"{check.parameter}, {check.statistic}" for check in extreme.values()],
            "error / se": [check.z for check in extreme.values()],
            "p": [check.p_value for check in extreme.values()],
            "detectable, sd": list(smallest.values()),
            "verdict": [worst([check.verdict for check in group]) for group in judged.values()],
        },
        "notes": [(result.name, note) for result in results for note in result.notes],
        "checks_in_full": checks.rows(),
    }


def parameters_section(results: Sequence[Comparison]) -> Numbers:
    """Return mean, sd and quantiles of the parameters."""
    rows = [
        (result.name, parameter, numbers)
        for result in results
        for parameter, numbers in list(result.parameters.items())[:MOST_PARAMETERS]
    ]
    cut = [result.name for result in results if len(result.parameters) > MOST_PARAMETERS]
    return {
        "most": MOST_PARAMETERS,
        "cut": cut,
        "parameters": {
            "posterior": [name for name, _, _ in rows],
            "parameter": [parameter for _, parameter, _ in rows],
            **{heading: [numbers[key] for _, _, numbers in rows] for heading, key in HEADINGS.items()},
        },
    }


def _smallest(group: Sequence[Check]) -> float:
    """Return the median minimum detectable effect of the locations, in sds."""
    return float(np.median([check.minimum_detectable_effect for check in group if check.statistic == "location"]))
