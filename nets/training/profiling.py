"""A profile of some steps of training by `jax.profiler`."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

FIRST_CHUNK = 4
"""The first chunk in the profile, of a long run: those before compile, and are of one step, two, four."""
CHUNKS = 3
"""Largest number of chunks in the profile."""

logger = logging.getLogger(__name__)


@contextmanager
def profiled_chunks(folder: Path | None, steps: int) -> Iterator[Callable[[], None]]:
    """Yield a function to be called before every chunk of the ``steps`` to come; the chunks 4 to 6 are profiled.

    If there may be fewer than four chunks, the last one that there certainly is begins the profile. It is written into
    ``folder``, with a file ``perfetto_trace.json.gz`` for https://ui.perfetto.dev. None profiles nothing. A warning
    says if training ended before the first of these chunks.
    """
    # The chunks are of at most 1, 2, 4, ... steps, so that many steps are this many chunks or more.
    first = min(FIRST_CHUNK, steps.bit_length())
    chunks, active = 0, False

    def stop() -> None:
        nonlocal active
        if active:
            jax.profiler.stop_trace()
            active = False

    def before_chunk() -> None:
        nonlocal chunks, active
        chunks += 1
        if folder is not None and chunks == first:
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # calls of Python functions, which are many, and none of them is a step
            jax.profiler.start_trace(folder, create_perfetto_trace=True, profiler_options=options)
            active = True
        elif chunks == first + CHUNKS:
            stop()

    try:
        yield before_chunk
    finally:
        stop()
        if folder is not None and not 0 < first <= chunks:
            reason = f"training ended before chunk {first} of its steps" if chunks else "no step was trained"
            logger.warning("no profile: %s", reason)


def traces(folder: Path) -> dict[Path, float]:
    """Return the files for https://ui.perfetto.dev of a profile in ``folder``, with their times of modification."""
    return {file: file.stat().st_mtime for file in folder.rglob("perfetto_trace.json.gz")}
