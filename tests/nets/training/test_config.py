"""Configurations: invalid options are refused, and presets have their documented values."""

import pytest

from nets.training.config import PRESETS, TrainConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "`epochs` must be 1 or more, got 0"),
        ({"epochs": 1.5}, "`epochs` must be of type int, got 1.5"),
        ({"epochs": True}, "`epochs` must be of type int, got True"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be positive and finite, got nan"),
        ({"learning_rate": "1e-3"}, "`learning_rate` must be a number, got '1e-3'"),
        ({"momentum": 1.0}, "`momentum` must be at least 0 and below 1, got 1.0"),
        ({"weight_decay": -1.0}, "`weight_decay` must be 0 or more"),
        ({"label_smoothing": 1.0}, "`label_smoothing` must be at least 0 and below 1"),
        ({"hidden": (10, 0)}, r"`hidden` must be widths of 1 or more, got \(10, 0\)"),
        ({"hidden": [10]}, r"`hidden` must be a tuple of integers, got \[10\]"),
        ({"model": "resnet"}, "`model` must be mlp, conv, or the module:name of a network of your own, got 'resnet'"),
        ({"optimizer": "lion"}, "`optimizer` must be one of sgd, adam, adamw, muon, got 'lion'"),
        ({"validation": -1}, "`validation` must be 0 or more, got -1"),
        ({"seed": -1}, "`seed` must be between 0 and"),
        ({"accumulate": 3}, "`accumulate` must be a divisor of `batch_size` 128, got 3"),
        ({"members": 0}, "`members` must be 1 or more, got 0"),
        ({"devices": 0}, "`devices` must be 1 or more, got 0"),
        ({"run_dir": 3}, "`run_dir` must be of type Path, got 3"),
    ],
)
def test_an_invalid_configuration_is_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**options)


def test_the_reference_preset_is_the_published_recipe():
    config = PRESETS["reference"]
    assert (config.batch_size, config.optimizer, config.learning_rate, config.momentum) == (32, "sgd", 1e-3, 0.9)
    assert (config.epochs, config.schedule, config.weight_decay, config.augmentation) == (10, "constant", 0, "none")
    assert (config.final_relu, config.initialization, config.validation) == (True, "fan-in-uniform", 0)
    assert (config.hidden, config.channels, config.nesterov) == ((1000, 1000), (12,), False)


def test_photographs_are_flipped_by_default_and_digits_are_not():
    assert TrainConfig(dataset="digits").resolved_augmentation == "none"
    assert TrainConfig(dataset="cifar10").resolved_augmentation == "flip"
    assert TrainConfig(dataset="digits", augmentation="flip+crop").resolved_augmentation == "flip+crop"


def test_muon_has_its_own_default_learning_rate():
    assert (TrainConfig().resolved_learning_rate, TrainConfig(optimizer="muon").resolved_learning_rate) == (1e-3, 0.02)
    assert TrainConfig(optimizer="muon", learning_rate=1e-3).resolved_learning_rate == 1e-3
