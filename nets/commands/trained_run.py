"""The options of every command on a trained network: its folder, the checkpoint, and where its data are."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from nets.data.datasets import Progress

if TYPE_CHECKING:
    from nets.training import runs


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """A run, which `load` reads."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run, as printed by `train`."""
    checkpoint: Literal["last", "best"] = "last"
    """Parameters: the last, or the best on validation data. The evaluation and the temperature of the best, and those
    of a run that is not finished, need the data set, which is read again."""
    dataset: str | None = None
    """File or folder of the data set, if it has moved since training. It must have the same data."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets, if it has moved since training."""

    def load(self, folder: Path, progress: Progress | None = None) -> "runs.Run":
        """Return the run in ``folder``; raise ValueError if it cannot be read, or `dataset` is not there."""
        from nets.training.runs import load_run

        run = load_run(folder, self.checkpoint, progress=progress)
        if self.dataset is None and self.data_dir is None:
            return run
        from nets.training.task import with_data

        config = run.config
        moved = replace(config, dataset=self.dataset or config.dataset, data_dir=self.data_dir or config.data_dir)
        return replace(run, config=with_data(moved, None))
