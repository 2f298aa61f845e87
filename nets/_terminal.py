"""What commands show at a terminal: tables, a progress bar, and what Ctrl-C does to training."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class Speed(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "")


@contextmanager
def handle_interrupts() -> Iterator[tuple[Callable[[], None], Callable[[], bool]]]:
    """Handle Ctrl-C and SIGTERM; yield a function that defers the first, and one that returns whether there was one.

    Until the first function is called there is nothing to save, and an interrupt raises KeyboardInterrupt at once.
    After that the first interrupt is only recorded, and a second one raises KeyboardInterrupt. An interrupt within a
    second of the first is not counted: a launcher forwards the signal that the terminal has already sent. A scheduler
    sends SIGTERM before it ends a job.
    """
    signal_times: list[float] = []
    deferred: list[bool] = []

    def receive(*_: Any) -> None:
        signal_times.append(time.monotonic())
        if not deferred:
            # Python ignores this exception in a callback during an import; the signal is recorded all the same.
            raise KeyboardInterrupt
        if len(signal_times) == 1:
            os.write(2, b"\nstopping: the current steps are finished and saved; Ctrl-C again stops at once\n")
        elif signal_times[-1] - signal_times[0] > 1:
            raise KeyboardInterrupt("stopped at once; --resume continues from the last checkpoint, if there is one")

    def install() -> None:
        for number in previous_handlers:
            signal.signal(number, receive)

    def defer() -> None:
        deferred.append(True)
        install()  # again: with several processes JAX has installed a handler of SIGTERM

    previous_handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        install()
        yield defer, lambda: bool(signal_times)
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a progress callback: a bar on a terminal, elsewhere a line when decoding starts."""
    if not console.is_terminal:
        reported = set()

        def report(task: str, _: int, total: int) -> None:
            if task.startswith("decode") and task not in reported:
                reported.add(task)
                console.print(f"{task}: {total:,} images", markup=False)

        yield report
        return
    columns = [TextColumn("{task.description}", markup=False), BarColumn(), Speed(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as bar:
        task_id = bar.add_task("starting", total=None)

        def update(task: str, completed: int, total: int) -> None:
            if bar.tasks[task_id].total != total:
                bar.reset(task_id, total=total)
            bar.update(task_id, description=task, completed=completed)

        yield update


def wide_console() -> Console:
    """Return a console on standard output, wide enough for any table unless it is a terminal."""
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = 200
    return console
