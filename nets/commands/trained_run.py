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
    """File or folder of the data set, if it has moved since training. It is read, and must have the same data."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets, if it has moved since training."""

    def load(self, folder: Path, progress: Progress | None = None) -> "runs.Run":
        """Return the run in ``folder``; raise ValueError if it cannot be read, or has no such data."""
        from nets.training.runs import load_run

        run = load_run(folder, self.checkpoint, progress=progress)
        if self.dataset is None and self.data_dir is None:
            return run
        from nets.training.computed_predictions import task_of
        from nets.training.task import with_data

        config = run.config
        if self.dataset is None and Path(config.dataset).is_absolute():
            raise ValueError(
                f"`data_dir` is the folder of data sets of TensorFlow Datasets, and run {folder} was trained on "
                f"{config.dataset}; give --dataset if that has moved."
            )
        dataset, data_dir = self.dataset, self.data_dir
        moved = replace(
            config,
            dataset=config.dataset if dataset is None else dataset,
            data_dir=config.data_dir if data_dir is None else data_dir,
        )
        run = replace(run, config=with_data(moved, None))
        return replace(run, dataset=task_of(run).dataset)
