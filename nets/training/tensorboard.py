"""The metrics of training for TensorBoard."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from closedform.extras import require

SPLITS = ("train", "validation", "test")


@contextmanager
def tensorboard_log(folder: Path) -> Iterator[Callable[[dict[str, float]], None]]:
    """Yield a function for ``fit(on_epoch=...)`` that writes the metrics of each epoch into ``folder``.

    Losses and accuracies of all splits are in one figure each: ``loss/train``, ``loss/validation``. If a run is
    resumed, the later epochs of before are hidden. Raises ModuleNotFoundError without the extra ``tensorboard``.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "tensorboard"
    >>> with tensorboard_log(folder) as log:
    ...     log({"epoch": 1, "train_loss": 0.7, "learning_rate": 1e-3})
    >>> len(list(folder.iterdir()))
    1
    """
    require("tensorboardX")
    from tensorboardX import SummaryWriter

    writers: list[Any] = []
    with ExitStack() as stack:

        def log(metrics: dict[str, float]) -> None:
            epoch = int(metrics["epoch"])
            if not writers:  # not before the first epoch: `fit` wants a folder of its own
                writer = SummaryWriter(str(folder), purge_step=epoch, write_to_disk=True)
                writers.append(stack.enter_context(writer))
            for name, value in metrics.items():
                split, _, metric = name.partition("_")
                writers[0].add_scalar(f"{metric}/{split}" if split in SPLITS else name, value, epoch)
            writers[0].flush()

        yield log
