"""A profile of some steps of training by `jax.profiler`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

FIRST_CHUNK, LAST_CHUNK = 4, 6
"""Chunks in the profile: the first ones compile, and are of one step, two, four."""


@contextmanager
def profiled_chunks(folder: Path | None) -> Iterator[Callable[[], None]]:
    """Yield a function to be called before every chunk of steps; the chunks 4 to 6 of a call are profiled.

    The profile is written into ``folder``, with a file ``perfetto_trace.json.gz`` for https://ui.perfetto.dev. None
    profiles nothing.
    """
    chunks, active = 0, False

    def stop() -> None:
        nonlocal active
        if active:
            jax.profiler.stop_trace()
            active = False

    def before_chunk() -> None:
        nonlocal chunks, active
        chunks += 1
        if folder is not None and chunks == FIRST_CHUNK:
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # calls of Python functions, which are many, and none of them is a step
            jax.profiler.start_trace(folder, create_perfetto_trace=True, profiler_options=options)
            active = True
        elif chunks > LAST_CHUNK:
            stop()

    try:
        yield before_chunk
    finally:
        stop()
