"""Calibration rejects exact samplers at the stated rates, and sees errors that ranks do not see.

    uv run python -m benchmarks.calibration_size            about an hour on one core
    uv run python -m benchmarks.calibration_size --quick    a tenth of the families
    uv run python -m benchmarks.calibration_size --part size --model normal_normal --model gamma_poisson
    uv run python -m benchmarks.calibration_size --part size --posteriordb PATH    besides, a clone of posteriordb

Size: 25 data sets of each model are simulated once. A family has fresh exact draws of the posterior of each, of which
the first is the true value: given y, it has the distribution of the parameters that made y. So the size is that given
these data sets. Draws become normal scores once for all families, by the functions that calibration uses.

NUTS: the same of draws by NumPyro. Null: p-values of averages of independent scores, by Student's t, and by Hall's
transformation with the skewness of the sample and with that of the null distribution; "mixed" data sets are worth 3 to
so many draws. Power: exact draws with their spread or place wrong in every parameter. Numbers in brackets are 95 %
intervals (Clopper and Pearson 1934).
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from scipy.special import ndtr
from scipy.stats import norm, skew

from bayes.calibration.calibrating import calibrate
from bayes.calibration.evidence import evidence_check
from bayes.calibration.kernels import exact_states
from bayes.calibration.pooled import BELIEVED, INDICATOR, SQUARE, p_value, pooled_checks
from bayes.calibration.ranks import positions, rank_check
from bayes.calibration.simulation import ExactSimulation, exact_simulation
from bayes.calibration.summaries import FARTHEST, FIELDS, TAIL, Quantity, exact_median, exact_scores, summary
from bayes.checking.judging import judge
from bayes.checking.results import Check, most_extreme
from bayes.exact.distribution import scalar_distributions
from bayes.io.posteriordb.folder import Folder
from bayes.io.posteriordb.posteriors import load
from bayes.registry import NAMES, get_model
from benchmarks.agreement import progress, rate, run_parts, table

DATA_SETS, DRAWS, FAMILIES = 25, 50, 400
NULL_RUNS = 10_000
MOST_QUANTITIES = 60
"""Parameters of a posterior of posteriordb: the radon models have up to 400, and would take hours."""
STUCK_RUNS, EVIDENCE_RUNS = 20_000, 2000
NUTS_FAMILIES, NUTS_MODELS = 100, ("normal_normal", "gamma_poisson", "linear_regression")
POWER_DATA_SETS, POWER_DRAWS, POWER_RUNS = 200, 500, 25
POWER_MODELS = ("normal_normal", "gamma_poisson", "linear_regression")
ERRORS = {"none": (0.0, 1.0), "shift of 0.02 sd": (0.02, 1.0), "scale 2 %": (0.0, 1.02)}
RANK_DATA_SETS = (200, 1_000, 5_000, 20_000, 50_000, 200_000)

type Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Config:
    """Measure the size and the power of calibration."""

    quick: bool = False
    """A tenth of the runs: whether it works, not what it measures."""
    seed: int = 0
    """Seed of everything drawn."""
    part: Literal["", "size", "null", "stuck", "evidence", "nuts", "power"] = ""
    """One part alone; all of them if it is empty."""
    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Models whose size is measured; all of the registry if there is none."""
    posteriordb: Path | None = None
    """A clone of posteriordb, whose models with proper priors are measured besides."""
    out: Path | None = None
    """A JSON file of rates, which a later call continues model by model."""


def exact_draws(simulation: ExactSimulation, y: Any, size: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return independent draws of the exact posterior, one chain (1, size, ...) of each variable."""
    return {name: values[None] for name, values in exact_states(simulation.exact, y, size, rng).items()}


def scores(quantity: Quantity, draws: dict[str, Array]) -> Array:
    """Return the normal scores of a quantity, or the quantity itself if it has no exact distribution, (draws,)."""
    with np.errstate(all="ignore"):
        x = np.asarray(quantity.value(draws), dtype=float)
        z = x if quantity.exact is None else exact_scores(quantity.exact, x)
    return np.clip(z, -FARTHEST, FARTHEST)[0] if quantity.exact is not None else z[0]


def families(
    simulation: ExactSimulation,
    count: int,
    seed: int,
    shift: float = 0.0,
    scale: float = 1.0,
    *,
    data_sets: int,
    n: int,
) -> tuple[tuple[str, ...], Iterator[Array]]:
    """Return the names of the quantities and the rows (N, K, 8) of ``count`` families.

    The scores of the draws are multiplied by ``scale`` and moved by ``shift``; those of the true values are not.
    """
    banks, medians, names, has_exact = [], [], (), []
    for i in range(data_sets):
        _, y = simulation.data_set(seed, i)
        quantities = simulation.quantities(y)
        draws = exact_draws(simulation, y, count * (n + 1), np.random.default_rng([seed, i, 3]))
        banks.append(np.array([scores(q, draws) for q in quantities.values()]).reshape(len(quantities), count, n + 1))
        names, has_exact = tuple(quantities), [q.exact is not None for q in quantities.values()]
        medians.append([exact_median(q.exact) if q.exact is not None else np.nan for q in quantities.values()])
    standard = {
        name: Quantity(value=lambda draws, name=name: draws[name], exact=norm() if exact else None)
        for name, exact in zip(names, has_exact, strict=True)
    }

    def row(i: int, family: int) -> Array:
        z = dict(zip(names, banks[i][:, family], strict=True))
        draws = {
            name: (shift + scale * values[None, 1:] if exact else values[None, 1:])
            for (name, values), exact in zip(z.items(), has_exact, strict=True)
        }
        truth = {name: values[0] for name, values in z.items()}
        result = summary(standard, truth, draws, np.random.default_rng([seed, i, family]))
        result[:, FIELDS.index("median")] = medians[i]
        return result

    return names, (np.array([row(i, family) for i in range(data_sets)]) for family in range(count))


def checks(names: tuple[str, ...], rows: Array, seed: int) -> list[Check]:
    """Return the pooled checks and those of the ranks."""
    u = positions(rows, seed)
    return [*pooled_checks(names, rows), *(rank_check(name, u[:, k]) for k, name in enumerate(names))]


def simulations(config: Config) -> Iterator[ExactSimulation]:
    """Yield the models of the registry, and those of posteriordb that can be simulated."""
    for name in config.model or NAMES:
        yield exact_simulation(get_model(name))
    if config.posteriordb is None:
        return
    for name in Folder(config.posteriordb).names:
        try:
            posterior = load(config.posteriordb, name)
            if len(scalar_distributions(posterior.model.marginals(posterior.y))) > MOST_QUANTITIES:
                continue
            simulation = exact_simulation(posterior.model, len(posterior.y))
        except (ValueError, NotImplementedError):  # not known, or a flat prior
            continue
        yield ExactSimulation(label=name, exact=simulation.exact, observations=simulation.observations)


def size(config: Config) -> None:
    """Print how often families of exact samplers are rejected."""
    count = FAMILIES // (10 if config.quick else 1)
    done: dict[str, list[Any]] = json.loads(config.out.read_text()) if config.out and config.out.exists() else {}
    for simulation in simulations(config):
        if simulation.label in done:
            continue
        names, found = families(simulation, count, config.seed, data_sets=DATA_SETS, n=DRAWS)
        rejected = {0.05: 0, 0.01: 0}
        smallest: list[float] = []
        for family, _ in zip(progress(count, f"size, {simulation.label}"), range(count), strict=True):
            family_checks = checks(names, next(found), family)
            smallest += [check.p_value for check in family_checks]
            for alpha in rejected:
                rejected[alpha] += judge(family_checks, alpha=alpha).verdict == "fail"
        single = [float(np.mean(np.array(smallest) <= level)) for level in (0.05, 0.01, 0.001)]
        done[simulation.label] = [count, len(names), rejected[0.05], rejected[0.01], *single]
        if config.out:
            config.out.write_text(json.dumps(done, indent=1))
    print(f"\nSize: families of {DATA_SETS} data sets, {DRAWS} exact draws each, rejected at 0.05 and at 0.01,")
    print("and single checks of them with p below 0.05, 0.01 and 0.001:\n")
    rows = [
        [label, f"{K}", rate(a, runs), rate(b, runs), *(f"{p:.4f}" for p in single)]
        for label, (runs, K, a, b, *single) in done.items()
    ]
    print(table(["model", "quantities", "family 0.05", "family 0.01", "p <= 0.05", "p <= 0.01", "p <= 0.001"], rows))


def null(config: Config) -> None:
    """Print the size of three tests of an average that is skewed."""
    runs = NULL_RUNS // (10 if config.quick else 1)
    rng = np.random.default_rng([config.seed, 1])
    levels = (0.05, 0.01, 1e-3, 1e-4)
    rows = []
    for e in (5, 20, 100, 400):
        for N in (20, 50, 200):
            for statistic, draw in (("scale", SQUARE), ("scale, mixed", SQUARE), ("tail", INDICATOR)):
                p = []
                for _ in progress(runs, f"null, {statistic}, {e} draws, {N} data sets"):
                    each = rng.integers(3, e + 1, N) if statistic == "scale, mixed" else np.full(N, e)
                    T = (
                        (rng.binomial(each, TAIL) / each - TAIL)
                        if draw == INDICATOR
                        else rng.chisquare(each) / each - 1
                    )
                    s2 = float(T.var(ddof=1))
                    sample = (s2, float(skew(T))) if s2 else (1.0, 0.0)
                    p.append([p_value(T), p_value(T, sample), p_value(T, draw)])
                columns = np.array(p).T
                rates = ["/".join(f"{np.mean(column <= level):.3g}" for column in columns) for level in levels]
                rows.append([statistic, f"{e}", f"{N}", *rates])
    print("\nNull: Student's t / Hall with the sample's skewness / Hall with the null's, rejected at each level:\n")
    print(table(["statistic", "draws", "data sets", *(f"{level:g}" for level in levels)], rows))


def stuck(config: Config) -> None:
    """Print the size of the share in a tail where a quarter of the draws of each data set is one draw."""
    runs = STUCK_RUNS // (10 if config.quick else 1)
    rng = np.random.default_rng([config.seed, 4])
    worth = 1 / (1 / 16 + (3 / 4) ** 2 / 75)  # independent draws, of which the mean has the same variance
    rows = []
    for N in (20, 50, 200):
        p = []
        for _ in progress(runs, f"stuck, {N} data sets"):
            share = rng.binomial(1, TAIL, N) / 4 + 3 / 4 * rng.binomial(75, TAIL, N) / 75
            least = BELIEVED * INDICATOR[0] / worth
            p.append([p_value(share - TAIL, INDICATOR), p_value(share - TAIL, INDICATOR, least)])
        columns = np.array(p).T
        rows.append([f"{N}", *("/".join(f"{np.mean(c <= a):.3g}" for c in columns) for a in (0.05, 0.01, 1e-3))])
    print("\nStuck chains: without / with the bound on the variance, rejected at each level:\n")
    print(table(["data sets", "0.05", "0.01", "0.001"], rows))


def evidence(config: Config) -> None:
    """Print the size of the check of evidence estimates, whose errors are log-normal."""
    runs = EVIDENCE_RUNS // (10 if config.quick else 1)
    rng = np.random.default_rng([config.seed, 5])
    rows = []
    for unequal in (1.0, 1.6):
        for sd in (0.05, 0.1, 0.2, 0.3):
            for N in (50, 200):
                p = []
                for _ in progress(runs, f"evidence, sd {sd}, {N} data sets"):
                    sds = sd * unequal ** rng.uniform(-0.5, 0.5, N)
                    p.append(evidence_check(rng.normal(-(sds**2) / 2, sds)).p_value)
                rows.append(
                    [f"{sd}", f"{unequal}", f"{N}", *(rate(int(np.sum(np.array(p) <= a)), runs) for a in (0.05, 0.01))]
                )
    print("\nEvidence: right estimates with errors of this sd in nats, p below 0.05 and 0.01:\n")
    print(table(["sd", "largest over smallest sd", "data sets", "0.05", "0.01"], rows))


def nuts(config: Config) -> None:
    """Print how often families of NUTS are rejected, on models where it should be right."""
    rows = []
    for model in config.model or NUTS_MODELS:
        count = NUTS_FAMILIES // (10 if config.quick else 1)
        result = calibrate("numpyro", model, datasets=count * DATA_SETS, seed=config.seed)
        blocks = np.array_split(result.rows, count)
        found = [checks(result.names, block, i) for i, block in enumerate(blocks)]
        p = np.array([check.p_value for family in found for check in family])
        row = [
            rate(sum(judge(family, alpha=alpha).verdict == "fail" for family in found), count) for alpha in (0.05, 0.01)
        ]
        whole = most_extreme(list(result.checks))
        rows.append(
            [
                model,
                *row,
                f"{np.mean(p <= 0.05):.4f}",
                f"{np.mean(p <= 0.01):.4f}",
                result.verdict,
                f"{whole.p_value:.2g}",
            ]
        )
    print(f"\nNUTS: families of {DATA_SETS} data sets, 500 draws by NumPyro each, and all of them as one family:\n")
    print(table(["model", "family 0.05", "family 0.01", "p <= 0.05", "p <= 0.01", "all together", "least p"], rows))


def power(config: Config) -> None:
    """Print how often errors are seen by the pooled checks and by ranks, and how many data sets ranks need."""
    runs = POWER_RUNS // (5 if config.quick else 1)
    rows = []
    for model in POWER_MODELS:
        simulation = exact_simulation(get_model(model))
        for error, (shift, scale) in ERRORS.items():
            names, found = families(
                simulation, runs, config.seed, shift, scale, data_sets=POWER_DATA_SETS, n=POWER_DRAWS
            )
            seen = np.zeros(6, dtype=int)
            for family in progress(runs, f"power, {model}, {error}"):
                family_checks = checks(names, next(found), family)
                first = {c.statistic: c.p_value for c in family_checks if c.parameter == names[0]}
                ranks = judge([c for c in family_checks if c.statistic == "ranks"], alpha=0.001)
                seen += [
                    first["location"] <= 0.05,
                    first["scale"] <= 0.05,
                    first["ranks"] <= 0.05,
                    judge(family_checks, alpha=0.001).verdict == "fail",
                    ranks.verdict == "fail",
                    judge(family_checks, alpha=0.05).verdict == "fail",
                ]
            rows.append([model, error, *(rate(int(k), runs) for k in seen)])
    head = ["location 0.05", "scale 0.05", "ranks 0.05", "family 0.001", "ranks alone 0.001", "family 0.05"]
    print(f"\nPower: {POWER_DATA_SETS} data sets, {POWER_DRAWS} independent draws each:\n")
    print(table(["model", "error", *head], rows))
    print("\nRanks of one parameter alone at 0.05, by the number of data sets:\n")
    print(table(["error", *map(str, RANK_DATA_SETS)], [_ranks_need(config, runs, *item) for item in ERRORS.items()]))


def _ranks_need(config: Config, runs: int, error: str, wrong: tuple[float, float]) -> list[str]:
    rng, (shift, scale) = np.random.default_rng([config.seed, 2]), wrong
    row = [error]
    for N in RANK_DATA_SETS:
        seen = 0
        for _ in range(2 * runs):
            r = rng.binomial(POWER_DRAWS, ndtr((rng.normal(size=N) - shift) / scale))
            seen += rank_check("x", (r + rng.random(N)) / (POWER_DRAWS + 1)).p_value <= 0.05
        row.append(rate(seen, 2 * runs))
    return row


PARTS: dict[str, Callable[[Config], None]] = {
    "size": size,
    "stuck": stuck,
    "evidence": evidence,
    "null": null,
    "nuts": nuts,
    "power": power,
}


if __name__ == "__main__":
    run_parts("calibration_size", PARTS, tyro.cli(Config, description=__doc__))
