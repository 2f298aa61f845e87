"""The task of one posterior: its exact answer, and the checks of its reference draws before they are judged."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes.checking.results import Check


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The exact answer of one posterior, and the checks of its reference draws, none if there are no draws."""

    name: str
    how: str
    dimension: int
    program: str
    """Whether the Stan program in the folder is the one that is known."""
    log_evidence: float
    dropped: float
    """Log of the constants that the program's ``~`` drops, in nats."""
    parameters: dict[str, dict[str, float]]
    """Parameter -> its mean, sd and quantiles."""
    checks: "list[Check]"
    notes: list[str]


def compare(folder: str, name: str) -> Comparison:
    """Return the exact answer of a posterior in a folder, and the checks of its reference draws."""
    from dataclasses import replace

    from bayes._check import compare_with_model
    from bayes.io.posteriordb import load

    posterior = load(folder, name)
    draws = posterior.draws
    checks, notes = ([], []) if draws is None else compare_with_model(draws, posterior, posterior.y)
    parameters = {}
    for parameter in posterior.parameters:
        parameters[parameter] = posterior.summary(parameter)
    return Comparison(
        name=name,
        how=posterior.known.how,
        dimension=posterior.known.dimension,
        program=posterior.program,
        log_evidence=posterior.evidence,
        dropped=posterior.built.dropped,
        parameters=parameters,
        checks=[replace(check, model=name) for check in checks],
        notes=notes,
    )
