"""What PSIS-LOO and WAIC lose, and what they claim: ``python -m benchmarks.loo``.

Independent draws of the exact posterior go into ``bayes.checking.leave_one_out.compare_loo``, again and again, for
every data set of the registry, and for three with an outlier. So every error is one of the estimator, not of a sampler.
The columns are

- ``exact``: the sum of log p(y_i | y without y_i), in nats;
- ``RMSE``, ``MCSE``: the root mean square error of PSIS-LOO's total, and the median of the error that it claims;
- ``as if``: the claim without the draws that observations share, the root of the sum of squared MCSEs;
- ``covers``: the share of totals within 1.96 MCSEs, and of the observations with a k below the threshold;
- ``k``: the share of observations with a k above it; ``gated``: those that get no verdict for k or for variance;
- ``WAIC``: the root mean square error of its total;
- ``fails``: runs that fail at the level 0.05, of this many, although the draws are right.

Then come the observations of all data sets by their k. Shares of few runs are uncertain: 95 % of 20 are 0.75 to 1.
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.checking.leave_one_out import LeaveOneOut, compare_loo
from bayes.registry import NAMES, Model, data_sets, get_model

CHAINS = 4
ALPHA = 0.05
"""Level of the verdicts, high enough that few runs show whether right draws fail too often."""
Z = 1.96
BINS = (-np.inf, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, np.inf)
WITH_OUTLIER = ("normal_normal", "normal_inverse_gamma", "linear_regression")
FAR = 8.0
"""Standard deviations of the data by which an outlier, the last observation, is moved above their mean."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Size of the benchmark."""

    replicates: int
    draws: int
    models: tuple[str, ...]


def cases(names: tuple[str, ...]) -> Iterator[Model]:
    """Yield the data sets of the models, and those with an outlier."""
    for name in names:
        yield from data_sets(name)
        if name in WITH_OUTLIER:
            model = get_model(name)
            y = np.array(model.y, dtype=float)
            y[-1] = y.mean() + FAR * y.std()
            yield model.with_data(y, data_set="outlier")


def draws_of(model: Model, rng: np.random.Generator, draws: int) -> dict[str, NDArray[Any]]:
    """Return independent draws of the exact posterior, (chain, draw, ...)."""
    samples = model.exact.posterior(model.y).rvs(CHAINS * draws, random_state=rng)
    samples = samples if isinstance(samples, dict) else {model.variables[0]: samples}
    return {name: values.reshape(CHAINS, draws, *values.shape[1:]) for name, values in samples.items()}


def replicated(model: Model, options: Options) -> list[LeaveOneOut]:
    """Return the comparison for each replicate."""
    rng, exact = np.random.default_rng(20240501), model.exact.leave_one_out(model.y)
    return [
        compare_loo(
            exact,
            model.exact.pointwise_log_likelihood(draws_of(model, rng, options.draws), model.y),
            alpha=ALPHA,
        )
        for _ in range(options.replicates)
    ]


def row(model: Model, runs: list[LeaveOneOut]) -> str:
    """Return the line of a model."""
    exact = runs[0].exact.sum()
    errors = np.array([run.estimate.sum() for run in runs]) - exact
    jointly = np.array([run.total_mcse for run in runs])
    alone = np.array([np.sqrt(np.sum(run.mcse**2)) for run in runs])
    waic = np.array([run.waic.sum() for run in runs]) - exact
    k, z = np.array([run.pareto_k for run in runs]), np.array([z_scores(run) for run in runs])
    good = k <= runs[0].good_k
    gated = np.mean([[bool(check.reason) for check in run.checks.checks[:-1]] for run in runs])
    points = np.mean(abs(z[good]) < Z) if good.any() else np.nan
    return (
        f"{model.label:33}{k.shape[1]:4}{exact:10.3f}{rms(errors):8.3f}{np.median(jointly):8.3f}{np.median(alone):8.3f}"
        f"{np.mean(abs(errors) < Z * jointly):8.2f}{points:8.3f}{np.mean(~good):8.3f}{gated:8.3f}{rms(waic):8.3f}"
        f"{sum(run.verdict == 'fail' for run in runs):5d} of {len(runs)}"
    )


def z_scores(run: LeaveOneOut) -> NDArray[np.float64]:
    """Return the error of each observation in MCSEs."""
    return (run.estimate - run.exact) / run.mcse


def by_k(runs: list[LeaveOneOut]) -> list[str]:
    """Return a line for the observations in each range of k."""
    k, z, errors, gated = (
        np.concatenate(values)
        for values in zip(
            *(
                (
                    run.pareto_k,
                    z_scores(run),
                    run.estimate - run.exact,
                    [bool(c.reason) for c in run.checks.checks[:-1]],
                )
                for run in runs
            ),
            strict=True,
        )
    )
    p = np.concatenate([[check.p_value for check in run.checks.checks[:-1]] for run in runs])
    lines = []
    for low, high in pairwise(BINS):
        here = (k > low) & (k <= high)
        if here.any():
            judged = here & ~gated.astype(bool)
            alarms = "".join(f"{np.mean(p[judged] < level):9.4f}" for level in (0.01, 0.001)) if judged.any() else ""
            lines.append(
                f"{low:5.1f} to {high:4.1f}{here.sum():9d}{np.mean(abs(z[here]) < Z):9.3f}{np.median(z[here]):+9.2f}"
                f"{rms(errors[here]):9.3f}{judged.sum():9d}{alarms}"
            )
    return lines


def rms(values: NDArray[np.float64]) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=20, help="data sets of draws of each posterior")
    parser.add_argument("--draws", type=int, default=1000, help="draws in each of four chains")
    parser.add_argument("--models", nargs="*", default=NAMES, help="names of the registry")
    arguments = parser.parse_args()
    options = Options(replicates=arguments.replicates, draws=arguments.draws, models=tuple(arguments.models))
    print(f"{options.replicates} runs of {CHAINS} x {options.draws} independent draws; nats")
    print(
        f"{'model':33}{'n':>4}{'exact':>10}{'RMSE':>8}{'MCSE':>8}{'as if':>8}{'covers':>8}{'points':>8}{'k':>8}"
        f"{'gated':>8}{'WAIC':>8}   fails"
    )
    everything: list[LeaveOneOut] = []
    for model in cases(options.models):
        runs = replicated(model, options)
        everything += runs
        print(row(model, runs), flush=True)
    print(f"\n{'k':13}{'points':>9}{'covers':>9}{'median z':>9}{'RMSE':>9}{'judged':>9}{'p<.01':>9}{'p<.001':>9}")
    print("\n".join(by_k(everything)))


if __name__ == "__main__":
    main()
