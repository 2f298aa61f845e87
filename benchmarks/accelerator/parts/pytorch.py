"""PyTorch on the same device: eager, and on a GPU with `torch.compile` and with its whole step in a CUDA graph."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.accelerator.settings import Settings
from benchmarks.train_vs_torch import GPU_MODES, Options, WorkerError, compare, workers


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the environments, and for each network and precision the speeds and ratios of `benchmarks.train_vs_torch`.

    If a mode of PyTorch fails, a row says why, and the case is repeated without this mode.
    """
    if settings.torch_python is None:
        yield {"skipped": "this Python has no PyTorch; name one that has it with --torch-python"}
        return
    options = Options(torch_python=settings.torch_python, repeats=settings.repeats, seconds=settings.seconds, steps=5)
    cases = [(model, settings.batches[0], precision) for precision in settings.precisions for model in settings.models]
    modes = {f"torch, {mode}": mode for mode in GPU_MODES}
    with tempfile.TemporaryDirectory() as folder:
        while cases:
            with workers(options, list(modes.values())) as (jax_worker, torch_workers, environments):
                yield {"environments": environments}
                try:
                    while cases:
                        yield compare(options, *cases[0], jax_worker, torch_workers, Path(folder))
                        cases.pop(0)
                except WorkerError as error:
                    model, batch, precision = cases[0]
                    yield {"model": model, "batch": batch, "precision": precision, "error": str(error)}
                    if modes.pop(error.worker or "", None) is None:  # without JAX or eager mode nothing is left
                        cases.pop(0)
