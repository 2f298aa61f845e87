"""The section on false alarms and power: how often a correct sampler fails, and how small an error is detected."""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy.stats import binom, binomtest

from bayes.checking.results import ALPHA
from bayes.checking.two_stages import MORE
from closedform.verdict import Verdict
from reports.samplers.detection import UNLIKELY
from reports.samplers.measurements import ALPHAS, DRAWS, SHIFTS, Rates
from reports.shared.page import Numbers
from reports.shared.sampling_figures import shares_with_intervals


def verdict(rates: Rates) -> Verdict:
    """Return ``fail`` if correct samplers fail far more often than a rate allows."""
    return "fail" if any(_too_often(*_counts(rates, i)) for i in range(len(ALPHAS))) else "pass"


def rates_section(rates: Rates) -> Numbers:
    """Return the measured false-alarm rates and the measured power."""
    counts_by_rate = [_counts(rates, i) for i in range(len(ALPHAS))]
    return {
        "chains": 4,
        "draws": DRAWS,
        "runs": len(rates.runs),
        "false_alarms": {
            "rate": ALPHAS,
            "one stage": [one_stage / runs for _, runs, one_stage, _ in counts_by_rate],
            "interval": [_interval(one_stage, runs) for _, runs, one_stage, _ in counts_by_rate],
            "two stages": [two_stages / runs for _, runs, _, two_stages in counts_by_rate],
            "interval ": [_interval(two_stages, runs) for _, runs, _, two_stages in counts_by_rate],
            "second stage": [
                sum(run[i].resampled > 0 for run in rates.runs) / len(rates.runs) for i in range(len(ALPHAS))
            ],
        },
        "power_by_error": _power(rates),
        "power_alpha": ALPHA,
        "more": MORE,
        "repeats": rates.repeats,
        "shifts": SHIFTS,
        "power": {name: [count / rates.repeats for count in counts] for name, counts in rates.detected.items()},
        "too_often": [f"{counts[0]:g}" for counts in counts_by_rate if _too_often(*counts)],
    }


def _counts(rates: Rates, i: int) -> tuple[float, int, int, int]:
    """Return the rate at index ``i``, the number of runs, and how many failed with one stage and with two."""
    column = [run[i] for run in rates.runs]
    return (
        ALPHAS[i],
        len(column),
        sum(family.one_stage == "fail" for family in column),
        sum(family.two_stages == "fail" for family in column),
    )


def _too_often(alpha: float, runs: int, one_stage: int, two_stages: int) -> bool:
    return bool(binom.sf(max(one_stage, two_stages) - 1, runs, alpha) < UNLIKELY)


def _interval(hits: int, runs: int) -> str:
    interval = binomtest(hits, runs).proportion_ci()
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _power(rates: Rates) -> Figure:
    figure, axis = plt.subplots(figsize=(10, 3.4))
    for name, counts in rates.detected.items():
        shares_with_intervals(axis, SHIFTS, counts, rates.repeats, name)
    axis.set(xlabel="error of the mean, in posterior sds", ylabel="share of runs that fail", ylim=(-0.03, 1.03))
    axis.legend()
    return figure
