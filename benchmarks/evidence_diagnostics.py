"""How well each diagnostic of bridge and importance sampling predicts a bad estimate, on densities of integral 1.

    uv run python -m benchmarks.evidence_diagnostics --replicates 100

The cases are easy and hard: normal and skewed densities, heavy tails, a funnel, few draws, slow chains, chains that
have not left their starts, chains in the modes with the wrong weights, and draws that are too narrow, as those of
mean-field variational inference are. A bad estimate is outside three claimed errors, or more than 0.1 nats off. For
each diagnostic the table has the share of bad estimates that it flags, and the share of good ones.

``one mode of two`` is a case that nothing can see from the draws, and is kept apart.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import lgamma, log, pi
from typing import Any

import numpy as np
import tyro
from scipy.special import gammaln

from bayes.checking.results import aligned
from bayes.evidence.estimators import log_evidence
from bayes.evidence.results import EvidenceEstimate
from bayes.evidence.targets import Array, LogDensity, Target

Z_BAD, NATS_BAD = 3.0, 0.1
UNSEEN = "one mode of two"
LOG_2PI = log(2 * pi)
type Sampler = Callable[[np.random.Generator], Array]


@dataclass(frozen=True)
class Config:
    """Measure what the diagnostics of evidence estimates see."""

    replicates: int = 100
    """Estimates a case."""
    seed: int = 1
    """Seed of everything random. Thresholds were chosen with seed 0."""


def normal(x: Array) -> Array:
    """Return the log density of N(0, I)."""
    return -0.5 * np.sum(x**2 + LOG_2PI, axis=1)


def student(nu: float) -> LogDensity:
    """Return the log density of the multivariate Student's t."""

    def log_density(x: Array) -> Array:
        D = x.shape[1]
        constant = gammaln((nu + D) / 2) - gammaln(nu / 2) - D / 2 * log(nu * pi)
        return constant - (nu + D) / 2 * np.log1p(np.sum(x**2, axis=1) / nu)

    return log_density


def student_draws(rng: np.random.Generator, nu: float, n: int, D: int) -> Array:
    """Return four chains of independent draws of the multivariate Student's t."""
    return rng.normal(size=(4, n, D)) / np.sqrt(rng.chisquare(nu, size=(4, n, 1)) / nu)


def log_gamma(a: float) -> LogDensity:
    """Return the log density of D independent logs of gamma variables of shape ``a``."""
    return lambda x: np.sum(a * x - np.exp(x) - lgamma(a), axis=1)


def funnel(x: Array) -> Array:
    """Return the log density of Neal's funnel: v ~ N(0, 3^2), and the others N(0, e^v)."""
    v, others = x[:, 0], x[:, 1:]
    log_others = -0.5 * np.sum(others**2 * np.exp(-v)[:, None] + v[:, None] + LOG_2PI, axis=1)
    return -0.5 * (v / 3) ** 2 - log(3) - LOG_2PI / 2 + log_others


def funnel_draws(rng: np.random.Generator, n: int, D: int) -> Array:
    """Return four chains of independent draws of the funnel."""
    v = rng.normal(0, 3, size=(4, n, 1))
    return np.concatenate([v, np.exp(v / 2) * rng.normal(size=(4, n, D - 1))], axis=2)


def two_modes(x: Array) -> Array:
    """Return the log density of the equal mixture of normals at -5 and 5 in every coordinate."""
    return np.logaddexp(normal(x - 5), normal(x + 5)) - log(2)


def slow(rng: np.random.Generator, n: int, D: int, phi: float, start: float = 0.0) -> Array:
    """Return four chains x' = phi x + sqrt(1 - phi^2) e of N(0, I), begun ``start`` sds away, each in a direction."""
    x = np.empty((4, n, D))
    x[:, 0] = rng.normal(size=(4, D)) * (start or 1.0)
    e = rng.normal(size=(4, n, D))
    for i in range(1, n):
        x[:, i] = phi * x[:, i - 1] + (1 - phi**2) ** 0.5 * e[:, i]
    return x


def in_modes(rng: np.random.Generator, signs: tuple[int, ...]) -> Array:
    """Return chains of 1,000 draws in 2 dimensions, each in the mode of its sign."""
    return rng.normal(size=(4, 1000, 2)) + 5 * np.array(signs)[:, None, None]


CASES: dict[str, tuple[LogDensity, Sampler]] = {
    "normal, D = 5": (normal, lambda rng: rng.normal(size=(4, 1000, 5))),
    "normal, D = 20": (normal, lambda rng: rng.normal(size=(4, 1000, 20))),
    "log gamma(2), D = 3": (log_gamma(2.0), lambda rng: np.log(rng.gamma(2.0, size=(4, 1000, 3)))),
    "log gamma(0.3), D = 3": (log_gamma(0.3), lambda rng: np.log(rng.gamma(0.3, size=(4, 1000, 3)))),
    "Student's t(5), D = 5": (student(5.0), lambda rng: student_draws(rng, 5.0, 1000, 5)),
    "Student's t(2), D = 5": (student(2.0), lambda rng: student_draws(rng, 2.0, 1000, 5)),
    "Cauchy, D = 5": (student(1.0), lambda rng: student_draws(rng, 1.0, 1000, 5)),
    "funnel, D = 3": (funnel, lambda rng: funnel_draws(rng, 1000, 3)),
    "few draws: normal, 4 x 100, D = 5": (normal, lambda rng: rng.normal(size=(4, 100, 5))),
    "few draws: log gamma(2), 4 x 50, D = 5": (log_gamma(2.0), lambda rng: np.log(rng.gamma(2.0, size=(4, 50, 5)))),
    "few draws: funnel, 4 x 100, D = 3": (funnel, lambda rng: funnel_draws(rng, 100, 3)),
    "slow chains: phi = 0.9, D = 5": (normal, lambda rng: slow(rng, 1000, 5, 0.9)),
    "slow chains: phi = 0.99, D = 5": (normal, lambda rng: slow(rng, 1000, 5, 0.99)),
    "slow chains: phi = 0.999, D = 5": (normal, lambda rng: slow(rng, 1000, 5, 0.999)),
    "far starts: 10 sds, phi = 0.99, D = 5": (normal, lambda rng: slow(rng, 1000, 5, 0.99, 10.0)),
    "modes with 3 chains to 1": (two_modes, lambda rng: in_modes(rng, (1, 1, 1, -1))),
    "modes with 2 chains each": (two_modes, lambda rng: in_modes(rng, (1, -1, 1, -1))),
    "draws too narrow: sd 0.8, D = 5": (normal, lambda rng: 0.8 * rng.normal(size=(4, 1000, 5))),
    "draws shifted: 0.3 sd, D = 5": (normal, lambda rng: rng.normal(size=(4, 1000, 5)) + 0.3),
    UNSEEN: (two_modes, lambda rng: in_modes(rng, (1, 1, 1, 1))),
}
METHODS = ("bridge", "importance")


def is_bad(estimate: EvidenceEstimate) -> bool:
    """Whether the estimate of log 1 is wrong."""
    error = abs(estimate.log_evidence)
    return error > Z_BAD * estimate.standard_error or error > NATS_BAD


def flags(estimate: EvidenceEstimate) -> dict[str, bool]:
    """Return what each diagnostic says, and what they say together."""
    return {d.name: not d.good for d in estimate.diagnostics} | {"any": not estimate.reliable}


def share(flagged: list[bool]) -> str:
    """Return the share that is flagged, of how many."""
    return f"{np.mean(flagged):.2f} of {len(flagged)}" if flagged else "-"


def main(config: Config) -> None:
    """Print a row a case, and then a row a diagnostic."""
    rows, pooled = [], defaultdict(lambda: {True: [], False: []})
    for place, (name, (log_density, sample)) in enumerate(CASES.items()):
        by_method: dict[str, list[EvidenceEstimate]] = {method: [] for method in METHODS}
        for r in range(config.replicates):
            rng = np.random.default_rng((config.seed, place, r))
            x = sample(rng)
            target = Target(dimension=x.shape[2], log_density=log_density)
            for method in METHODS:
                by_method[method].append(log_evidence(target, x, method=method, seed=int(rng.integers(2**32))))
        for method, estimates in by_method.items():
            rows.append([name, method, *_summary(estimates)])
            print("  ".join(rows[-1]), flush=True)
            if name != UNSEEN:
                for estimate in estimates:
                    for diagnostic, flagged in flags(estimate).items():
                        pooled[method, diagnostic][is_bad(estimate)].append(flagged)
    head = ["case", "method", "rmse", "claimed", "bad", "bad and flagged", "good and flagged"]
    print("\n".join(["", *aligned([head, *rows])]))
    table = [[*key, share(found[True]), share(found[False])] for key, found in pooled.items()]
    print("\n".join(["", *aligned([["method", "diagnostic", "bad and flagged", "good and flagged"], *table])]))


def _summary(estimates: list[EvidenceEstimate]) -> list[str]:
    error = np.array([e.log_evidence for e in estimates])
    found: dict[bool, list[Any]] = {True: [], False: []}
    for estimate in estimates:
        found[is_bad(estimate)].append(not estimate.reliable)
    claimed = np.median([e.standard_error for e in estimates])
    bad = f"{len(found[True])} of {len(estimates)}"
    return [f"{np.sqrt(np.mean(error**2)):.4f}", f"{claimed:.4f}", bad, share(found[True]), share(found[False])]


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
