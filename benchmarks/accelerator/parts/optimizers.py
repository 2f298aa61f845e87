"""A step with Muon beside a step with AdamW: what the orthogonalization by Newton-Schulz costs."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from benchmarks.accelerator.parts.chunks import PLAIN, Chunk, timed_alternately
from benchmarks.accelerator.settings import Settings
from nets.training.config import Optimizer, TrainConfig

OPTIMIZERS: tuple[Optimizer, ...] = ("adamw", "muon")


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each network, precision and optimizer; the optimizers are timed alternately."""
    for model, precision in product(settings.models, settings.precisions):
        configs = [
            TrainConfig(
                model=model,
                precision=precision,
                batch_size=settings.batches[0],
                hidden=settings.hidden,
                optimizer=name,
            )
            for name in OPTIMIZERS
        ]
        chunks = [Chunk(config, settings.images, settings.repeats + 1, PLAIN) for config in configs]
        for name, timing in zip(OPTIMIZERS, timed_alternately(chunks, settings.repeats), strict=True):
            milliseconds = 1000 * settings.batches[0] / timing["images_per_second"]
            yield {"model": model, "precision": precision, "optimizer": name, "step_ms": milliseconds} | timing
