"""Render report pages: what is approximated, checked against what is known exactly.

Each page is one self-contained HTML file and a JSON file with the same numbers, written with an index into
build/report (`--out` changes that). Without a page name every page is made with its defaults.
`python -m reports normal-normal --help` shows the options of that page, among them those for your own data.
Exit code: 0 when the pages are written and no check on them fails, 1 if one fails, 3 if none fails but one is
inconclusive, 2 for bad usage.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from closedform import command_line
from closedform.validation import nearest
from closedform.verdict import EXIT_CODES, Verdict, worst
from reports import classifiers, gradients, models, normal_normal, samplers
from reports.shared.options import Common

PAGES: dict[str, ModuleType] = {
    "normal-normal": normal_normal,
    "models": models,
    "samplers": samplers,
    "gradients": gradients,
    "classifiers": classifiers,
}


@dataclass(frozen=True, kw_only=True)
class All(Common):
    """Every page with its default options, and the index."""


class UsageError(Exception):
    """The command cannot be carried out; the message is one line that says why and what to do."""


def main(arguments: list[str], prog: str = "python -m reports") -> int:
    """Run the command line, of the program ``prog``, and return the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        page, options = parse(arguments, prog)
    except ValueError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax chats there
    try:
        if isinstance(options, All):
            common = {"out": options.out, "seed": options.seed, "quick": options.quick}
            verdicts: list[Verdict] = [render(name, page.Options(**common), console) for name, page in PAGES.items()]
        else:
            verdicts = [render(page, options, console)]
    except UsageError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("interrupted: the page under way was not written", style="red")
        return 130
    return EXIT_CODES[worst(verdicts)]


def parse(arguments: list[str], prog: str = "python -m reports") -> tuple[str, Any]:
    """Return the page that a command line names, or all, and its options; ValueError in one line if there are none."""
    first, *rest = arguments or ["all"]
    pages = {"all": All, **{name: module.Options for name, module in PAGES.items()}}
    if (page := first.replace("_", "-")) in pages:
        arguments = [page, *rest]
    elif not first.startswith("-"):
        raise ValueError(f"the page must be one of {', '.join(pages)}, got {first!r}{nearest(page, pages)}")
    elif first not in {"-h", "--help"}:
        page, arguments = "all", ["all", *arguments]
    return page, command_line.parsed(
        lambda: tyro.extras.subcommand_cli_from_dict(pages, prog=prog, description=__doc__, args=arguments),
        f"{prog} {page} --help",
    )


def render(name: str, options: Any, console: Console) -> Verdict:
    """Make one page, write it with the index, and return its verdict; raise UsageError if the options are wrong."""
    started = time.perf_counter()
    module = PAGES[name]
    try:
        problem = module.read(options)
    except ValueError as error:
        raise UsageError(str(error)) from error
    with writing_to(options.out):
        options.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.out).close()  # better now than after the sampling
    from reports.shared.page import (  # after the checks: drawing and sampling take seconds to import
        drawing,
        write_index,
    )
    from reports.shared.provenance import command, provenance_rows

    with progress_of(name, module.steps(options), console) as step, drawing():
        page = module.build(problem, options, step)
    page.provenance = provenance_rows(
        command(name, options), options.seed, module.packages(options), time.perf_counter() - started
    )
    with writing_to(options.out):
        path = page.write(options.out)
        write_index(options.out, [module.NAME for module in PAGES.values()])
    print(f"{path}: {page.verdict}")
    return page.verdict


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn a failure to write into one line that names the folder."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"`out` folder {folder} cannot be written: {error.strerror}; choose another with --out."
        ) from error


@contextmanager
def progress_of(name: str, steps: int, console: Console) -> Iterator[Callable[[str], None]]:
    """Yield a function that announces the next of ``steps`` steps: a bar on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        count = iter(range(1, steps + 1))
        yield lambda message: console.print(f"{name} [{next(count)}/{steps}] {message}", markup=False)
        return
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=steps, completed=-1)
        yield lambda message: progress.update(task, description=f"{name}: {message}", advance=1)


if __name__ == "__main__":
    sys.exit(command_line.run(main))
