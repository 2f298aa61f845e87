"""Training as its users run it: `fit`, the run folder, and the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from nets import prepare, runs
from nets.config import PRESETS, TrainConfig
from nets.data import load
from nets.train import NotFiniteError, fit
from tests.nets import tfds_data

CONFIG = TrainConfig(dataset="digits", model="mlp", hidden=(64,), epochs=4, batch_size=32, learning_rate=3e-3)
SPLITS = {"train": 1294, "validation": 143, "test": 360}


@pytest.fixture(autouse=True)
def flax_promotes_ranks():
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(CONFIG, run_dir=tmp_path_factory.mktemp("run") / "run"))


def test_a_run_folder_holds_what_its_readers_need(run):
    assert {file.name for file in run.folder.iterdir()} == {
        ".lock",
        "checkpoints",
        "config.json",
        "metrics.jsonl",
        "predictions.npz",
    }
    digits = load("digits")
    with np.load(run.folder / "predictions.npz", allow_pickle=False) as arrays:
        predictions = dict(arrays)
    assert predictions.pop("schema_version") == 1
    np.testing.assert_array_equal(predictions.pop("class_names"), [str(k) for k in range(10)])
    for split, count in SPLITS.items():
        logits, labels, index = (predictions.pop(f"{split}_{what}") for what in ["logits", "labels", "index"])
        assert (logits.shape, logits.dtype, labels.dtype, index.dtype) == ((count, 10), "float32", "int32", "int64")
        source = digits.test if split == "test" else digits.train
        np.testing.assert_array_equal(labels, source.labels[index])
        np.testing.assert_allclose(logits, run.logits(source.images[index]), atol=1e-5)
        last = run.metrics[-1][f"{split}_accuracy"]
        if split != "train":  # which is a mean over the epoch, while the parameters move
            np.testing.assert_allclose(np.mean(logits.argmax(axis=1) == labels), last, rtol=1e-6)
    assert not predictions
    assert run.metrics[-1]["test_accuracy"] > 0.85  # chance is 0.1
    content = json.loads((run.folder / "config.json").read_text())
    assert content["provenance"]["versions"]["jax"] == jax.__version__
    assert content["provenance"]["parameters"] == 65 * 64 + 65 * 10
    assert (run.folder / "config.json").stat().st_mode & 0o044 == 0o044  # others may read it
    assert {"commit", "device", "images"} <= set(content["provenance"])


def test_metrics_have_a_line_an_epoch(run):
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert [line["step"] for line in lines] == [40, 80, 120, 160]
    assert set(lines[0]) == {
        *["epoch", "step", "learning_rate", "seconds", "images_per_second", "train_loss", "train_accuracy"],
        *["validation_loss", "validation_accuracy", "test_loss", "test_accuracy"],
    }
    losses = [line["train_loss"] for line in lines]
    assert losses == sorted(losses, reverse=True)


def test_a_run_is_read_back_as_it_was_and_predicts(run):
    again = runs.load_run(str(run.folder))
    assert again == run
    assert again.finished
    assert again.config == replace(CONFIG, run_dir=run.folder)
    test = load("digits").test
    predictive = again.predict(test.images[:50])
    np.testing.assert_allclose(predictive.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(predictive.argmax(axis=1), again.predictions["test_logits"][:50].argmax(axis=1))
    for images in [test.images[:0], test.images[:5, :4], test.images[:5] / 255, test.images[0]]:
        with pytest.raises(ValueError, match=r"`images` must be uint8 of shape \(N, 8, 8, 1\)"):
            again.predict(images)


def test_the_same_seed_trains_the_same_network_and_another_does_not(run, tmp_path):
    again = fit(replace(CONFIG, run_dir=tmp_path / "again"))
    np.testing.assert_array_equal(again.predictions["test_logits"], run.predictions["test_logits"])
    other = fit(replace(CONFIG, run_dir=tmp_path / "other", seed=1, epochs=1))
    assert set(other.predictions["validation_index"]) != set(run.predictions["validation_index"])


def test_a_run_goes_on_from_its_last_checkpoint(run, tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run")

    def stop(metrics):
        if metrics["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, on_epoch=stop)
    assert not runs.load_run(tmp_path / "run").finished
    with pytest.raises(ValueError, match="holds a run already; continue it with --resume"):
        fit(config)
    with pytest.raises(ValueError, match=r"`learning_rate` is 0.1, but the run in .* has 0.003"):
        fit(replace(config, learning_rate=0.1), resume=True)
    resumed = fit(config, resume=True)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], run.predictions["test_logits"])
    assert [line["test_loss"] for line in resumed.metrics] == [line["test_loss"] for line in run.metrics]


def snapshot(folder):
    return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_reading_a_run_changes_nothing_in_it(run):
    before = snapshot(run.folder)
    unfinished = run.folder / "checkpoints" / "step_200.orbax-checkpoint-tmp"  # as the trainer writes it
    unfinished.mkdir()
    try:
        assert runs.load_run(run.folder).params
        assert unfinished.exists()
    finally:
        unfinished.rmdir()
    assert snapshot(run.folder) == before


def test_the_best_checkpoint_is_the_best_on_validation_data(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=6, schedule="constant", learning_rate=0.02)
    run = fit(config)
    accuracies = [line["validation_accuracy"] for line in run.metrics]
    validation = load("digits").train.take(run.predictions["validation_index"])
    for checkpoint, accuracy in [("best", max(accuracies)), ("last", accuracies[-1])]:
        predicted = runs.load_run(run.folder, checkpoint).predict(validation.images).argmax(axis=1)
        np.testing.assert_allclose(np.mean(predicted == validation.labels), accuracy, rtol=1e-6)
    assert len(list((run.folder / "checkpoints").iterdir())) <= 3


def test_a_damaged_checkpoint_is_skipped_for_the_one_before(run, tmp_path, caplog):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    fit(config)
    for file in (tmp_path / "run/checkpoints/step_160/default").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damage")
    with pytest.raises(ValueError, match=r"checkpoint 160 in .* is damaged"):
        _ = runs.load_run(config.folder).params
    resumed = fit(config, resume=True)
    assert "checkpoint 160 in" in caplog.text
    np.testing.assert_array_equal(resumed.predictions["test_logits"], run.predictions["test_logits"])


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"my": "own"}')
    with pytest.raises(ValueError, match=r"is not empty, and run .* cannot be read: .* Choose another with --run-dir"):
        fit(replace(CONFIG, run_dir=tmp_path))
    assert (tmp_path / "config.json").read_text() == '{"my": "own"}'


def test_two_trainings_in_one_folder_are_refused(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=1)

    def again(_):
        with pytest.raises(ValueError, match="is in use by another process"):
            fit(config)

    assert fit(config, on_start=again).finished


def test_no_room_for_a_checkpoint_is_one_line_and_keeps_the_one_before(tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run")

    def fill(_):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))

    with pytest.raises(OSError, match=r"no room for a checkpoint of 57,\d\d\d bytes in"):
        fit(config, on_epoch=fill)
    monkeypatch.undo()
    assert fit(config, resume=True).finished


def test_ctrl_c_saves_in_the_middle_of_an_epoch_and_resuming_gives_the_same(run, tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    asked = iter([False] * 3 + [True] * 9)
    with pytest.raises(KeyboardInterrupt, match=r"stopped at step .*; --resume goes on from there"):
        fit(config, stop=lambda: next(asked))
    resumed = fit(config, resume=True)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], run.predictions["test_logits"])
    for now, before in zip(resumed.metrics, run.metrics, strict=True):
        assert {key: now[key] for key in now if "second" not in key} == {
            key: before[key] for key in before if "second" not in key
        }


def test_digits_are_not_mirrored_and_photographs_are():
    assert TrainConfig(dataset="digits").changes == "none"
    assert TrainConfig(dataset="cifar10").changes == "flip"
    assert TrainConfig(dataset="digits", augmentation="flip+crop").changes == "flip+crop"


def test_without_held_out_data_nothing_is_said_of_it(tmp_path):
    run = fit(replace(CONFIG, run_dir=tmp_path / "run", validation=0, epochs=2, eval_every=2, checkpoint_every=2))
    assert run.predictions["validation_logits"].shape == (0, 10)
    assert not any(name.startswith("validation") for line in run.metrics for name in line)
    assert ["test_loss" in line for line in run.metrics] == [False, True]


def test_a_loss_that_is_not_finite_stops_and_keeps_what_was_good(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", optimizer="sgd", schedule="constant", learning_rate=1e30)
    with pytest.raises(NotFiniteError, match=r"not finite at step 2 of epoch 1; a lower --learning-rate than 1e\+30"):
        fit(config)
    assert not runs.load_run(tmp_path / "run").finished
    assert fit(replace(config, learning_rate=0.1, epochs=1)).finished  # a folder without a checkpoint is used again


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 2000}, "`batch_size` must be at most 1294, the number of training images, got 2000"),
        ({"validation": 5}, "`validation` must be 0, or leave each of the 10 classes an image"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_before_a_folder_is_made(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        fit(replace(CONFIG, run_dir=tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
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
        ({"hidden": [10]}, r"`hidden` must be a tuple of whole numbers, got \[10\]"),
        ({"model": "resnet"}, "`model` must be one of mlp, conv, got 'resnet'"),
        ({"optimizer": "lion"}, "`optimizer` must be one of sgd, adam, adamw, muon, got 'lion'"),
        ({"validation": -1}, "`validation` must be 0 or more, got -1"),
        ({"seed": -1}, "`seed` must be between 0 and"),
        ({"run_dir": 3}, "`run_dir` must be of type Path, got 3"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_in_one_line(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**changes)


def test_the_reference_preset_is_the_published_recipe():
    config = PRESETS["reference"]
    assert (config.batch_size, config.optimizer, config.learning_rate, config.momentum) == (32, "sgd", 1e-3, 0.9)
    assert (config.epochs, config.schedule, config.weight_decay, config.augmentation) == (10, "constant", 0, "none")
    assert (config.final_relu, config.initialization, config.validation) == (True, "fan-in-uniform", 0)
    assert (config.hidden, config.channels, config.nesterov) == ((1000, 1000), (12,), False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "is not the folder of a run: there is no .*config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text('{"schema_version": 99}'), "has schema version 99"),
        (lambda folder: (folder / "metrics.jsonl").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "predictions.npz").write_bytes(b"PK"), "has a damaged predictions.npz"),
    ],
)
def test_a_damaged_run_gets_one_clear_line(run, tmp_path, damage, message):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ["config.json", "metrics.jsonl", "predictions.npz"]:
        (folder / name).write_bytes((run.folder / name).read_bytes())
    damage(folder)
    with pytest.raises(ValueError, match=message) as caught:
        _ = runs.load_run(folder).predictions
    assert "\n" not in str(caught.value)


# The command line.


def nets(*arguments, cwd, **environment):
    """Run ``python -m nets``; return exit code, standard output and error."""
    made = subprocess.run(
        [sys.executable, "-m", "nets", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        check=False,
    )
    return made.returncode, made.stdout, made.stderr


def test_the_command_trains_on_a_prepared_data_set_and_says_how_it_goes(tmp_path):
    images, labels = tfds_data.random((9, 8, 3), classes=4, train=80, test=20)
    tfds_data.write(tmp_path / "data", "small", images, labels, list("abcd"))
    environment = {"TFDS_DATA_DIR": str(tmp_path / "data"), "CLOSEDFORM_CACHE": str(tmp_path / "cache")}
    options = ["--dataset", "small", "--epochs", "2", "--batch-size", "16", "--hidden", "8", "--precision", "bfloat16"]
    code, out, err = nets("train", *options, cwd=tmp_path, **environment)
    assert code == 0, err
    folder = tmp_path / "build/runs/small-conv-seed0"
    assert out.strip() == str(folder.relative_to(tmp_path))
    lines = err.splitlines()
    assert lines[0] == "decode small: 100 images"
    assert lines[1].startswith("conv with 4,412 parameters on cpu")
    assert "72 train, 8 validation, 20 test images" in lines[1]
    assert [line.split(":")[0] for line in lines[2:]] == ["epoch 1/2", "epoch 2/2"]
    assert "images/s" in lines[2]
    run = runs.load_run(folder)
    assert (run.config.hidden, run.config.precision, run.class_names) == ((8,), "bfloat16", tuple("abcd"))
    assert nets("train", *options, cwd=tmp_path, **environment)[0] == 2  # there is a run already


def test_a_preset_is_where_the_other_options_start_from(tmp_path):
    options = ["--preset=reference", "--dataset", "digits", "--model", "mlp", "--hidden", "4", "--epochs", "1"]
    code, _, err = nets("train", *options, "--run-dir", "r", cwd=tmp_path)
    assert code == 0, err
    config = replace(PRESETS["reference"], dataset="digits", model="mlp", hidden=(4,), epochs=1, run_dir=Path("r"))
    assert runs.load_run(tmp_path / "r").config == config


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--preset", "ref"], 2, "`--preset` must be one of default, reference, got 'ref'"),
        (["train", "--epochs", "0"], 2, "`epochs` must be 1 or more, got 0"),
        (["train", "--model", "resnet"], 2, "resnet"),
        (["train", "--dataset", "digits", "--batch-size", "9999"], 2, "`batch_size` must be at most 1294"),
        (["train", "--dataset", "cifr10"], 2, "did you mean cifar10"),
        (["train", "--dataset", "digits", "--run-dir", "/proc/run"], 2, "run folder /proc/run cannot be written"),
        (["train", "--dataset", "digits", "--resume"], 2, "has no checkpoint to resume from"),
        (["prepare", "digits"], 2, "there is nothing to prepare"),
        (["prepare", "imdb_reviews"], 2, "cannot be prepared"),
    ],
)
def test_bad_usage_is_one_clear_message_and_leaves_nothing(tmp_path, arguments, code, message):
    got, out, err = nets(*arguments, cwd=tmp_path, TFDS_DATA_DIR=str(tmp_path / "data"))
    assert got == code, err
    assert message in err
    assert "Traceback" not in err
    assert not out
    assert not list(tmp_path.iterdir())


def test_help_teaches(tmp_path):
    code, out, _ = nets("train", "--help", cwd=tmp_path)
    assert code == 0
    for word in ["--preset", "--resume", "--learning-rate", "digits", "one-cycle", "Images a step"]:
        assert word in out


def test_runs_are_listed_with_what_became_of_them(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "runs" / "whole")
    shutil.copytree(run.folder, tmp_path / "runs" / "begun")
    (tmp_path / "runs/begun/predictions.npz").unlink()
    (tmp_path / "runs/broken").mkdir()
    (tmp_path / "runs/broken/config.json").write_text("{")
    code, out, err = nets("runs", "runs", cwd=tmp_path)
    assert code == 0, err
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    accuracy = f"{100 * run.metrics[-1]['test_accuracy']:.1f}"
    assert rows["whole"][:3] == ["mlp", "digits", "4/4"]
    assert rows["whole"][-3:] == [accuracy, "%", "yes"]
    assert rows["begun"][-1] == "no"
    assert "runs/broken cannot be read" in err
    code, _, err = nets("runs", cwd=tmp_path)
    assert (code, "must be one that holds runs, got build/runs" in err) == (2, True)


# Preparing.


def test_without_a_network_preparing_says_which_archive_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "_unreachable", lambda _: True)
    with pytest.raises(ValueError, match=r"www\.cs\.toronto\.edu does not answer") as caught:
        prepare.check("cifar10", tmp_path)
    archive = tmp_path / "downloads/manual/cifar-10-binary.tar.gz"
    assert f"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz (162.17 MiB) as {archive}" in str(caught.value)
    assert not list(tmp_path.iterdir())
    archive.parent.mkdir(parents=True)
    archive.touch()
    prepare.check("cifar10", tmp_path)  # no network is needed now


def test_a_host_that_does_not_answer_is_given_up_soon(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert prepare._unreachable("https://www.cs.toronto.edu")


def test_the_environment_with_tensorflow_is_pixis_or_uvs(tmp_path, monkeypatch):
    words = ["python", "-m", "nets", "prepare", "mnist", "--data-dir", str(tmp_path)]
    monkeypatch.setattr(prepare.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("UV", "/bin/uv")
    for name in ["PIXI_PROJECT_MANIFEST", "PIXI_EXE"]:
        monkeypatch.delenv(name, raising=False)
    made = prepare.command("mnist", tmp_path)
    assert made[:2] == ["/bin/uv", "run"]
    assert {"--isolated", "prepare"} < set(made)
    assert made[-7:] == words
    monkeypatch.setenv("PIXI_PROJECT_MANIFEST", "/there/pixi.toml")
    monkeypatch.setenv("PIXI_EXE", "/bin/pixi")
    made = prepare.command("mnist", tmp_path)
    assert made == ["/bin/pixi", "run", "--manifest-path", "/there/pixi.toml", "-e", "prepare", *words]
    monkeypatch.delenv("PIXI_PROJECT_MANIFEST")
    monkeypatch.delenv("UV")
    monkeypatch.setattr(prepare.shutil, "which", lambda _: None)
    with pytest.raises(ValueError, match="needs TensorFlow, and neither pixi nor uv is at hand"):
        prepare.command("mnist", tmp_path)


def test_a_data_set_that_is_there_is_not_prepared_again(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "check", lambda *_: pytest.fail("asked for again"))
    images, labels = tfds_data.random((4, 4, 3))
    folder = tfds_data.write(tmp_path, "mnist", images, labels, list("abc"))
    assert prepare.prepare("mnist", tmp_path) == folder


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    options = ["--dataset", "digits", "--model", "mlp", "--epochs", "100000", "--run-dir", "run"]
    command = [sys.executable, "-m", "nets", "train", *options]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as training:
        assert training.stderr
        while not training.stderr.readline().startswith("epoch 2"):
            assert training.poll() is None
        training.send_signal(signal.SIGINT)
        training.send_signal(signal.SIGINT)  # as a launcher passes it on
        rest = training.stderr.read()
    assert training.returncode == 130, rest
    said = rest.splitlines()[-1]
    assert "--resume goes on from there" in said
    step = said.split("step ")[1].split(";")[0].replace(",", "")
    assert (tmp_path / f"run/checkpoints/step_{step}").is_dir()
