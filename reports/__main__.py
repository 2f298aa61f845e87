"""Make report pages that check approximations against exact answers.

Each page is one self-contained HTML file, with a JSON file that has the same numbers. The pages and their index are
written into build/report, or into another folder with --out. Without a page name, every page is made with its defaults.
The page on posteriordb is made only where a clone of posteriordb is named: --posteriordb PATH. Each page has options of
its own; `python -m reports normal-normal --help` shows those for your own data.

Exit code: 0 if the pages are written and every check on them passes, 1 if a check fails, 3 if none fails but one is
inconclusive, 2 for bad usage.
"""

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from closedform import command_line
from closedform.extras import require
from closedform.provenance import commit, cpu_fingerprint
from closedform.validation import nearest
from closedform.verdict import EXIT_CODES, Verdict, worst
from reports import pages
from reports.shared import work
from reports.shared.options import Common
from reports.shared.work import Task, TaskError, UsageError

PACKAGES = ("closedform", "numpy", "scipy", "arviz-stats", "pymc", "pytensor", "nutpie", "numba", "numpyro", "blackjax")
"""Packages that the stored results of an interrupted run depend on, beside the commit."""


@dataclass(frozen=True, kw_only=True)
class All(Common):
    """Every page with its default options, and the index."""

    posteriordb: Path | None = None
    """A clone of github.com/stan-dev/posteriordb, or a folder in its layout: then its page is made too."""


def main(arguments: list[str], prog: str = "python -m reports") -> int:
    """Run the command line of the program ``prog`` and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        page, options = parse(arguments, prog)
    except ValueError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax logs there
    try:
        if isinstance(options, All):
            common = {field.name: getattr(options, field.name) for field in fields(Common)}
            selected = {
                name: module.Options(**common, **getattr(module, "IN_ALL", {}))
                for name, module in pages.PAGES.items()
                if name not in pages.ON_REQUEST
            }
            if options.posteriordb is not None:
                selected["posteriordb"] = pages.PAGES["posteriordb"].Options(**common, folder=options.posteriordb)
        else:
            selected = {page: options}
        verdicts = render(selected, console)
    except (UsageError, TaskError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print(
            "interrupted: the page under way was not written; the same command goes on from here", style="red"
        )
        return 130
    return EXIT_CODES[worst(verdicts)]


def parse(arguments: list[str], prog: str = "python -m reports") -> tuple[str, Any]:
    """Return the page that a command line names, or ``all``, and its options; raise ValueError if it is invalid."""
    first, *rest = arguments or ["all"]
    choices = {"all": All, **{name: module.Options for name, module in pages.PAGES.items()}}
    if (page := first.replace("_", "-")) in choices:
        arguments = [page, *rest]
    elif not first.startswith("-"):
        raise ValueError(f"the page must be one of {', '.join(choices)}, got {first!r}{nearest(page, choices)}")
    elif first not in {"-h", "--help"}:
        page, arguments = "all", ["all", *arguments]
    return page, command_line.parsed(
        lambda: tyro.extras.subcommand_cli_from_dict(choices, prog=prog, description=__doc__, args=arguments),
        f"{prog} {page} --help",
    )


def render(selected: dict[str, Any], console: Console) -> list[Verdict]:
    """Make and write the selected pages, each with its options, and the index; return the verdicts of the pages.

    Raises UsageError if an option is wrong, and TaskError if a task fails.
    """
    require("matplotlib")  # of the extra `reports`, which has everything that pages need
    made = pages.tasks(selected)
    options = next(iter(selected.values()))
    with work.writing_to(options.out):
        options.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.out).close()  # fails now rather than after the sampling
    index = Task(
        function=pages.write_index,
        arguments=(options.out,),
        label="the index",
        seconds=0.1,
        needs=tuple(made.values()),
        keep=False,
    )
    name = "all" if len(selected) > 1 else next(iter(selected))
    names = {need: name for name, page in reversed(made.items()) for need in [*page.needs, page]}
    code = f"{commit()} {[version(package) for package in PACKAGES]}"
    with (
        work.stored(options.out / f"{name}.unfinished", code) as store,
        progress_of(names, console) as announce,
    ):
        done = work.run(
            [index],
            processes=options.processes or work.cores(),
            environment=compilation(options.full),
            store=store,
            announce=announce,
        )
    outcomes = [done[page].result for page in made.values()]
    for path, verdict in outcomes:
        print(f"{path}: {verdict}")
    return [verdict for _, verdict in outcomes]


def compilation(full: bool) -> dict[str, str]:
    """Return the environment that says how the processes compile.

    JAX keeps compiled programs in CLOSEDFORM_CACHE, or the user's cache folder. Short runs wait for LLVM longer than
    for the draws: with Numba's level 1 the models page takes an eighth less time on a new machine.
    """
    from nets.data.image_cache import cache_directory

    return ({} if full else {"NUMBA_OPT": "1"}) | {
        "JAX_COMPILATION_CACHE_DIR": str(cache_directory() / "compiled" / cpu_fingerprint()),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(2**28),
    }


@contextmanager
def progress_of(names: dict[Task, str], console: Console) -> Iterator[Callable[[Task, float], None]]:
    """Yield a function that announces a finished task and the seconds that are left.

    ``names`` has the page of each task. The progress is a bar on a terminal, and plain lines elsewhere.
    """
    count = iter(range(1, len(names) + 1))
    if not console.is_terminal:

        def line(task: Task, left: float) -> None:
            if task in names:
                place = f"[{next(count)}/{len(names)}]"
                console.print(f"{names[task]} {place} {task.label}; about {left:.0f} s left", markup=False)

        yield line
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[left]}"),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task("compiling", total=len(names), left="")

        def advance(task: Task, left: float) -> None:
            if task in names:
                progress.update(bar, description=f"{names[task]}: {task.label}", advance=1, left=f"{left:.0f} s left")

        yield advance


if __name__ == "__main__":
    sys.exit(command_line.run(main))
