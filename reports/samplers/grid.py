"""The section with a row for each model and a column for each sampler, and the details behind each cell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks, most_extreme
from bayes.checking.two_stages import MORE, judge_in_two_stages, same_checks
from bayes.registry import Model
from closedform.verdict import Verdict, worst
from reports.samplers.problem import Options
from reports.shared.page import Link, Numbers
from reports.shared.registry_runs import NO_JACOBIAN, Run, run
from reports.shared.sampling import check_columns, counts


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The cells with their checks. The samplers are judged as one family, and each injected mistake by itself."""

    options: Options
    cells: list[Run]
    """Ordered by model, then by sampler."""
    checks: Checks
    injected: dict[str, tuple[Run, list[Check]]]
    """Name of the model -> the run of NUTS without the Jacobian, and its checks."""

    def cell_and_checks(self, model: str, sampler: str) -> tuple[Run, list[Check]] | None:
        """Return a cell with its checks, or None if the sampler does not run on the model."""
        if sampler == NO_JACOBIAN:
            return self.injected.get(model)
        for cell in self.cells:
            if (cell.model, cell.sampler) == (model, sampler):
                return cell, [check for check in self.checks if check.model == _family(cell)]
        return None


def judge_all(options: Options, cells: Sequence[Run], injected: Sequence[Run]) -> Grid:
    """Judge the cells as one family, with the flagged ones run again, and each injected mistake alone."""
    first = [check for cell in cells for check in _cell_checks(cell)]
    notes = [f"{_family(cell)}: {note}" for cell in cells for note in cell.notes]

    def resample(places: list[int]) -> list[Check]:
        flagged = {first[place].model for place in places}
        fresh = [
            check
            for cell in cells
            if _family(cell) in flagged
            for check in _cell_checks(run(cell.model, cell.sampler, options.seed, options.size, stage=2))
        ]
        return same_checks(first, places, fresh)

    return Grid(
        options=options,
        cells=list(cells),
        checks=judge_in_two_stages(first, resample, notes=notes),
        injected={cell.model: (cell, list(judge(cell.checks)) if cell.checks else []) for cell in injected},
    )


def verdict(grid: Grid) -> Verdict:
    """Return the verdict on the samplers; ``fail`` also if an injected mistake is not detected or draws are refused."""
    return "fail" if _undetected(grid) or any(cell.refused for cell in grid.cells) else grid.checks.verdict


def cell_verdict(cell: Run, checks: Sequence[Check]) -> Verdict:
    """Return the verdict on one cell."""
    return "fail" if cell.refused else worst([check.verdict for check in checks])


def grid_section(grid: Grid) -> Numbers:
    """Return the table with a row for each model and a column for each sampler, and all its checks."""
    options = grid.options
    columns: dict[str, list[Any]] = {"model": list(options.models)}
    for engine in [*options.engines, *([NO_JACOBIAN] if grid.injected else [])]:
        found = [grid.cell_and_checks(name, engine) for name in options.models]
        columns[engine] = [_link(*cell_and_checks) if cell_and_checks else None for cell_and_checks in found]
    return {
        **counts(grid.checks),
        "chains": 4,
        "draws": options.size.draws,
        "smc_runs": options.size.smc_runs,
        "particles": options.size.particles,
        "more": MORE,
        "resampled": sorted({check.model for check in grid.checks if check.stage == 2}),
        "grid": columns,
        "left_out": None in [cell for engine in options.engines for cell in columns[engine]],
        "injected_draws": options.injected_size.draws,
        "injected": len(grid.injected),
        "undetected": _undetected(grid),
        "cells": [
            {
                "model": cell.model,
                "engine": cell.sampler,
                "verdict": cell_verdict(cell, checks),
                "must_fail": cell.sampler == NO_JACOBIAN,
                "seconds": cell.seconds,
                "refused": cell.refused,
                "checks": Checks(checks=tuple(checks), alpha=grid.checks.alpha).rows(),
            }
            for cell, checks in _all_cells(grid)
        ],
    }


def details(model: Model, grid: Grid) -> Numbers:
    """Return a table of all checks for each sampler on one model."""
    return {
        "title": model.example.title,
        "source": model.source,
        "cells": [
            {
                "engine": cell.sampler,
                "anchor": _anchor(cell),
                "refused": cell.refused,
                "seconds": cell.seconds,
                "checks": check_columns(checks) if checks else None,
                "notes": [*cell.notes, *dict.fromkeys(check.reason for check in checks if check.reason)],
            }
            for cell, checks in _all_cells(grid)
            if cell.model == model.name
        ],
    }


def _undetected(grid: Grid) -> list[str]:
    """Return the models on which the injected mistake does not fail."""
    return [name for name, (cell, checks) in grid.injected.items() if cell_verdict(cell, checks) != "fail"]


def _all_cells(grid: Grid) -> list[tuple[Run, list[Check]]]:
    """Return all cells with their checks, the injected ones last."""
    cells = [grid.cell_and_checks(cell.model, cell.sampler) for cell in grid.cells]
    return [cell for cell in cells if cell] + list(grid.injected.values())


def _link(cell: Run, checks: Sequence[Check]) -> Link:
    """Return the verdict, the most extreme error and the seconds of a cell, as a link to its checks."""
    verdict = cell_verdict(cell, checks)
    if cell.refused:
        return Link(f"{verdict}, refused, {cell.seconds:.0f} s", _anchor(cell), verdict)
    extreme = most_extreme(checks)
    size = f"p\N{NO-BREAK SPACE}{extreme.p_value:.1g}" if extreme.z is None else f"{extreme.z:+.1f}\N{NO-BREAK SPACE}se"
    return Link(f"{verdict}, {size}, {cell.seconds:.0f}\N{NO-BREAK SPACE}s", _anchor(cell), verdict)


def _anchor(cell: Run) -> str:
    return f"{cell.model}-{cell.sampler}".replace(" ", "-")


def _family(cell: Run) -> str:
    return f"{cell.model} {cell.sampler}"


def _cell_checks(cell: Run) -> list[Check]:
    return [replace(check, model=_family(cell)) for check in cell.checks]
