"""What a checkpoint and an evaluation add to an epoch: `fit` with and without them, timed from epoch to epoch."""

import time
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.accelerator.settings import Settings
from nets.__main__ import enable_compilation_cache
from nets.training.config import TrainConfig
from nets.training.fitting import fit


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the seconds of an epoch, of its training steps, and of the rest.

    These are medians over the epochs between the first, which compiles, and the last, which has both always.
    """
    enable_compilation_cache()
    for model in settings.models:
        for evaluation, checkpoint in [(False, False), (True, False), (False, True), (True, True)]:
            config = TrainConfig(
                model=model,
                dataset=settings.dataset,
                data_dir=settings.data_dir,
                hidden=settings.hidden,
                run_dir=settings.folder / f"epochs-{model}-{evaluation}-{checkpoint}",
                epochs=settings.epochs,
                eval_every=1 if evaluation else settings.epochs,
                checkpoint_every=1 if checkpoint else settings.epochs,
            )
            ends, steps = [], []

            def on_epoch(line: dict[str, float], ends: list[float] = ends, steps: list[float] = steps) -> None:
                ends.append(time.perf_counter())
                steps.append(line["seconds"])

            fit(config, on_epoch=on_epoch)
            whole = [after - before for before, after in pairwise(ends[:-1])]
            rest = [a - b for a, b in zip(whole, steps[1:-1], strict=True)]
            yield {
                "model": model,
                "evaluation": evaluation,
                "checkpoint": checkpoint,
                "epoch_seconds": median(whole),
                "steps_seconds": median(steps[1:-1]),
                "rest_seconds": median(rest),
                "rest_seconds_range": [min(rest), max(rest)],
            }
