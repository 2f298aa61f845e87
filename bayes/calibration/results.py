"""The result of a calibration: the checks with their verdict, coverage, failures and cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.calibration.evidence import evidence_check
from bayes.calibration.pooled import pooled_checks
from bayes.calibration.ranks import LEVELS, Coverage, Ecdf, coverage, ecdf, positions, rank_check
from bayes.calibration.runs import DONE, FAILED, Runs
from bayes.calibration.summaries import FIELDS
from bayes.checking.judging import judge
from bayes.checking.results import WIDTH, Check, Checks, aligned
from closedform.multiple_testing import ALPHA
from closedform.verdict import Verdict

SHOWN_FAILURES = 3
"""Failures that are shown with their reason; the others are counted, and all are in ``failures``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """The data sets of one model that a sampler ran on."""

    model: str
    """The label of the model."""
    sampler: str
    seed: int
    names: tuple[str, ...]
    """The K quantities."""
    rows: NDArray[np.float64]
    """``summaries.FIELDS`` of the N data sets that the sampler finished, (N, K, 8)."""
    seconds: NDArray[np.float64]
    """Time of the sampler on each of them, (N,)."""
    gradients: NDArray[np.float64]
    """Gradients it evaluated on each, (N,); nan if it does not say."""
    divergent: NDArray[np.float64]
    """Divergent transitions on each, (N,)."""
    log_evidence_error: NDArray[np.float64]
    """log Z_hat - log Z in nats on each, (N,); nan if the sampler does not estimate the evidence."""
    failures: dict[int, str]
    """Number of a data set on which the sampler failed -> why."""
    alpha: float = ALPHA
    notes: tuple[str, ...] = ()

    @cached_property
    def checks(self) -> Checks:
        """The pooled checks, the ranks and the evidence, judged as one family."""
        return judge(self.unjudged(), alpha=self.alpha, notes=(*self.notes, *_failure_notes(self.failures)))

    @property
    def verdict(self) -> Verdict:
        """``"pass"``, ``"fail"`` or ``"inconclusive"``."""
        return self.checks.verdict

    @property
    def u(self) -> NDArray[np.float64]:
        """The randomised ranks of the true values as numbers in (0, 1), (N, K)."""
        return positions(self.rows, self.seed)

    def unjudged(self, model: str = "") -> list[Check]:
        """Return the checks before they are judged, for a family of several models or samplers."""
        N = len(self.rows)
        total = N + len(self.failures)
        reason = f"the sampler failed on {len(self.failures)} of {total} data sets" if self.failures else ""
        checks = pooled_checks(self.names, self.rows, model=model, reason=reason) if N else []
        if N:
            checks += [
                rank_check(name, u, model=model, reason=reason) for name, u in zip(self.names, self.u.T, strict=True)
            ]
        errors = self.log_evidence_error[~np.isnan(self.log_evidence_error)]
        return [*checks, *([evidence_check(errors, model=model, reason=reason)] if len(errors) else [])]

    def coverage(self) -> dict[str, tuple[Coverage, ...]]:
        """Return how often central intervals of the draws covered the true value, by quantity."""
        return {name: coverage(u) for name, u in zip(self.names, self.u.T, strict=True)}

    def ecdf(self, name: str) -> Ecdf:
        """Return the ECDF of the ranks of a quantity, with its simultaneous band."""
        return ecdf(self.u[:, self.names.index(name)])

    def cost(self) -> dict[str, float]:
        """Return the ESS a second and a gradient of the worst quantity, on the average data set."""
        ess = self.rows[..., FIELDS.index("ess")].min(axis=1).mean() if len(self.rows) else nan
        return {
            "ess": float(ess),
            "seconds": float(self.seconds.mean()),
            "gradients": float(self.gradients.mean()),
            "ess_a_second": float(ess / self.seconds.mean()),
            "ess_a_gradient": float(ess / self.gradients.mean()),
        }

    def as_json(self) -> dict[str, Any]:
        """Return everything a program could want, but the summaries of each data set. Unknown numbers are nan."""
        return {
            "model": self.model,
            "sampler": self.sampler,
            "seed": self.seed,
            "datasets": len(self.rows),
            "failures": {str(i): reason for i, reason in self.failures.items()},
            "verdict": self.verdict,
            "alpha": self.alpha,
            "checks": self.checks.rows(),
            "coverage": {
                name: [{"level": c.level, "covered": c.covered, "interval": list(c.interval)} for c in levels]
                for name, levels in self.coverage().items()
            },
            "cost": self.cost(),
            "divergent": float(self.divergent.sum()),
            "notes": list(self.checks.notes),
        }

    def __str__(self) -> str:
        return f"{self.checks}\n\n{self.details()}"

    def details(self) -> str:
        """Return the coverage and the cost as text."""
        head = ("central interval", *(f"{100 * level:g} %" for level in LEVELS))
        body = [(name, *(f"{100 * c.covered:.1f}" for c in levels)) for name, levels in self.coverage().items()]
        cost = self.cost()
        sentence = f"{self.sampler} on {len(self.rows)} data sets of {self.model}: {1e3 * cost['seconds']:.3g} ms"
        if np.isfinite(cost["gradients"]):
            sentence += f", {cost['gradients']:.0f} gradients"
        sentence += f" and an ESS of {cost['ess']:.0f} a data set, {cost['ess_a_second']:.3g} a second."
        if divergent := int(self.divergent.sum()):
            sentence += f" {divergent} transitions diverged, on {int((self.divergent > 0).sum())} data sets."
        return "\n".join([*aligned([head, *body]), fill(sentence, WIDTH)])


def calibration(
    runs: Runs, *, model: str, sampler: str, seed: int, alpha: float = ALPHA, notes: Sequence[str] = ()
) -> Calibration:
    """Return the result of ``runs``, which need not be complete. Raises ValueError if the sampler finished none."""
    done = runs.state == DONE
    if not done.any():
        failed = int((runs.state == FAILED).sum())
        why = f": {next(iter(runs.failures.values()))}" if runs.failures else ""
        raise ValueError(f"`sample` failed on all {failed} data sets{why}")
    _, seconds, gradients, divergent, log_evidence_error, _ = runs.runs[done].T
    return Calibration(
        model=model,
        sampler=sampler,
        seed=seed,
        names=runs.names,
        rows=runs.rows[done],
        seconds=seconds,
        gradients=gradients,
        divergent=divergent,
        log_evidence_error=log_evidence_error,
        failures=runs.failures,
        alpha=alpha,
        notes=tuple(notes),
    )


def _failure_notes(failures: dict[int, str]) -> list[str]:
    shown = [f"data set {i}: {reason}" for i, reason in list(failures.items())[:SHOWN_FAILURES]]
    more = len(failures) - len(shown)
    return [*shown, *([f"the sampler failed on {more} more data sets."] if more > 0 else [])]
