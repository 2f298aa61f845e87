"""Everything that a run needs before its first step, except the train state: data, network, optimizer and devices."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from closedform.provenance import BFLOAT16_INSTRUCTION_SETS, commit, cpu_instruction_sets, versions
from closedform.validation import shown
from nets.data.datasets import Dataset, Progress, data_directory, load
from nets.data.files import absolute_name
from nets.data.splits import Split, hold_out, subset
from nets.data.stored_images import StoredImages
from nets.data.tfds_folder import NotPreparedError
from nets.distributed.mesh import BATCH_AXIS, describe_devices, describe_idle_devices, make_mesh
from nets.distributed.processes import on_all_processes, require_equal
from nets.training.class_balance import are_uneven, class_weights
from nets.training.config import TrainConfig
from nets.training.ensemble import init_ensemble_state
from nets.training.networks import Network, network_of
from nets.training.optimizers import optimizer
from nets.training.step import TrainState, shard_state
from nets.training.streaming import must_stream

RECORDED_PACKAGES = ["closedform", "jax", "jaxlib", "flax", "optax", "numpy"]


@dataclass(frozen=True)
class Task:
    """A configuration with its data, network, optimizer and devices."""

    config: TrainConfig
    dataset: Dataset
    splits: dict[str, Split]
    """The images for train, validation and test, each read when it is indexed."""
    network: Network
    optimizer: optax.GradientTransformation
    mesh: Mesh
    streamed: bool = False
    """Whether images are read batch by batch, as they are needed."""
    class_weights: np.ndarray | None = None
    """(K,) the weight of each class in the loss, or None if all are 1."""

    @property
    def uneven(self) -> bool:
        """Whether classes have unequal numbers of training images, so that metrics also count every class alike."""
        return are_uneven(self.splits["train"].labels)

    @property
    def steps(self) -> int:
        """Number of steps in an epoch."""
        return len(self.splits["train"]) // self.config.batch_size

    @property
    def total_steps(self) -> int:
        """Number of steps in all epochs."""
        return self.config.epochs * self.steps

    @property
    def data(self) -> dict[str, Any]:
        """The identity of the data: class names, images by split, and the SHA-256 of the data set and of its splits.

        The SHA-256 of the splits is over positions and labels. Another version of NumPy may shuffle differently, and
        mix the images of the splits.
        """
        splits_digest = hashlib.sha256()
        for split in self.splits.values():
            splits_digest.update(split.index.tobytes() + split.labels.tobytes())
        return {
            "classes": list(self.dataset.class_names),
            "images": {name: len(split) for name, split in self.splits.items()},
            "dataset_sha256": self.dataset.sha256,
            "splits_sha256": splits_digest.hexdigest(),
        }

    def initial_state(self) -> TrainState:
        """Return the train state before the first step, sharded over the mesh."""

        def initial_state() -> TrainState:
            classes = len(self.dataset.class_names)
            return init_ensemble_state(self.config, self.dataset.image_shape, classes, self.optimizer)

        return shard_state(jax.jit(initial_state)(), self.config.members, self.mesh)

    def provenance(self, state: TrainState) -> dict[str, Any]:
        """Return what is recorded of the origin of a run."""
        return {
            "commit": commit(),
            "versions": versions(RECORDED_PACKAGES),
            "device": describe_devices(self.mesh),
            "parameters": self._parameters(state),
            "seeds": list(self.config.seeds),
            "data": self.data,
            "reading": dict(self.dataset.reading),
        }

    def describe(self, state: TrainState) -> str:
        """Return how the images were read, network, devices, data set and numbers of images in words."""
        config = self.config
        networks = config.model if config.members == 1 else f"{config.members} {config.model} networks, each"
        images = ", ".join(f"{len(split):,} {name}" for name, split in self.splits.items())
        on_disk = isinstance(self.splits["train"].images, StoredImages) and self.splits["train"].images.on_disk
        streamed = f", streamed from {'disk' if on_disk else 'memory'}" if self.streamed else ""
        notes = "".join(f"{note}\n" for note in [*self.dataset.notes, *self._notes_on_classes()])
        return (
            f"{notes}{networks} with {self._parameters(state):,} parameters on {describe_devices(self.mesh)}: "
            f"{config.dataset}, {images} images{streamed}{self._left_out()}"
            f"{describe_idle_devices(self.mesh)}{_slow_bfloat16(config)}"
        )

    def _notes_on_classes(self) -> Iterator[str]:
        """Yield sentences on a subset of the training images, and on uneven classes."""
        labels = self.splits["train"].labels
        if self.config.limit is not None:
            yield f"A subset of {len(labels):,} training images is used, stratified by class, seed {self.config.seed}."
        if self.uneven:
            counts = np.bincount(labels, minlength=len(self.dataset.class_names))
            largest, smallest = np.argmax(counts), np.argmin(np.where(counts > 0, counts, len(labels)))
            names = self.dataset.class_names
            weighted = ", and the loss weights every class alike" if self.class_weights is not None else ""
            yield (
                f"Classes are uneven ({names[largest]} {counts[largest]:,} training images, {names[smallest]} "
                f"{counts[smallest]:,}): balanced accuracy and macro F1 are shown{weighted}."
            )

    def _left_out(self) -> str:
        """Return how many images an epoch leaves out, if it is a tenth of them or more, else nothing."""
        images, used = len(self.splits["train"]), self.steps * self.config.batch_size
        if images - used < images / 10:
            return ""
        steps = "1 step" if self.steps == 1 else f"{self.steps} steps"
        left_out = f"leaves out {images - used:,} of the training images at random"
        return f"; an epoch has {steps} of {self.config.batch_size}, and {left_out}"

    def _parameters(self, state: TrainState) -> int:
        """Return the number of parameters of one network."""
        return sum(leaf.size for leaf in jax.tree.leaves(state.params)) // self.config.members


def prepare(config: TrainConfig, progress: Progress, dataset: Dataset | None = None) -> Task:
    """Load the data of ``config`` unless ``dataset`` is given, and return its task; every process has the same.

    Raises NotPreparedError if the data set is not in the data folder, and ValueError if data, configuration and devices
    do not fit each other.
    """
    if dataset is None:
        dataset = on_all_processes(lambda: _load_dataset(config, progress))
    if (num_classes := len(np.unique(dataset.train.labels))) < 2:
        raise ValueError(
            f"`dataset` must have training images of at least two classes, got {num_classes} in {config.dataset}."
        )
    dataset = dataset.stored()
    train, validation = _hold_out(config, dataset)
    if config.limit is not None:
        train = subset(train, config.limit, config.seed)
    splits = {"train": train, "validation": validation, "test": dataset.test}
    mesh = make_mesh(config.devices, config.members, config.batch_size)
    shards = mesh.shape[BATCH_AXIS]
    if config.batch_size % (shards * config.accumulate):
        raise ValueError(
            f"`batch_size` must be a multiple of {shards * config.accumulate}, {config.accumulate} parts on each of "
            f"{shards} devices, got {config.batch_size}; take another --accumulate or --batch-size."
        )
    if len(train) < config.batch_size:
        raise ValueError(
            f"`batch_size` must be at most {len(train)}, the number of training images, got {config.batch_size}."
        )
    _require_large_enough_images(config, dataset.image_shape)
    balanced = config.class_weights == "balanced"
    weights = class_weights(train.labels, len(dataset.class_names)) if balanced else None
    task = Task(
        config=config,
        dataset=dataset,
        splits=splits,
        network=network_of(config, dataset.image_shape, len(dataset.class_names)),
        optimizer=optimizer(config, config.epochs * (len(train) // config.batch_size)),
        mesh=mesh,
        streamed=must_stream(config, sum(split.images.nbytes for split in splits.values())),
        class_weights=weights,
    )
    require_equal("data", repr(task.data))
    return task


def with_data(config: TrainConfig, dataset: Dataset | None) -> TrainConfig:
    """Return ``config`` with the name of its data: that of ``dataset``, or the absolute path of its files.

    Raises ValueError if ``dataset`` is no data set, or its images have another size than ``config`` says.
    """
    if dataset is None:
        return replace(config, dataset=absolute_name(config.dataset, data_directory(config.data_dir)))
    if not isinstance(dataset, Dataset):
        raise ValueError(
            f"`dataset` must be a data set, got {shown(dataset)}; `nets.from_arrays` makes one of images and labels."
        )
    size, (height, width, _) = config.image_size, dataset.image_shape
    if size is not None and (size[0], size[-1]) != (height, width):
        raise ValueError(f"`image_size` must be left out for images of {height} x {width} in `dataset`, got {size}.")
    return replace(config, dataset=dataset.name)


def _slow_bfloat16(config: TrainConfig) -> str:
    """Return a warning if ``config`` asks for bfloat16 on a CPU that is known to lack it, else nothing."""
    instructions = cpu_instruction_sets()
    if config.precision == "float32" or jax.default_backend() != "cpu" or instructions is None:
        return ""
    if set(instructions) & set(BFLOAT16_INSTRUCTION_SETS):
        return ""
    return "; this CPU has no instructions for bfloat16, and float32 is faster"


def _load_dataset(config: TrainConfig, progress: Progress) -> Dataset:
    """Return the data set; with several processes it must be prepared beforehand."""
    try:
        return load(config.dataset, config.data_dir, progress, config.image_size)
    except NotPreparedError as error:
        if jax.process_count() == 1:
            raise
        raise ValueError(f"{error}; prepare it first with `python -m nets prepare {config.dataset}`.") from error


def _hold_out(config: TrainConfig, dataset: Dataset) -> tuple[Split, Split]:
    """Return training and validation images: those of the data set, if it has validation images."""
    if dataset.validation is None or config.validation == 0:
        return hold_out(dataset.train, config.validation, config.seed)
    if config.validation is not None:
        raise ValueError(
            f"`validation` must be left out, or 0, since {dataset.name} has {len(dataset.validation):,} validation "
            f"images of its own, got {config.validation}."
        )
    return dataset.train, dataset.validation


def _require_large_enough_images(config: TrainConfig, image_shape: tuple[int, int, int]) -> None:
    """Raise ValueError if the images are too small for the convolutions of ``config``."""
    height, width, _ = image_shape
    trimmed = 2 * len(config.channels)  # pixels, by 3x3 convolutions without padding
    if config.model == "conv" and min(height, width) <= trimmed:
        max_convolutions = (min(height, width) - 1) // 2
        way_out = (
            f"take at most {max_convolutions} --channels, or --model mlp" if max_convolutions else "take --model mlp"
        )
        raise ValueError(
            f"`model` conv with {len(config.channels)} convolutions of 3x3 reduces height and width by {trimmed} "
            f"pixels, and the images of {config.dataset} are {height} x {width}; {way_out}."
        )
