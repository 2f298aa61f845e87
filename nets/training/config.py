"""The configuration of a training run: a frozen dataclass whose fields are the options of the command line."""

import math
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from closedform.validation import require
from nets.data import Augmentation
from nets.models import Initialization

type Model = Literal["mlp", "conv"]
type Optimizer = Literal["sgd", "adam", "adamw", "muon"]
type Schedule = Literal["constant", "cosine", "one-cycle"]
FLIPPABLE_DATASETS = ("cifar10", "cifar100", "fashion_mnist")
"""Data sets whose images keep their class when mirrored."""

MUON_LEARNING_RATE = 0.02
"""Default learning rate of muon, whose orthogonalized steps are too small with 1e-3."""

NETWORK_OPTIONS = ("precision", "hidden", "channels", "final_relu", "initialization")
"""Options of mlp and conv, which a network of one's own has none of."""

type ClassWeights = Literal["none", "balanced"]
type Stream = Literal["auto", "always", "never"]

type Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The configuration of a training run. Raises ValueError for an invalid option."""

    model: str = "conv"
    """Network: mlp; conv (3x3 convolutions, then the same MLP); or module:name of a network of your own, a class or
    function that returns a flax.nnx.Module if it is called with image_shape, classes and rngs."""
    dataset: str = "cifar10"
    """A folder of images with one folder a class (perhaps in train/, val/ and test/), an .npz file, a folder of MNIST's
    files or of Hugging Face's Parquet files; the name of a data set in TensorFlow Datasets; or `digits`, which needs no
    download."""
    image_size: tuple[int, ...] | None = None
    """SIDE or HEIGHT WIDTH in pixels to which image files are cropped and resized (default: their most common size, and
    at most 64 pixels a side)."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)."""
    run_dir: Path | None = None
    """Folder of this run (default: build/runs/DATASET-MODEL-seedSEED, with -xMEMBERS for an ensemble). It must not
    contain another run."""
    stream: Stream = "auto"
    """Whether batches are read from disk as they are needed: auto (if the images of the run take more than half of the
    free memory of a device, or a quarter of that of the host), always or never. The result is the same."""
    epochs: int = 10
    """Passes over the training images."""
    batch_size: int = 128
    """Images a step. An incomplete last batch of an epoch is dropped; the next epoch shuffles all images again."""
    accumulate: int = 1
    """Parts of a batch, of equal size, whose gradients are computed one after the other and added up. The memory for
    activations is that of one part. The result is that of 1 within rounding."""
    optimizer: Optimizer = "adamw"
    """Optax's sgd (with Nesterov momentum), adam, adamw or muon (muon for linear kernels, adam for the rest)."""
    learning_rate: float | None = None
    """Learning rate, or its peak if there is a schedule (default: 1e-3, and 0.02 for muon)."""
    schedule: Schedule = "one-cycle"
    """constant; cosine to 0; or one-cycle: linear up over the first fifth of the steps, then linear down to 0."""
    momentum: float = 0.9
    """Momentum of sgd and muon, beta_1 of adam and adamw."""
    nesterov: bool = True
    """Nesterov's form of the momentum of sgd."""
    weight_decay: float = 0.05
    """Decoupled weight decay of kernels (with muon: of linear layers), multiplied by the learning rate. adam has
    none."""
    label_smoothing: float = 0.0
    """Probability mass of each label that is spread uniformly over all classes: at least 0 and below 1."""
    augmentation: Augmentation | None = None
    """none; flip: random left-right flip; flip+crop: also a random translation by up to an eighth of the image, padded
    with gray (default: flip for cifar10, cifar100 and fashion_mnist, else none: a mirrored digit may change its
    class)."""
    precision: Precision = "float32"
    """Precision of the factors of matrix products. Sums, activations and parameters are always float32, as are
    convolutions on a CPU. A CPU without instructions for bfloat16 is faster with float32. With float32 a GPU with TF32
    (A100 and later) rounds factors to TF32 and a TPU to bfloat16, as JAX does by default; the environment variable
    JAX_DEFAULT_MATMUL_PRECISION=highest prevents that."""
    hidden: tuple[int, ...] = (1000, 1000)
    """Widths of the hidden linear layers."""
    channels: tuple[int, ...] = (12,)
    """Output channels of each convolution of `conv`."""
    final_relu: bool = False
    """Apply a ReLU to the logits, to reproduce networks that do."""
    initialization: Initialization = "lecun-normal"
    """Initialization of the parameters: lecun-normal, or fan-in-uniform (kernels and biases uniform in
    +-1/sqrt(fan_in))."""
    validation: int | None = None
    """Number of training images held out for model selection, stratified by class (default: a tenth, or the validation
    images of the data set if it has its own; 0: none)."""
    limit: int | None = None
    """Number of training images to use, a subset stratified by class (default: all). The images for validation and test
    stay the same."""
    class_weights: ClassWeights = "none"
    """none, or balanced: the loss of an image is multiplied by n / (K n_k), for n training images of K classes and n_k
    of its class, so that every class counts alike. Losses are shown without weights."""
    eval_every: int = 1
    """Epochs between evaluations on validation and test data; the last epoch is always evaluated."""
    checkpoint_every: int | None = None
    """Epochs between checkpoints; the last epoch always has one. Only evaluated checkpoints can be the best. They are
    written while training goes on. (default: one after every epoch, but if an epoch is shorter than the writing of a
    checkpoint, only the newest and the best of those that wait; with a number each one is written, and training waits
    for the one before)."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints within an epoch (0: one after every chunk of steps, which takes two seconds at
    most)."""
    patience: int | None = None
    """Stop early: after so many epochs without a better accuracy on validation data (default: never). The best
    checkpoint remains, for `--checkpoint best`."""
    init_from: Path | None = None
    """Folder of a run of the same network, whose last parameters are the initial ones here. If its classes are others,
    the last layer is initialized as usual."""
    seed: int = 0
    """Seed of the initial parameters, the shuffling, the augmentation and the validation split."""
    members: int = 1
    """Networks trained in parallel, with the seeds SEED, SEED + 1, ... More than one are a deep ensemble, whose
    predictive is the mean of its members' predictives. All use the validation split of SEED."""

    devices: int | None = None
    """Number of devices of each process. Every batch, or the members of an ensemble, are sharded over them. The result
    is that of one device within rounding. (default: 1; for an ensemble as many GPUs or TPUs as get equal numbers of
    members)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), field.type)
        valid = not self.own_network or re.fullmatch(r"[\w.]+:[\w.]+", self.model) is not None
        require("model", self.model, valid, "mlp, conv, or the module:name of a network of your own")
        if self.own_network:
            for field in fields(self):
                if field.name in NETWORK_OPTIONS:
                    value = getattr(self, field.name)
                    rule = f"left out, also by a preset, since `model` {self.model} decides it itself"
                    require(field.name, value, value == field.default, rule)
        for name in ["epochs", "batch_size", "accumulate", "eval_every", "members"]:
            require(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        rule = f"a divisor of `batch_size` {self.batch_size}"
        require("accumulate", self.accumulate, self.batch_size % self.accumulate == 0, rule)
        require("learning_rate", self.learning_rate, 0 < self.resolved_learning_rate < math.inf, "positive and finite")
        require("momentum", self.momentum, 0 <= self.momentum < 1, "at least 0 and below 1")
        require("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "0 or more and finite")
        require("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "at least 0 and below 1")
        minutes = self.checkpoint_minutes
        require("checkpoint_minutes", minutes, minutes >= 0, "0 or more")
        require("seed", self.seed, 0 <= self.seed <= 2**32 - self.members, "between 0 and 2**32 - `members`")
        require("hidden", self.hidden, all(width >= 1 for width in self.hidden), "widths of 1 or more")
        require("channels", self.channels, all(width >= 1 for width in self.channels), "numbers of 1 or more")
        for name in ["checkpoint_every", "devices", "limit", "patience"]:
            if (value := getattr(self, name)) is not None:
                require(name, value, value >= 1, "1 or more")
        if self.image_size is not None:
            valid = len(self.image_size) in (1, 2) and all(side >= 1 for side in self.image_size)
            require("image_size", self.image_size, valid, "one or two numbers of pixels, 1 or more")
        if self.validation is not None:
            require("validation", self.validation, self.validation >= 0, "0 or more")
        if self.patience is not None:
            require("patience", self.patience, self.validation != 0, "left out without validation images")

    @property
    def own_network(self) -> bool:
        """Whether the network is neither mlp nor conv."""
        return self.model not in get_args(Model.__value__)

    @property
    def resolved_learning_rate(self) -> float:
        """``learning_rate``, or if it is None the default of the optimizer."""
        if self.learning_rate is not None:
            return self.learning_rate
        return MUON_LEARNING_RATE if self.optimizer == "muon" else 1e-3

    @property
    def resolved_augmentation(self) -> Augmentation:
        """``augmentation``, or if it is None the default for the data set."""
        if self.augmentation is not None:
            return self.augmentation
        return "flip" if self.dataset.split(":")[0] in FLIPPABLE_DATASETS else "none"

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        path = Path(self.dataset)
        is_path = self.dataset.startswith((".", "/", "~")) or path.exists()
        dataset = Path(os.path.normpath(path.expanduser().absolute())).name if is_path else self.dataset
        model = self.model.rpartition(":")[2]
        name = f"{dataset.replace('/', '-').replace(':', '-')}-{model}-seed{self.seed}"
        return self.run_dir or Path("build/runs") / (name if self.members == 1 else f"{name}-x{self.members}")

    @property
    def seeds(self) -> range:
        """The seeds of the members."""
        return range(self.seed, self.seed + self.members)


def _check_type(name: str, value: Any, annotation: Any) -> None:
    """Raise ValueError unless ``value`` has the annotated type, which only the command line enforces."""
    if isinstance(annotation, UnionType):  # Optional
        if value is None:
            return
        annotation = get_args(annotation)[0]
    annotation = getattr(annotation, "__value__", annotation)  # of a `type` alias
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        rule, valid = f"one of {', '.join(choices)}", value in choices
    elif get_origin(annotation) is tuple:
        rule, valid = (
            "a tuple of integers",
            isinstance(value, tuple) and all(type(element) is int for element in value),
        )
    elif annotation is float:
        rule, valid = "a number", isinstance(value, int | float) and not isinstance(value, bool)
    else:
        rule, valid = f"of type {annotation.__name__}", isinstance(value, annotation)
        valid = valid and not (annotation is int and isinstance(value, bool))
    require(name, value, valid, rule)


PRESETS = {
    "default": TrainConfig(),
    # The recipe of the reference results: SGD with momentum as in PyTorch, and no validation images.
    "reference": TrainConfig(
        batch_size=32,
        optimizer="sgd",
        learning_rate=1e-3,
        schedule="constant",
        momentum=0.9,
        nesterov=False,
        weight_decay=0.0,
        augmentation="none",
        final_relu=True,
        initialization="fan-in-uniform",
        validation=0,
    ),
}
"""Configurations of `--preset`, by name; other options override them."""
