"""What a training run is made of: one frozen dataclass, whose fields are the command line's options."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from nets.data import Augmentation
from nets.models import Initialization

type Model = Literal["mlp", "conv"]
type Optimizer = Literal["sgd", "adam", "adamw", "muon"]
type Schedule = Literal["constant", "cosine", "one-cycle"]
MAY_BE_MIRRORED = ("cifar10", "cifar100", "fashion_mnist")
"""Data sets whose images keep their class in a mirror."""

MUON_RATE = 0.02
"""Default learning rate of muon: its orthogonal steps spread over all directions, and with 1e-3 it learns little."""

type Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run, from data to optimiser. Raises ValueError for an option that cannot be."""

    model: Model = "conv"
    """Network: mlp, or conv (3x3 convolutions, then the same perceptron)."""
    dataset: str = "cifar10"
    """Data set of TensorFlow Datasets by its name there, or `digits`, which needs no download."""
    data_dir: Path | None = None
    """Folder of TensorFlow Datasets (default: TFDS_DATA_DIR, else ~/tensorflow_datasets)."""
    run_dir: Path | None = None
    """Folder of this run (default: build/runs/DATASET-MODEL-seedSEED, with -xMEMBERS for an ensemble). It must not hold
    another run."""
    epochs: int = 10
    """How many times every training image is seen."""
    batch_size: int = 128
    """Images a step; the images left over at the end of an epoch, fewer than a batch, wait for another shuffle."""
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
    """Decoupled weight decay of kernels (muon: of linear layers), multiplied by the learning rate; adam has none."""
    label_smoothing: float = 0.0
    """Share of each label spread evenly over all classes, 0 to 1."""
    augmentation: Augmentation | None = None
    """none; flip: left-right, at random; flip+crop: also moved by up to an eighth of the image, gray where nothing was
    (default: flip for cifar10, cifar100 and fashion_mnist, else none: a mirrored digit is another one or none)."""
    precision: Precision = "float32"
    """What the factors of matrix products are rounded to; sums, activations and parameters are float32 always, as are
    convolutions on a CPU. With float32 a GPU that has TF32 (A100 and later) rounds factors to that and a TPU to
    bfloat16, as JAX does by default; JAX_DEFAULT_MATMUL_PRECISION=highest in the environment keeps them."""
    hidden: tuple[int, ...] = (1000, 1000)
    """Widths of the hidden linear layers."""
    channels: tuple[int, ...] = (12,)
    """Channels after each convolution of `conv`."""
    final_relu: bool = False
    """A ReLU on the logits, to reproduce networks that have one."""
    initialization: Initialization = "lecun-normal"
    """How parameters begin: lecun-normal, or fan-in-uniform (kernels and biases uniform in +-1/sqrt(fan_in))."""
    validation: int | None = None
    """Training images held out to choose by, the same share of each class (default: a tenth; 0: none)."""
    eval_every: int = 1
    """Epochs between evaluations on validation and test data; the last epoch always has one."""
    checkpoint_every: int = 1
    """Epochs between checkpoints; the last epoch always has one, and the best is one that was evaluated."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints in the middle of an epoch (0: one after every chunk of steps, which takes two seconds
    at most)."""
    seed: int = 0
    """Seed of the initial parameters, the shuffling, the augmentation and the choice of validation images."""
    members: int = 1
    """Networks trained side by side, with the seeds SEED, SEED + 1, ...; more than one are a deep ensemble, whose
    predictive is the mean of theirs. They share the validation images of SEED."""

    devices: int | None = None
    """Devices of this process, or of each where there are several, that share the work (default: all GPUs or TPUs, 1 if
    there is only a CPU). Each takes its share of every batch, or in an ensemble of the members, and the result is that
    of one device within rounding."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), field.type)
        for name in ["epochs", "batch_size", "eval_every", "checkpoint_every", "members"]:
            _require(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        _require("learning_rate", self.learning_rate, 0 < self.rate < math.inf, "positive and finite")
        _require("momentum", self.momentum, 0 <= self.momentum < 1, "at least 0 and below 1")
        _require("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "0 or more and finite")
        _require("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "at least 0 and below 1")
        minutes = self.checkpoint_minutes
        _require("checkpoint_minutes", minutes, minutes >= 0, "0 or more")
        _require("seed", self.seed, 0 <= self.seed <= 2**32 - self.members, "between 0 and 2**32 - `members`")
        _require("hidden", self.hidden, all(width >= 1 for width in self.hidden), "widths of 1 or more")
        _require("channels", self.channels, all(width >= 1 for width in self.channels), "numbers of 1 or more")
        if self.devices is not None:
            _require("devices", self.devices, self.devices >= 1, "1 or more")
        if self.validation is not None:
            _require("validation", self.validation, self.validation >= 0, "0 or more")

    @property
    def rate(self) -> float:
        """The learning rate: the one asked for, or the default of the optimiser."""
        if self.learning_rate is not None:
            return self.learning_rate
        return MUON_RATE if self.optimizer == "muon" else 1e-3

    @property
    def changes(self) -> Augmentation:
        """The augmentation: the one asked for, or the default for the data set."""
        if self.augmentation is not None:
            return self.augmentation
        return "flip" if self.dataset.split(":")[0] in MAY_BE_MIRRORED else "none"

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        name = f"{self.dataset.replace('/', '-').replace(':', '-')}-{self.model}-seed{self.seed}"
        return self.run_dir or Path("build/runs") / (name if self.members == 1 else f"{name}-x{self.members}")

    @property
    def seeds(self) -> range:
        """The seed of each member."""
        return range(self.seed, self.seed + self.members)


def _require(name: str, value: Any, holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(f"`{name}` must be {rule}, got {value}.")


def _check_type(name: str, value: Any, annotation: Any) -> None:
    """Raise ValueError unless a value from Python has the type that the command line would have given it."""
    if isinstance(annotation, UnionType):  # something or None
        if value is None:
            return
        annotation = get_args(annotation)[0]
    annotation = getattr(annotation, "__value__", annotation)  # what a `type` statement names
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        rule, fits = f"one of {', '.join(choices)}", value in choices
    elif get_origin(annotation) is tuple:
        rule, fits = "a tuple of whole numbers", isinstance(value, tuple) and all(type(one) is int for one in value)
    elif annotation is float:
        rule, fits = "a number", isinstance(value, int | float) and not isinstance(value, bool)
    else:
        rule, fits = f"of type {annotation.__name__}", isinstance(value, annotation)
        fits = fits and not (annotation is int and isinstance(value, bool))
    _require(name, repr(value), fits, rule)


PRESETS = {
    "default": TrainConfig(),
    # The recipe of the reference results: stochastic gradient descent as PyTorch does it, and nothing held out.
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
"""Names of `--preset`; every other option given beside it overrides it."""
