"""Images a second of the training chunk: networks, precisions and batches, and the forms of the first batch."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import jax

from benchmarks.accelerator.parts.chunks import PLAIN, Chunk, timed_alternately, variants
from benchmarks.accelerator.settings import Settings
from nets.training.config import TrainConfig


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each variant, or the reason why it does not run; those of a case are timed alternately."""
    for batch, precision, model in product(settings.batches, settings.precisions, settings.models):
        config = TrainConfig(model=model, precision=precision, batch_size=batch, hidden=settings.hidden)
        case = {"model": model, "precision": precision, "batch": batch}
        chunks, names = [], []
        for variant in (
            variants(config, jax.local_devices()[0].device_kind) if batch == settings.batches[0] else [PLAIN]
        ):
            try:
                chunks.append(Chunk(config, settings.images, settings.repeats + 1, variant))
                names.append(variant.name)
            except jax.errors.JaxRuntimeError as error:
                yield case | {"variant": variant.name, "error": str(error)[:500]}
        for name, timing in zip(names, timed_alternately(chunks, settings.repeats), strict=True):
            yield case | {"variant": name} | timing
