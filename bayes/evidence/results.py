"""What an estimator of the evidence returns: a number, the error that it claims, and diagnostics of this claim."""

from dataclasses import dataclass
from math import isnan
from typing import Literal

type Method = Literal[
    "bridge", "importance", "laplace", "harmonic_mean", "stepping_stone", "smc", "nested", "dynesty", "elbo"
]
"""Name of an estimator."""

BOUNDS: dict[str, str] = {"elbo": "a lower bound of log p(y)"}
"""Methods whose estimate is a bound, and which."""
WITHOUT_ERROR: dict[str, str] = {
    "laplace": "the Laplace approximation has an error that does not come from randomness, and claims none",
    "harmonic_mean": "the harmonic mean of likelihoods has, as a rule, an infinite variance, and claims no error",
}
"""Methods that claim no error, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """A number that says whether a claimed error can be believed.

    Parameters
    ----------
    name
        What it is, in a few words.
    value
        Its value; nan if it could not be computed, which counts as bad.
    threshold
        The claimed error is believed up to this value, or from it on if ``at_least``. With nan, the number is shown and
        does not count.
    at_least
        Whether large values are good.
    meaning
        What is wrong if it is beyond the threshold, as the end of a sentence.
    """

    name: str
    value: float
    threshold: float
    at_least: bool = False
    meaning: str = ""

    @property
    def good(self) -> bool:
        """Whether the value is on the right side of the threshold, if there is one."""
        if isnan(self.threshold):
            return True
        return self.value >= self.threshold if self.at_least else self.value <= self.threshold

    def __str__(self) -> str:
        if isnan(self.threshold):
            return f"{self.name} {self.value:.3g} (not judged)"
        if isnan(self.value):
            return f"{self.name} unknown"
        sign = ("<", ">=") if self.at_least else (">", "<=")
        return f"{self.name} {self.value:.3g} {sign[self.good]} {self.threshold:.3g}"


@dataclass(frozen=True, kw_only=True)
class EvidenceEstimate:
    """An estimate of log p(y), as the estimators of ``bayes.evidence`` return it.

    Parameters
    ----------
    log_evidence
        The estimate, or the bound, in nats.
    standard_error
        The standard error that the method claims for it, in nats; nan if it claims none.
    method
        The estimator.
    evaluations
        Number of points at which the log density was evaluated, those of the sampler that made the draws not counted;
        None where the sampler of the method does not count them.
    diagnostics
        What the claimed error is judged by.
    notes
        Sentences on what the number is, such as on terms of the model that are neither prior nor likelihood.
    """

    log_evidence: float
    standard_error: float
    method: Method
    evaluations: int | None
    diagnostics: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the claimed error, or its absence, should not be relied on; empty if all diagnostics are good."""
        without = (f"{WITHOUT_ERROR[self.method]}.",) if self.method in WITHOUT_ERROR else ()
        return (*without, *(f"{d}: {d.meaning}." for d in self.diagnostics if not d.good))

    @property
    def reliable(self) -> bool:
        """Whether an error is claimed and no diagnostic speaks against it. A bound is no estimate, and never is."""
        return self.method not in BOUNDS and not isnan(self.standard_error) and not self.warnings

    def __str__(self) -> str:
        error = "no error claimed" if isnan(self.standard_error) else f"+- {self.standard_error:.2g}"
        bound = f", {BOUNDS[self.method]}" if self.method in BOUNDS else ""
        sign = ">=" if bound else "="
        by = self.method.replace("_", " ") + bound
        sentence = f"log p(y) {sign} {self.log_evidence:.4f} nats ({error}) by {by}"
        numbers = "; ".join(map(str, self.diagnostics))
        lines = [f"{sentence}; {numbers}." if numbers else f"{sentence}."]
        return "\n".join([*lines, *(f"warning: {w}" for w in self.warnings), *(f"note: {n}" for n in self.notes)])
