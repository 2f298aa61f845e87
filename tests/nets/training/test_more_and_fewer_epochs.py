"""A run stops early on validation data, goes on for more epochs, or starts with the parameters of another."""

import json
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

from nets.data.arrays import from_arrays
from nets.data.datasets import load
from nets.training.early_stopping import stopped_early
from nets.training.fitting import fit
from nets.training.initial_parameters import state_from_run
from nets.training.runs import load_run, write_metrics
from nets.training.task import prepare
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")
TIMES = {"seconds", "images_per_second"}


def without_times(metrics):
    return [{name: value for name, value in line.items() if name not in TIMES} for line in metrics]


def interrupt_after(epoch):
    def stop(metrics):
        if metrics["epoch"] == epoch:
            raise KeyboardInterrupt

    return stop


def test_training_stops_early_and_resuming_respects_that(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=40, schedule="constant", learning_rate=0.02, patience=2)
    run = fit(config)
    accuracies = [line["validation_accuracy"] for line in run.metrics]
    best = int(np.argmax(accuracies)) + 1
    assert len(run.metrics) == best + 2 < 40
    assert [line["epochs_without_improvement"] for line in run.metrics[-3:]] == [0, 1, 2]
    assert run.finished
    assert load_run(run.folder, "best").step == run.metrics[best - 1]["step"]
    again = fit(config, resume=True)
    assert again.metrics == run.metrics  # no epoch is trained
    interrupted = replace(config, run_dir=tmp_path / "interrupted")
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, on_epoch=interrupt_after(best + 1))
    resumed = fit(replace(interrupted, patience=None), resume=True)  # left out, it stays
    assert (without_times(resumed.metrics), resumed.config.patience) == (without_times(run.metrics), 2)
    content = (run.folder / "config.json").read_text()
    for patience in (None, 1, 2):  # exhausted
        with pytest.raises(ValueError, match=r"`patience` must be 3 or more to resume .*, whose last 2 epochs "):
            fit(replace(config, epochs=60, patience=patience), resume=True)
    assert (run.folder / "config.json").read_text() == content
    more = fit(replace(config, patience=3), resume=True)
    assert len(more.metrics) > len(run.metrics)
    assert more.config.patience == 3
    assert more.finished


def test_it_does_not_stop_between_evaluations_or_at_the_last_epoch():
    config = replace(CONFIG, epochs=4, patience=1)
    line = {"validation_accuracy": 0.5}
    waited = [{"epoch": 1, **line}, {"epoch": 2, **line}]
    assert stopped_early(config, waited)
    assert not stopped_early(replace(config, epochs=2), waited)
    assert not stopped_early(config, [*waited, {"epoch": 3}])
    assert not stopped_early(replace(config, patience=None), waited)
    with pytest.raises(ValueError, match="`patience` must be left out without validation images, got 1"):
        replace(config, validation=0)


def test_a_run_goes_on_for_more_epochs_as_if_it_had_always_been_longer(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=2, schedule="constant")
    fit(config, on_epoch=dict.clear)  # the metrics are a copy
    longer = fit(replace(config, epochs=4), resume=True)
    straight = fit(replace(config, epochs=4, run_dir=tmp_path / "straight"))
    assert without_times(longer.metrics) == without_times(straight.metrics)
    jax.tree.map(np.testing.assert_array_equal, longer.params, straight.params)
    assert (longer.finished, longer.config.epochs) == (True, 4)
    assert longer.provenance["extended_from"] == [{"after_epochs": 2, "epochs": 2, "patience": None}]
    with pytest.raises(ValueError, match=r"`epochs` must be 4 or more to resume the run in .*, got 3"):
        fit(replace(config, epochs=3), resume=True)


def test_a_patience_that_a_run_without_one_has_exhausted_is_refused(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    write_metrics(tmp_path / "run", [line | {"validation_accuracy": 0.5} for line in run.metrics])
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=9, patience=3)
    with pytest.raises(ValueError, match=r"`patience` must be 4 or more to resume .*, whose last 3 epochs .*, got 3"):
        fit(config, resume=True)
    assert load_run(tmp_path / "run").config.patience is None


def test_the_command_names_the_epoch_of_the_best_checkpoint(command):
    options = ["--hidden", "4", "--epochs", "90", "--schedule", "constant", "--learning-rate", "0.03"]
    code, _, err = command(
        *["train", "--dataset", "digits", "--model", "mlp", "--run-dir", "run", *options],
        *["--patience", "2", "--checkpoint-every", "90"],
    )
    assert code == 0, err
    last = len(load_run("run").metrics)  # the only one with a checkpoint, and two epochs after the best
    assert f"stopped early after epoch {last}: no better validation accuracy for 2 epochs" in err
    assert f"; --checkpoint best has epoch {last}\n" in err


def test_more_epochs_continue_the_schedule_of_the_larger_number_and_say_so(run, tmp_path):
    config, sentences = replace(CONFIG, run_dir=tmp_path / "run", epochs=2), []
    fit(config)
    longer = fit(replace(config, epochs=4), resume=True, on_start=sentences.append)
    rates = [[line["learning_rate"] for line in each.metrics[2:]] for each in (longer, run)]
    assert rates[0] == rates[1]  # of a run of four epochs from the start
    assert "4 epochs instead of 2: the one-cycle schedule of 4 epochs goes on at step 80" in sentences[0]
    assert "so the learning rate goes from 4.7e-05 to 0.0019" in sentences[0]


def test_initial_parameters_are_those_of_another_run(run, tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", init_from=run.folder, epochs=1)
    sentences = []
    trained = fit(config, on_start=sentences.append)
    assert trained.metrics[0]["train_loss"] < 0.5 * run.metrics[0]["train_loss"]
    assert f"the initial parameters are those of {run.folder} at step 160" in sentences[0]
    assert json.loads((tmp_path / "run/config.json").read_text())["provenance"]["remarks"] in sentences[0]
    with pytest.raises(ValueError, match=r"`init_from` is PosixPath.*, but the run in .* has PosixPath"):
        fit(replace(config, epochs=2, init_from=trained.folder), resume=True)
    resumed = fit(replace(config, epochs=2, init_from=None), resume=True)  # left out, it stays
    assert (trained.config.init_from, resumed.config.init_from, len(resumed.metrics)) == (run.folder, run.folder, 2)
    task = prepare(config, lambda *_: None)
    state, _ = state_from_run(task, task.initial_state())
    jax.tree.map(np.testing.assert_array_equal, state.params, run.params)


def test_with_other_classes_the_last_layer_is_new(run):
    digits = load("digits")
    few = digits.train.labels < 7
    dataset = from_arrays(digits.train.images[few], digits.train.labels[few])
    task = prepare(replace(CONFIG, init_from=run.folder), lambda *_: None, dataset)
    initial = task.initial_state()
    state, words = state_from_run(task, initial)
    assert "but for the last layer, since the classes differ" in words
    jax.tree.map(np.testing.assert_array_equal, state.params["logits"], initial.params["logits"])
    jax.tree.map(np.testing.assert_array_equal, state.params["hidden"], run.params["hidden"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"hidden": (32,)},
            r"the parameter hidden.0.bias has the shape \(64,\) .* in .* and the shape \(32,\) .* here",
        ),
        ({"hidden": (64, 5)}, r"the parameter hidden.1.bias has none in .* and the shape \(5,\) and type"),
        ({"members": 2}, r"`init_from` must be a run with 2 members, got .* with 1; take --members 1"),
    ],
)
def test_a_run_of_another_network_is_refused_before_the_folder_is_made(run, tmp_path, options, message):
    config = replace(CONFIG, run_dir=tmp_path / "run", init_from=run.folder, **options)
    with pytest.raises(ValueError, match=message):
        fit(config)
    assert not (tmp_path / "run").exists()
