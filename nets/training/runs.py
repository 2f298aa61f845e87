"""The run folder: written by `nets.training.fitting`, read by evaluation and reports.

The folder has these files::

    config.json        configuration, class names, image shape and provenance
    metrics.jsonl      one line per epoch: losses in nats and accuracies
    checkpoints/       the last two states, and the best on validation data
    predictions.npz    the logits of the final parameters for every image, once training is finished

`predictions.npz` holds, for SPLIT in train, validation, test: ``SPLIT_logits`` (N, K) float32, ``SPLIT_labels`` (N,)
int32 and ``SPLIT_index`` (N,) int64, the position of each image in the published train or test split. If the images
were files, ``SPLIT_file`` (N,) str is the name of each, relative to the folder of the data set. It also holds
``class_names`` (K,) and ``schema_version``. The logits of an ensemble are those of its predictive, and
``SPLIT_member_logits`` (members, N, K) float32 are those of its members. It loads without pickle.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import optax
from flax import nnx
from scipy.special import softmax

from closedform.files import written_whole
from nets.data.datasets import Dataset, Progress
from nets.data.splits import Split
from nets.training.checkpoints import Checkpoints, open_checkpoints
from nets.training.config import TrainConfig
from nets.training.early_stopping import stopped_early
from nets.training.ensemble import ensemble_logits, init_ensemble_state
from nets.training.inference import Report, logits_function
from nets.training.networks import Network, build_network, network_of
from nets.training.optimizers import optimizer
from nets.training.step import TrainState
from nets.training.variables import by_name, merged, variables_of

SCHEMA_VERSION = 4
RUN_FILES = ("config.json", "metrics.jsonl", "predictions.npz")
"""Files by which a folder is recognized as a run folder."""
LOCK = ".lock"
"""The file that a process locks while it trains in the folder."""


@dataclass(frozen=True)
class Run:
    """A training run, read from its folder."""

    folder: Path
    config: TrainConfig
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    provenance: dict[str, Any]
    metrics: list[dict[str, float]]
    """One dictionary per epoch: the lines of metrics.jsonl."""
    checkpoint: Literal["last", "best"] = "last"
    """Parameters for `predict` and `predictions`: of the last checkpoint, or of the best on validation data."""
    dataset: Dataset | None = field(default=None, compare=False, repr=False)
    """The data for `predictions` that are not in the folder; by default those that the configuration names."""
    progress: Progress | None = field(default=None, compare=False, repr=False)
    """Called while such predictions are computed, as in `nets.fit`."""

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickled run has: what was read and computed so far, without functions and data set."""
        functions = ("network", "_compute_logits")
        state = {name: value for name, value in vars(self).items() if name not in functions}
        return state | {"dataset": None, "progress": None}

    @cached_property
    def finished(self) -> bool:
        """Whether every epoch was trained, or training stopped early, and the predictions were written."""
        trained = len(self.metrics) == self.config.epochs or stopped_early(self.config, self.metrics)
        return trained and (self.folder / "predictions.npz").exists()

    @cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        """The arrays of predictions.npz, for the parameters of the checkpoint.

        They are read from the file if the run is finished and the checkpoint is the last; otherwise they are computed
        from the data set of the run. Raises ValueError if the file or a checkpoint cannot be read, or the data set is
        not there or another.
        """
        if self.checkpoint == "best" or not self.finished:
            from nets.training.computed_predictions import compute_predictions  # it reads runs

            return compute_predictions(self)
        try:
            with np.load(self.folder / "predictions.npz", allow_pickle=False) as file:
                arrays = dict(file)
            _require_predictions(arrays, self.class_names, self.config.members)
        except Exception as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"run {self.folder} has a damaged predictions.npz: {reason}; train it again.") from error
        return arrays

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the checkpoint. Raises ValueError if there is none, or if it is damaged."""
        return self._params_and_statistics[0]

    @property
    def variables(self) -> dict[str, Any]:
        """The parameters and the statistics of the checkpoint in one tree, for `network`; with the same errors."""
        return merged(*self._params_and_statistics)

    @cached_property
    def _params_and_statistics(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if (self.folder / "checkpoints").is_dir():
            with open_checkpoints(self.folder / "checkpoints", read_only=True) as checkpoints:
                step = self._step(checkpoints)
                if step is not None:
                    state = checkpoints.restore_variables(
                        step,
                        self._abstract_state(optax.identity()),
                        lambda: self._abstract_state(optimizer(self.config, 1)),
                    )
                    return state.params, state.statistics
        if self.checkpoint == "best" and replace(self, checkpoint="last").step is not None:
            rule = "no checkpoint was evaluated on validation data; take the last"
        else:
            rule = "none was written yet, or its folder `checkpoints` was removed; train it, or restore the folder"
        raise ValueError(f"run {self.folder} has no {self.checkpoint} checkpoint: {rule}.")

    @cached_property
    def step(self) -> int | None:
        """The step of the checkpoint, or None if there is no such checkpoint."""
        if not (self.folder / "checkpoints").is_dir():
            return None
        with open_checkpoints(self.folder / "checkpoints", read_only=True) as checkpoints:
            return self._step(checkpoints)

    def _step(self, checkpoints: Checkpoints) -> int | None:
        return checkpoints.best_step(self.metrics) if self.checkpoint == "best" else checkpoints.latest_step()

    def _abstract_state(self, transform: optax.GradientTransformation) -> TrainState:
        """Return the shapes of the train state with the optimizer ``transform``."""
        return jax.eval_shape(
            lambda: init_ensemble_state(self.config, self.image_shape, len(self.class_names), transform)
        )

    @cached_property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters of one network, by name, layer by layer."""
        model = nnx.eval_shape(lambda: build_network(self.config, self.image_shape, len(self.class_names)))
        params, _ = variables_of(model)
        return {name: leaf.shape for name, leaf in by_name(params).items()}

    def logits(self, images: Any) -> np.ndarray:
        """Return the logits (N, K), float32, of ``images``: uint8 of shape (N, height, width, channels).

        The logits of an ensemble are the logarithm of its predictive.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != self.image_shape or not len(images):
            raise ValueError(
                f"`images` must be uint8 of shape (N, {', '.join(map(str, self.image_shape))}) and N >= 1, got "
                f"{images.dtype} of shape {images.shape}."
            )
        return ensemble_logits(self.member_logits(images))

    def member_logits(self, images: Any, report: Report = lambda *_: None) -> np.ndarray:
        """Return the logits (N, K) of ``images`` as in `logits`, or (members, N, K) in an ensemble.

        ``report`` is called with the number of images so far, and N.
        """
        return self._compute_logits(self.variables, images, report)

    def predict(self, images: Any) -> np.ndarray:
        """Return the predictive distribution of each image: probabilities (N, K), whose rows sum to 1."""
        return softmax(self.logits(images), axis=1)

    @cached_property
    def _compute_logits(self) -> Callable[..., np.ndarray]:
        return logits_function(self.network, self.config.members)

    @cached_property
    def network(self) -> Network:
        """The network without its variables. Raises ValueError if it is an own network that cannot be imported."""
        return network_of(self.config, self.image_shape, len(self.class_names), for_training=False)


def load_run(
    folder: Path | str,
    checkpoint: Literal["last", "best"] = "last",
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Run:
    """Return the run in ``folder``; raise ValueError, in one line, if there is none or it cannot be read.

    ``checkpoint`` selects the parameters for predictions: the last, or the best on validation data. The predictions of
    the best, and those of a run that is not finished, need the data of the run: ``dataset`` is those of a run that was
    trained on arrays, as they were given to `fit`. ``progress`` is called meanwhile, as in `fit`.
    """
    if checkpoint not in ("last", "best"):
        raise ValueError(f"`checkpoint` must be 'last' or 'best', got {checkpoint!r}.")
    folder = Path(folder)
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        _require_version(content["schema_version"])
        config = TrainConfig(**_from_json(content["config"]))
        metrics = read_metrics(folder)
        names, shape = tuple(content["class_names"]), tuple(content["image_shape"])
        return Run(folder, config, names, shape, content["provenance"], metrics, checkpoint, dataset, progress)
    except FileNotFoundError as error:
        raise ValueError(f"{folder} is not a run folder: there is no {error.filename}.") from error
    except OSError as error:
        raise ValueError(f"run {folder} cannot be read: {error.strerror}.") from error
    except KeyError as error:
        raise ValueError(f"run {folder} cannot be read: config.json has no {error}.") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"run {folder} cannot be read: {error}.") from error


def write_config(
    folder: Path, config: TrainConfig, class_names: tuple[str, ...], image_shape: tuple[int, ...], provenance: Any
) -> None:
    """Write config.json."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "config": asdict(config),
        "class_names": class_names,
        "image_shape": image_shape,
        "provenance": provenance,
    }
    text = json.dumps(content, indent=1, default=str)
    _write(folder / "config.json", lambda file: file.write(text.encode()))


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Return the lines of metrics.jsonl; raise ValueError with the number of the first damaged line."""
    metrics: list[dict[str, float]] = []
    for number, text in enumerate((folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
        except ValueError:
            line = {}
        numeric = isinstance(line, dict) and all(isinstance(value, int | float) for value in line.values())
        if not numeric or "step" not in line or line.get("epoch") != number:
            raise ValueError(
                f"line {number} of metrics.jsonl is not the metrics of epoch {number}; remove it and all later lines"
            )
        metrics.append(line)
    return metrics


def write_metrics(folder: Path, metrics: list[dict[str, float]]) -> None:
    """Write metrics.jsonl, one line per epoch."""
    text = "".join(json.dumps(line) + "\n" for line in metrics)
    _write(folder / "metrics.jsonl", lambda file: file.write(text.encode()))


def write_predictions(
    folder: Path, splits: dict[str, Split], logits: dict[str, np.ndarray], class_names: tuple[str, ...]
) -> None:
    """Write predictions.npz; ``logits`` are (N, K), or (members, N, K) in an ensemble."""
    arrays = prediction_arrays(splits, logits, class_names)
    _write(folder / "predictions.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))


def prediction_arrays(
    splits: dict[str, Split], logits: dict[str, np.ndarray], class_names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return the arrays of predictions.npz; ``logits`` are those of `write_predictions`."""
    arrays = {"schema_version": np.array(SCHEMA_VERSION), "class_names": np.array(class_names)}
    for name, split in splits.items():
        arrays |= {f"{name}_labels": split.labels, f"{name}_index": split.index}
        if split.files is not None:
            arrays |= {f"{name}_file": split.files}
        arrays |= {f"{name}_logits": ensemble_logits(logits[name])}
        if logits[name].ndim == 3:
            arrays |= {f"{name}_member_logits": logits[name]}
    return arrays


def _require_version(version: Any) -> None:
    """Raise ValueError unless this version of closedform reads the schema version."""
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"it has schema version {version}, and this closedform reads {SCHEMA_VERSION}; train it again, or use the "
            "version of closedform that wrote it"
        )


def _require_predictions(arrays: dict[str, np.ndarray], class_names: tuple[str, ...], members: int) -> None:
    """Raise ValueError if arrays do not match the run, KeyError if one is missing."""
    _require_version(arrays["schema_version"])
    if tuple(arrays["class_names"]) != class_names:
        raise ValueError("its class names are not those of config.json")
    K = len(class_names)
    for split in ["train", "validation", "test"]:
        labels = arrays[f"{split}_labels"]
        shapes = {
            f"{split}_labels": (len(labels),),
            f"{split}_index": (len(labels),),
            f"{split}_logits": (len(labels), K),
        }
        if members > 1:
            shapes[f"{split}_member_logits"] = (members, len(labels), K)
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"`{name}` has shape {arrays[name].shape}, not {shape}")
            if not np.isfinite(arrays[name]).all():
                raise ValueError(f"`{name}` is not finite everywhere")
        if (files := arrays.get(f"{split}_file")) is not None and files.shape != labels.shape:
            raise ValueError(f"`{split}_file` has shape {files.shape}, not {labels.shape}")
        if not ((labels >= 0) & (labels < K)).all():
            raise ValueError(f"`{split}_labels` must lie in 0 .. {K - 1}")


def _write(file: Path, write: Callable[[Any], Any]) -> None:
    """Write a file whole or not at all; OSError names the folder and the way out."""
    try:
        with written_whole(file) as partial, partial.open("wb") as stream:
            write(stream)
    except OSError as error:
        raise write_error(file.parent, error) from error


def write_error(folder: Path, error: OSError) -> OSError:
    """Return ``error`` with a message that names the folder, the reason and the way out."""
    way_out = "choose another with --run-dir, or repair it and, if it has a checkpoint, --resume"
    return OSError(error.errno, f"run folder {folder} cannot be written ({error.strerror}); {way_out}")


def _from_json(config: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration, with paths and tuples restored from JSON."""
    tuples = dict.fromkeys(["hidden", "channels", "image_size"], tuple)
    types: dict[str, Callable[[Any], Any]] = {**dict.fromkeys(["data_dir", "run_dir", "init_from"], Path), **tuples}
    return {
        name: types[name](value) if name in types and value is not None else value for name, value in config.items()
    }
