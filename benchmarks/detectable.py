"""How often a check detects its minimum detectable effect, in either direction: ``python -m benchmarks.detectable``.

The minimum detectable effect is (z_{1 - level/2} + z_0.9) null errors, which a normal statistic of known error detects
with probability 0.9. Shares far from 1/2, and evidence whose error is estimated from few runs, are only nearly normal.
Here each statistic is simulated with exactly that error, from n independent draws or R log-normal runs, whose spread
only the simulation knows. The share of p-values at or below the first Holm step is counted. Binomial errors are 0.01.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import norm, t

from bayes.checking import null_distributions
from bayes.checking.evidence import compare_evidence
from bayes.checking.results import POWER
from bayes.checking.statistics import SHARES
from closedform.multiple_testing import ALPHA

REPEATS = 2000
LEVEL = ALPHA / 4


def power(p_value: Callable[[], float]) -> float:
    """Return the share of repeats whose p-value is at or below the first Holm step."""
    return float(np.mean([p_value() <= LEVEL for _ in range(REPEATS)]))


def detectable_effect(n: int, combined: int = 1) -> float:
    """Return the minimum detectable effect in null errors, for ``n`` effective draws."""
    return t.isf(LEVEL / combined / 2, null_distributions.ess_degrees_of_freedom(n)) + norm.ppf(POWER)


def power_of_draws(rng: np.random.Generator, n: int, sign: int) -> dict[str, float]:
    """Return the power of location, scale, and three shares of the uniformity check, too high or too low.

    Of the uniformity check one share is wrong and the other p-values are 1, the least that they add.
    """
    z = sign * detectable_effect(n)
    scale = 1 + z / np.sqrt(2 * n)
    powers = {
        "location": power(
            lambda: null_distributions.widen(
                null_distributions.location_p_value(rng.normal(z, 1) / np.sqrt(n), n), n
            ).item()
        ),
        "scale": power(
            lambda: null_distributions.widen(
                null_distributions.scale_p_value(scale**2 * rng.chisquare(n) / n, n), n
            ).item()
        ),
    }
    other_p_values = np.ones(len(SHARES))
    for q in (0.05, 0.5, 0.95):
        share = q + sign * detectable_effect(n, len(other_p_values) + 1) * np.sqrt(q * (1 - q) / n)
        if 0 < share < 1:

            def share_p_value(share: float = share, q: float = q) -> float:
                p = null_distributions.widen(null_distributions.share_p_value(rng.binomial(n, share) / n, q, n), n)
                return null_distributions.combined_p_value([p, *other_p_values])

            powers[f"share at {100 * q:g} %"] = power(share_p_value)
    return powers


def power_of_runs(rng: np.random.Generator, runs: int, sd: float, sign: int) -> float:
    """Return the power of the evidence check from ``runs`` runs with sd ``sd`` between them, too high or too low."""
    null_error = np.sqrt(sd**2 / runs + sd**4 / (2 * (runs - 1)))
    error = sign * (t.isf(LEVEL / 2, runs - 1) + norm.ppf(POWER)) * null_error
    return power(lambda: compare_evidence(0.0, rng.normal(error - sd**2 / 2, sd, size=runs)).p_value)


def main() -> None:
    """Print both tables."""
    rng = np.random.default_rng(0)
    names = list(power_of_draws(np.random.default_rng(1), 10_000, 1))
    print(f"| effective draws | direction | {' | '.join(names)} |\n| --- | --- |{' --- |' * len(names)}")
    for n in (400, 1_000, 4_000, 10_000):
        for sign, direction in ((1, "too high"), (-1, "too low")):
            powers = power_of_draws(rng, n, sign)
            cells = [f"{powers[name]:.2f}" if name in powers else "not attainable" for name in names]
            print(f"| {n} | {direction} | {' | '.join(cells)} |")
    print("\n| runs | sd between runs | too high | too low |\n| --- | --- | --- | --- |")
    for runs in (8, 16, 32):
        for sd in (0.02, 0.2):
            print(f"| {runs} | {sd} | {power_of_runs(rng, runs, sd, 1):.2f} | {power_of_runs(rng, runs, sd, -1):.2f} |")


if __name__ == "__main__":
    main()
