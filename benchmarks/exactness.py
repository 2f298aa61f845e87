"""The worst error of every closed form, and of scipy's CDFs, against 50 digits: ``python -m benchmarks.exactness``.

`--examples N` problems a model by hypothesis (default 200), of which every tenth has a million observations; the
hierarchical model, whose oracle is an integral, takes a tenth as many. Errors are relative to max(1, |answer|), of CDFs
and quantiles absolute, in probability. Takes about ten minutes on two cores.
"""

from collections.abc import Callable
from typing import Annotated, Any

import mpmath
import numpy as np
import tyro
from hypothesis import HealthCheck, Phase, given, seed, settings
from mpmath import mp, mpf

from bayes.exact.numerics import distributions
from bayes.registry import NAMES
from benchmarks.fifty_digits import PROBLEMS, Problem, a_million, errors

QUANTITIES = ("log evidence", "log predictive", "predictive")
MILLIONS = 10
PARAMETERS = (1e3, 1e6, 1e9, 1e12, 1e15)


def worst(name: str, examples: int) -> tuple[dict[str, float], int]:
    """Return the worst error of each quantity, and the number of problems."""
    errors_by_quantity = dict.fromkeys([*QUANTITIES, "parameters"], 0.0)
    count = 0

    @seed(0)
    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(PROBLEMS[name])
    def measure(problem: Problem) -> None:
        nonlocal count
        count += 1
        for key, error in errors(a_million(problem, name) if count % MILLIONS == 0 else problem, name).items():
            kind = key if key in QUANTITIES else "parameters"
            errors_by_quantity[kind] = max(errors_by_quantity[kind], error) if error == error else np.inf

    measure()
    return errors_by_quantity, count


def cdf_errors_of(
    distribution: Callable[[float], Any], log_density: Callable[[Any, float], Any], a: float
) -> tuple[float, float]:
    """Return the largest error of the CDF and of the quantiles of a law with parameter ``a``, in probability."""
    frozen = distribution(a)
    mean, sd = float(frozen.mean()), float(frozen.std())
    with mp.workdps(60):

        def cdf(x: float) -> Any:
            low = max(mpf(0), mpf(mean) - 40 * mpf(sd)) if frozen.support()[0] == 0 else mpf(mean) - 60 * mpf(sd)
            places = [low, *(mpf(mean) + k * mpf(sd) for k in range(-12, 13) if low < mean + k * mpf(sd) < x), mpf(x)]
            return mpmath.quad(lambda v: mpmath.exp(log_density(v, a)), places)

        cdf_deviations = [abs(float(frozen.cdf(x)) - cdf(x)) for x in mean + sd * np.array([-0.9, 0.1, 1.5, 3.0])]
        levels = [0.1, 0.5, 0.99]
        quantile_deviations = [abs(cdf(float(frozen.ppf(q))) - q) for q in levels]
        return float(max(cdf_deviations)), float(max(quantile_deviations))


def _log_gamma(x: Any, a: float) -> Any:
    return (mpf(a) - 1) * mpmath.log(x) - x - mpmath.loggamma(a) if x > 0 else mpf("-inf")


def _log_beta(x: Any, a: float) -> Any:
    if not 0 < x < 1:
        return mpf("-inf")
    constant = mpmath.loggamma(2 * mpf(a)) - 2 * mpmath.loggamma(a)
    return constant + (mpf(a) - 1) * (mpmath.log(x) + mpmath.log(1 - x))


def _log_t(x: Any, a: float) -> Any:
    df = 2 * mpf(a)
    constant = mpmath.loggamma((df + 1) / 2) - mpmath.loggamma(df / 2) - mpmath.log(df * mp.pi) / 2
    return constant - (df + 1) / 2 * mpmath.log1p(mpf(x) ** 2 / df)


DISTRIBUTIONS: dict[str, tuple[Callable[[float], Any], Callable[[Any, float], Any]]] = {
    "gamma(a)": (distributions.gamma, _log_gamma),
    "beta(a, a)": (lambda a: distributions.beta(a, a), _log_beta),
    "t(2 a)": (lambda a: distributions.student_t(2 * a), _log_t),
}


def main(examples: Annotated[int, tyro.conf.arg(help="Problems a model.")] = 200) -> None:
    """Print both tables."""
    print("| model | problems | log evidence | log predictive | predictive | posterior parameters |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in NAMES:
        errors_by_quantity, count = worst(
            name, examples // 10 if name in ("hierarchical_normal", "grouped_regression") else examples
        )
        print(
            f"| {name} | {count} | {' | '.join(f'{error:.1e}' for error in errors_by_quantity.values())} |", flush=True
        )
    print("\n| law | " + " | ".join(f"a = {a:.0e}" for a in PARAMETERS) + " |")
    print("| --- " * (1 + len(PARAMETERS)) + "|")
    for name, (distribution, log_density) in DISTRIBUTIONS.items():
        cdf_errors = [cdf_errors_of(distribution, log_density, a) for a in PARAMETERS]
        print(f"| {name} | " + " | ".join(f"{cdf:.1e}, {ppf:.1e}" for cdf, ppf in cdf_errors) + " |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
