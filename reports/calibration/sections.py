"""The sections of the page, as the numbers that their templates show."""

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from bayes.calibration.results import Calibration
from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks, most_extreme
from bayes.faults.calibrated_faults import OF_DRAWS, OFTEN
from bayes.faults.calibrated_faults import Power as FaultPower
from bayes.faults.faulty_kernels import FAULTY_KERNELS, FaultyKernel
from closedform.verdict import worst
from reports.calibration import figures
from reports.calibration.measurements import CHAINS, DATA_SETS, DRAWS, ERRORS, LEVEL, Cell, KernelPower, Power
from reports.shared.page import Numbers
from reports.shared.sampling import counts


def judged(cells: Sequence[Cell]) -> Checks:
    """Return the checks of all cells as one family."""
    return judge([check for cell in cells for check in cell.calibration.unjudged(_label(cell))])


def pooled_section(cells: Sequence[Cell], checks: Checks, draws: int) -> Numbers:
    """Return the verdicts on all engines, and the errors with their intervals."""
    groups = {_label(cell): [check for check in checks if check.model == _label(cell)] for cell in cells}
    pooled = {
        label: [check for check in group if check.statistic in ("location", "scale")] for label, group in groups.items()
    }
    smallest = {
        (label, statistic): min(c.minimum_detectable_effect for c in group if c.statistic == statistic)
        for label, group in pooled.items()
        for statistic in ("location", "scale")
    }
    return {
        **counts(checks),
        "draws": draws,
        "figure_of_errors": figures.errors(pooled),
        "cells": {
            "model": [cell.calibration.model for cell in cells],
            "engine": [cell.calibration.sampler for cell in cells],
            "data sets": [len(cell.calibration.rows) for cell in cells],
            "failed": [len(cell.calibration.failures) for cell in cells],
            "checks": [len(groups[_label(cell)]) for cell in cells],
            "most extreme": [_name(most_extreme(groups[_label(cell)])) for cell in cells],
            "p": [most_extreme(groups[_label(cell)]).p_value for cell in cells],
            "location": [smallest[_label(cell), "location"] for cell in cells],
            "scale": [smallest[_label(cell), "scale"] for cell in cells],
            "verdict": [worst([check.verdict for check in groups[_label(cell)]]) for cell in cells],
        },
        "largest": max(abs(check.error) for group in pooled.values() for check in group),
        "all_checks": checks.rows(),
    }


def ranks_section(cells: Sequence[Cell]) -> Numbers:
    """Return the ECDFs of the ranks and the coverage of central intervals."""
    rows = [(cell.calibration, name, levels) for cell in cells for name, levels in cell.calibration.coverage().items()]
    return {
        "most": figures.MOST_PANELS,
        "cut": sum(len(cell.calibration.names) for cell in cells) > figures.MOST_PANELS,
        "ecdfs": figures.ecdfs([cell.calibration for cell in cells]),
        "coverage": {
            "model": [calibration.model for calibration, _, _ in rows],
            "engine": [calibration.sampler for calibration, _, _ in rows],
            "quantity": [name for _, name, _ in rows],
            **{
                f"{100 * level.level:g} %": [100 * levels[i].covered for _, _, levels in rows]
                for i, level in enumerate(rows[0][2])
            },
        },
    }


def power_section(powers: Sequence[Power], draws: int) -> Numbers:
    """Return how often errors are detected by the pooled checks and by the ranks."""
    place = DATA_SETS.index(200)
    return {
        "draws": draws,
        "repeats": powers[0].repeats,
        "level": LEVEL,
        "figure_of_power": figures.detected(powers),
        "power": {
            "sampler": [power.name for power in powers for _ in range(2)],
            "test": ["pooled", "ranks"] * len(powers),
            **{
                str(n): [counts[i] / power.repeats for power in powers for counts in (power.pooled, power.ranks)]
                for i, n in enumerate(DATA_SETS)
            },
        },
        "at": DATA_SETS[place],
        "errors": [name for name, *_ in ERRORS[:-1]],
        "pooled_share": [power.pooled[place] / power.repeats for power in powers[:-1]],
        "ranks_share": [power.ranks[place] / power.repeats for power in powers[:-1]],
    }


def faults_section(results: Sequence[tuple[FaultPower, FaultPower]]) -> Numbers:
    """Return how many data sets the faulty samplers need."""
    pooled, ranks = zip(*results, strict=True)
    return {
        "often": OFTEN,
        "families": {str(n): k for n, k in zip(pooled[0].sizes, pooled[0].families, strict=True)},
        "largest": pooled[0].sizes[-1],
        "mistakes": {faulty.name: faulty.mistake for faulty in OF_DRAWS},
        "needed": {
            "mistake": [faulty.name for faulty in OF_DRAWS],
            "pooled": [_needed(power) for power in pooled],
            "ranks": [_needed(power) for power in ranks],
        },
        "pooled_finds": sum(power.needed is not None for power in pooled),
        "ranks_find": sum(power.needed is not None for power in ranks),
        "figure_of_faults": figures.needed([faulty.name for faulty in OF_DRAWS], pooled, ranks),
    }


def kernels_section(results: Sequence[KernelPower]) -> Numbers:
    """Return how often the faulty kernels are detected by one transition, and by draws."""
    return {
        "mistakes": {faulty.name: faulty.mistake for faulty in FAULTY_KERNELS},
        "repeats": results[0].right.repeats,
        "joint": [faulty.name for faulty in FAULTY_KERNELS if faulty.joint],
        "kernels": {
            "mistake": [faulty.name for faulty in FAULTY_KERNELS],
            "model": [faulty.model for faulty in FAULTY_KERNELS],
            **{
                f"once, {n}": [
                    found.one[i].detected / found.one[i].repeats if i < len(found.one) else None for found in results
                ]
                for i, n in enumerate(CHAINS)
            },
            "right": [found.right.detected / found.right.repeats for found in results],
            **{
                f"check, {n}": [found.draws[i].detected / found.draws[i].repeats for found in results]
                for i, n in enumerate(DRAWS)
            },
            "wrong block": [_block(faulty, found) for faulty, found in zip(FAULTY_KERNELS, results, strict=True)],
        },
        "undetected": undetected(results),
    }


def undetected(results: Sequence[KernelPower]) -> list[str]:
    """Return the faulty kernels that are not detected in most of the runs with the most chains."""
    return [
        faulty.name
        for faulty, found in zip(FAULTY_KERNELS, results, strict=True)
        if found.one[-1].detected < OFTEN * found.one[-1].repeats
    ]


def cost_section(cells: Sequence[Cell]) -> Numbers:
    """Return what the draws cost, engine by engine."""
    costs = [cell.calibration.cost() for cell in cells]
    return {
        "cost": {
            "model": [cell.calibration.model for cell in cells],
            "engine": [cell.calibration.sampler for cell in cells],
            "ms a data set": [1e3 * cost["seconds"] for cost in costs],
            "ESS": [cost["ess"] for cost in costs],
            "ESS a second": [cost["ess_a_second"] for cost in costs],
            "gradients": [cost["gradients"] for cost in costs],
            "ESS a gradient": [cost["ess_a_gradient"] for cost in costs],
            "divergent": [float(np.sum(cell.calibration.divergent)) for cell in cells],
            "seconds in all": [cell.seconds for cell in cells],
        },
    }


def budgets_section(runs: Sequence[tuple[int, Calibration]]) -> Numbers:
    """Return the bias of short chains: the worst errors at each budget, and what it costs."""
    location, scale = ([figures.worst(run, statistic) for _, run in runs] for statistic in ("location", "scale"))
    of_pair: dict[tuple[str, str], list[tuple[int, Calibration]]] = {}
    for n, run in runs:
        of_pair.setdefault((run.model, run.sampler), []).append((n, run))
    return {
        "data_sets": max(len(run.rows) for _, run in runs),
        "figure_of_budgets": figures.budgets(of_pair),
        "budgets": {
            "model": [run.model for _, run in runs],
            "engine": [run.sampler for _, run in runs],
            "iterations": [n for n, _ in runs],
            "gradients": [float(run.gradients.mean()) for _, run in runs],
            "location": [check.parameter for check in location],
            "its error": [check.error for check in location],
            "±": [check.null_error for check in location],
            "scale": [check.parameter for check in scale],
            "its error ": [check.error for check in scale],
            "± ": [check.null_error for check in scale],
            "verdict": [run.verdict for _, run in runs],
        },
        "enough": {f"{sampler} on {model}": _enough(of) for (model, sampler), of in of_pair.items()},
    }


def _enough(runs: Sequence[tuple[int, Calibration]]) -> int | None:
    """Return the smallest budget that passes, as do all larger ones; None if the largest does not."""
    passed = [n for n, _ in takewhile(lambda pair: pair[1].verdict == "pass", reversed(runs))]
    return passed[-1] if passed else None


def _label(cell: Cell) -> str:
    return f"{cell.calibration.model}, {cell.calibration.sampler}"


def _name(check: Check) -> str:
    return f"{check.parameter}, {check.statistic}"


def _needed(power: FaultPower) -> str:
    return f"more than {power.sizes[-1]}" if power.needed is None else str(power.needed)


def _block(faulty: FaultyKernel, found: KernelPower) -> str:
    """Return the blocks that failed with the most chains, each with the number of runs."""
    return ", ".join(f"{name}: {k}" for name, k in found.one[-1].by_update.items() if name) if faulty.update else ""
