"""The configuration of a small run on the digits, for tests of runs."""

from nets.training.config import TrainConfig

CONFIG = TrainConfig(
    dataset="digits",
    model="mlp",
    hidden=(64,),
    epochs=4,
    batch_size=32,
    learning_rate=3e-3,
    checkpoint_every=1,  # each is written, although an epoch is shorter than that
)
