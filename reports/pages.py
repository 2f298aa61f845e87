"""The pages, and how one is made: its tasks, and the page from their results."""

import time
from pathlib import Path
from types import ModuleType
from typing import Any

from closedform.verdict import Verdict
from reports import approximations, calibration, classifiers, gradients, models, normal_normal, posteriordb, samplers
from reports.shared.work import Done, Task, UsageError, writing_to

PAGES: dict[str, ModuleType] = {
    "normal-normal": normal_normal,
    "models": models,
    "samplers": samplers,
    "calibration": calibration,
    "approximations": approximations,
    "gradients": gradients,
    "classifiers": classifiers,
    "posteriordb": posteriordb,
}
ON_REQUEST = ("posteriordb",)
"""Pages that need a folder of the user's, so that they are made only where one is named."""


def tasks(pages: dict[str, Any]) -> dict[str, Task]:
    """Return, for each page and its options, the task that makes it; raise UsageError if an option is wrong."""
    made = {}
    for name, options in pages.items():
        try:
            problem = PAGES[name].read(options)
        except ValueError as error:
            raise UsageError(str(error)) from error
        made[name] = Task(
            function=make,
            arguments=(name, options),
            label="the page",
            seconds=PAGES[name].SECONDS,
            needs=tuple(PAGES[name].tasks(problem, options)),
            keep=False,
        )
    return made


def make(name: str, options: Any, needs: list[Done] | None = None) -> tuple[Path, Verdict]:
    """Make a page from the results that it needs and write it; return the path of its HTML file and its verdict."""
    from reports.shared.page import drawing
    from reports.shared.provenance import command, provenance_rows

    started = time.perf_counter()
    module, results = PAGES[name], needs or []
    with drawing():
        page = module.build(module.read(options), options, [done.result for done in results])
    seconds = sum(done.seconds for done in results) + time.perf_counter() - started
    page.provenance = provenance_rows(command(name, options), options.seed, module.packages(options), seconds)
    with writing_to(options.out):
        return page.write(options.out), page.verdict


def write_index(out: Path, _: list[Done]) -> None:
    """Write the index of all pages in ``out``; the tasks that it needs have written them."""
    from reports.shared.page import write_index

    with writing_to(out):
        write_index(out, [module.NAME for module in PAGES.values()])
