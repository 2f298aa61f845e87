"""What a person at a terminal sees of training, and how it is stopped."""

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
def interrupt() -> Iterator[tuple[Callable[[], None], Callable[[], bool]]]:
    """Yield what begins to listen for Ctrl-C, and what says whether it was pressed; a second one interrupts at once.

    A launcher passes on what the terminal has sent already, so one within a second of the first is the same. SIGTERM,
    which a scheduler sends before it takes a machine away, counts as Ctrl-C. Before anybody listens there is nothing to
    save, and the first interrupts at once.
    """
    pressed: list[float] = []
    listening: list[bool] = []

    def press(*_: Any) -> None:
        pressed.append(time.monotonic())
        if not listening:
            # In a callback of a library that is being loaded Python ignores this; whoever listens later still knows.
            raise KeyboardInterrupt
        if len(pressed) == 1:
            os.write(2, b"\nstopping: what is being computed is finished and saved; Ctrl-C again stops at once\n")
        elif pressed[-1] - pressed[0] > 1:
            raise KeyboardInterrupt("stopped at once; --resume goes on from the last checkpoint, if there is one")

    def catch() -> None:
        for number in before:
            signal.signal(number, press)

    def listen() -> None:
        listening.append(True)
        catch()  # again: where several processes train together JAX has taken SIGTERM for itself

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        catch()
        yield listen, lambda: bool(pressed)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Yield what shows how far something is: a bar on a terminal, elsewhere a line where decoding starts."""
    if not console.is_terminal:
        said = set()

        def say(what: str, _: int, total: int) -> None:
            if what.startswith("decode") and what not in said:
                said.add(what)
                console.print(f"{what}: {total:,} images", markup=False)

        yield say
        return
    columns = [TextColumn("{task.description}"), BarColumn(), Speed(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            if bar.tasks[task].total != total:
                bar.reset(task, total=total)
            bar.update(task, description=what, completed=done)

        yield show
