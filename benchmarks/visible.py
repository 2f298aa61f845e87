"""How often a check sees its smallest visible error, in either direction: ``python -m benchmarks.visible``.

The smallest visible error is (z_{1 - level/2} + z_0.9) null errors, which a normal statistic of known error sees with
probability 0.9. Shares far from 1/2, and evidence whose error is estimated from few runs, are not quite that. Here each
statistic is simulated with that very error, from n independent draws or R log-normal runs whose spread is known to the
simulation alone, and the share of p-values at or below the first Holm step is counted. Binomial errors are 0.01.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import norm, t

from bayes import nulls
from bayes.agreement import compare_evidence
from bayes.verdicts import ALPHA, POWER

REPEATS = 2000
LEVEL = ALPHA / 7
MEAN, SQUARE = nulls.shapes(norm())


def power(p_value: Callable[[], float]) -> float:
    """Return the share of repeats whose p-value is at or below the first Holm step."""
    return float(np.mean([p_value() <= LEVEL for _ in range(REPEATS)]))


def visible(n: int) -> float:
    """Return the smallest visible error in null errors, for ``n`` effective draws."""
    return t.isf(LEVEL / 2, nulls.ess_degrees_of_freedom(n)) + norm.ppf(POWER)


def of_draws(rng: np.random.Generator, n: int, sign: int) -> dict[str, float]:
    """Return the power of the checks of the mean, the sd and three shares from ``n`` draws, too high or too low."""
    z = sign * visible(n) / np.sqrt(n)
    scale = 1 + z * SQUARE.sd / 2  # the sd has sd/2 the error of the mean of z^2
    found = {
        "mean": power(lambda: nulls.widen(nulls.mean_p_value(rng.normal(z, n**-0.5), MEAN, n), n)),
        "sd": power(lambda: nulls.widen(nulls.mean_p_value(scale**2 * rng.chisquare(n) / n, SQUARE, n), n)),
    }
    for q in (0.05, 0.5, 0.95):
        share = q + z * np.sqrt(q * (1 - q))
        if 0 < share < 1:
            found[f"P(< {100 * q:g} %)"] = power(
                lambda share=share, q=q: nulls.widen(nulls.proportion_p_value(rng.binomial(n, share) / n, q, n), n)
            )
    return found


def of_runs(rng: np.random.Generator, runs: int, sd: float, sign: int) -> float:
    """Return the power of the evidence check from ``runs`` runs with sd ``sd`` between them, too high or too low."""
    null_error = np.sqrt(sd**2 / runs + sd**4 / (2 * (runs - 1)))
    error = sign * (t.isf(LEVEL / 2, runs - 1) + norm.ppf(POWER)) * null_error
    return power(lambda: compare_evidence(0.0, rng.normal(error - sd**2 / 2, sd, size=runs)).p_value)


def main() -> None:
    """Print both tables."""
    rng = np.random.default_rng(0)
    names = list(of_draws(np.random.default_rng(1), 10_000, 1))
    print(f"| effective draws | direction | {' | '.join(names)} |\n| --- | --- |{' --- |' * len(names)}")
    for n in (400, 1_000, 4_000, 10_000):
        for sign, direction in ((1, "too high"), (-1, "too low")):
            found = of_draws(rng, n, sign)
            cells = [f"{found[name]:.2f}" if name in found else "not attainable" for name in names]
            print(f"| {n} | {direction} | {' | '.join(cells)} |")
    print("\n| runs | sd between runs | too high | too low |\n| --- | --- | --- | --- |")
    for runs in (8, 16, 32):
        for sd in (0.02, 0.2):
            print(f"| {runs} | {sd} | {of_runs(rng, runs, sd, 1):.2f} | {of_runs(rng, runs, sd, -1):.2f} |")


if __name__ == "__main__":
    main()
