"""Several devices: a batch that grows with them, and ensemble members on devices of their own."""

from collections.abc import Iterator
from typing import Any

import jax

from benchmarks.accelerator.parts.chunks import PLAIN, Chunk, timed_alternately
from benchmarks.accelerator.settings import Settings
from nets.distributed.mesh import make_mesh
from nets.training.config import TrainConfig


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield images a second for 1, 2, 4, ... devices, or a row that says that there is one."""
    available = jax.local_device_count()
    if available == 1:
        yield {"skipped": "there is one device"}
        return
    counts = [2**power for power in range(available.bit_length()) if 2**power <= available]
    for model in settings.models:
        for sharded in ["batch", "members"]:
            single = None
            for devices in counts:
                sizes = (
                    {"batch_size": settings.batches[0] * devices}
                    if sharded == "batch"
                    else {"batch_size": settings.batches[0], "members": devices}
                )
                config = TrainConfig(model=model, hidden=settings.hidden, **sizes)
                mesh = make_mesh(devices, config.members, config.batch_size)
                count = max(settings.images, 4 * config.batch_size)
                (timing,) = timed_alternately(
                    [Chunk(config, count, settings.repeats + 1, PLAIN, mesh)], settings.repeats
                )
                single = single or timing["images_per_second"]
                speedup = timing["images_per_second"] / single
                yield {"model": model, "sharded": sharded, "devices": devices, "speedup": speedup} | timing
