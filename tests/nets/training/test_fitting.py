"""Training: results of `fit`, invalid input, failures and resuming."""

import hashlib
import json
import re
import shutil
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets import from_arrays
from nets.data import datasets, splits
from nets.data.datasets import load
from nets.data.tfds_folder import NotPreparedError
from nets.training import fitting, runs
from nets.training.checkpoint_writer import CheckpointWriter
from nets.training.checkpoints import Checkpoints
from nets.training.fitting import NonFiniteLossError, fit, require_finite
from tests.nets.data import tfds_data
from tests.nets.data.image_files import write_folder
from tests.nets.training.damage import flip_a_bit
from tests.nets.training.digits import CONFIG
from tests.nightly import nightly_but

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def test_a_seed_determines_the_network(run, tmp_path):
    again = fit(replace(CONFIG, run_dir=tmp_path / "again"))
    np.testing.assert_array_equal(again.predictions["test_logits"], run.predictions["test_logits"])
    other = fit(replace(CONFIG, run_dir=tmp_path / "other", seed=1, epochs=1))
    assert set(other.predictions["validation_index"]) != set(run.predictions["validation_index"])


def test_a_run_resumes_from_its_last_checkpoint(run, tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run")

    def stop(metrics):
        if metrics["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, on_epoch=stop)
    assert not runs.load_run(tmp_path / "run").finished
    with pytest.raises(ValueError, match="already contains a run; continue it with --resume"):
        fit(config)
    with pytest.raises(ValueError, match=r"`learning_rate` is 0.1, but the run in .* has 0.003"):
        fit(replace(config, learning_rate=0.1), resume=True)
    resumed = fit(config, resume=True)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], run.predictions["test_logits"])
    assert [line["test_loss"] for line in resumed.metrics] == [line["test_loss"] for line in run.metrics]


def test_the_best_checkpoint_is_the_best_on_validation_data(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=6, schedule="constant", learning_rate=0.02)
    run = fit(config)
    accuracies = [line["validation_accuracy"] for line in run.metrics]
    validation = load("digits").train.take(run.predictions["validation_index"])
    for checkpoint, accuracy in [("best", max(accuracies)), ("last", accuracies[-1])]:
        predicted = runs.load_run(run.folder, checkpoint).predict(validation.images).argmax(axis=1)
        np.testing.assert_allclose(np.mean(predicted == validation.labels), accuracy, rtol=1e-6)
    assert len(list((run.folder / "checkpoints").iterdir())) <= 3


def overwrite(step):
    for file in (step / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damage")


def truncate(step):
    for file in step.rglob("*"):
        if file.is_file():
            file.write_bytes(b"")


def empty(step):
    shutil.rmtree(step)
    step.mkdir()


@pytest.mark.parametrize("damage", nightly_but([truncate, flip_a_bit], [overwrite, truncate, flip_a_bit, empty]))
def test_a_damaged_checkpoint_is_skipped_for_the_one_before(run, tmp_path, caplog, damage):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    fit(config)
    damage(tmp_path / "run/checkpoints/step_160")
    if damage is not flip_a_bit:  # which may be in the state of the optimizer
        with pytest.raises(ValueError, match=r"checkpoint 160 in .* is damaged"):
            _ = runs.load_run(config.folder).params
    resumed = fit(config, resume=True)
    assert caplog.text.count("is damaged") == 1
    assert "checkpoint 160 in" in caplog.text
    np.testing.assert_array_equal(resumed.predictions["test_logits"], run.predictions["test_logits"])
    assert runs.load_run(config.folder).params


def test_damaged_checkpoints_do_not_replace_intact_ones(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", validation=0)
    fit(config)
    flip_a_bit(tmp_path / "run/checkpoints/step_176")
    stops = iter([False] * 2 + [True])
    with pytest.raises(KeyboardInterrupt):
        fit(config, resume=True, stop=lambda: next(stops))
    steps = sorted(int(step.name[5:]) for step in (tmp_path / "run/checkpoints").iterdir())
    assert steps[0] == 132
    assert len(steps) == 2
    assert 132 < steps[1] < 176
    stopped = runs.load_run(config.folder)
    assert len(stopped.metrics) == 3  # the fourth epoch is trained again
    assert not stopped.finished


def test_a_run_is_only_resumed_on_its_own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    images, labels = tfds_data.random_images((8, 8, 3), classes=4, train=80, test=20)
    other, other_labels = tfds_data.random_images((8, 8, 3), classes=4, train=80, test=20, seed=1)
    more, more_labels = tfds_data.random_images((8, 8, 3), classes=4, train=160, test=20)
    tfds_data.write(tmp_path / "data", "small", images, labels, list("abcd"))
    tfds_data.write(tmp_path / "names", "small", images, labels, list("dcba"))
    tfds_data.write(tmp_path / "other", "small", other, other_labels, list("abcd"))
    tfds_data.write(tmp_path / "more", "small", more, more_labels, list("abcd"))
    config = replace(CONFIG, dataset="small", data_dir=tmp_path / "data", batch_size=16, run_dir=tmp_path / "run")
    stops = iter([False] * 3 + [True])
    with pytest.raises(KeyboardInterrupt):
        fit(config, stop=lambda: next(stops))
    more = "images 144 train, 16 validation, 20 test, not 72 train, 8 validation, 20 test; resume it on the same"
    for name, difference in {"names": "classes d, c, b, a, not a,", "other": "dataset_sha256", "more": more}.items():
        with pytest.raises(
            ValueError, match=f"`dataset` small has other data than the run in .* was started on: {difference}"
        ):
            fit(replace(config, data_dir=tmp_path / name), resume=True)
    as_before(config.folder, "e86d4f8f1e")
    with pytest.raises(ValueError, match=r"was started on: sha256 [0-9a-f]{64}, not e86d4f8f1e"):
        fit(config, resume=True)
    task = fitting.prepare(config, lambda *_: None)
    parts = [array.tobytes() for split in task.splits.values() for array in (split.images[:], split.labels)]
    as_before(config.folder, hashlib.sha256(b"".join(parts)).hexdigest())
    assert fit(config, resume=True).finished


def test_a_run_is_only_resumed_on_its_own_split(tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    stops = iter([False, True])
    with pytest.raises(KeyboardInterrupt):
        fit(config, stop=lambda: next(stops))
    stratified = splits.stratified
    for module in (splits, datasets):  # of the images for validation, and of those for test
        with monkeypatch.context() as other_numpy:
            other_numpy.setattr(module, "stratified", lambda labels, count, seed: stratified(labels, count, seed + 1))
            with pytest.raises(ValueError, match="started on: splits_sha256"):
                fit(config, resume=True)
    assert fit(config, resume=True).finished


def as_before(folder, splits_sha256):
    """Record the data of a run as earlier versions did: by the SHA-256 of its splits."""
    content = json.loads((folder / "config.json").read_text())
    data = content["provenance"]["data"]
    for name in ("dataset_sha256", "splits_sha256"):
        data.pop(name, None)
    data["sha256"] = splits_sha256
    (folder / "config.json").write_text(json.dumps(content))


@pytest.mark.parametrize("file", ["config.json", "notes.txt"])
def test_a_folder_with_other_files_is_not_changed(tmp_path, file):
    (tmp_path / file).write_text('{"my": "own"}')
    with pytest.raises(ValueError, match=r"is not empty, and .* Or choose another with --run-dir"):
        fit(replace(CONFIG, run_dir=tmp_path))
    assert (tmp_path / file).read_text() == '{"my": "own"}'
    assert len(list(tmp_path.iterdir())) == 1


def test_the_files_of_a_run_killed_at_its_start_are_not_a_run(tmp_path):
    for name in [".lock", "metrics.jsonl", ".config.json.partial", ".metrics.jsonl.partial"]:
        (tmp_path / name).write_text("")
    config = replace(CONFIG, run_dir=tmp_path, epochs=1)
    with pytest.raises(ValueError, match="has no checkpoint to resume from; leave --resume out"):
        fit(config, resume=True)
    assert fit(config).finished


def test_a_finished_run_without_checkpoints_is_not_overwritten(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    shutil.rmtree(tmp_path / "run/checkpoints")
    config = replace(CONFIG, run_dir=tmp_path / "run")
    with pytest.raises(ValueError, match="already contains a run"):
        fit(config)
    with pytest.raises(ValueError, match="no checkpoint to resume from; train in another --run-dir"):
        fit(config, resume=True)
    assert runs.load_run(tmp_path / "run").finished


@pytest.mark.parametrize("line", ["{}", "1", '{"epoch": 2, "step": 80, "test_accuracy": "a"}', '{"epoch": 2, "st'])
def test_a_damaged_line_of_metrics_is_named(run, tmp_path, line):
    shutil.copytree(run.folder, tmp_path / "run")
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    (tmp_path / "run/metrics.jsonl").write_text("\n".join([lines[0], line]))
    with pytest.raises(
        ValueError, match=r"line 2 of metrics.jsonl is not the metrics of epoch 2; remove it and all later lines"
    ):
        fit(replace(CONFIG, run_dir=tmp_path / "run"), resume=True)
    (tmp_path / "run/metrics.jsonl").write_text(lines[0])
    with pytest.raises(ValueError, match=r"has 1 epochs and the checkpoint 4; train in another --run-dir"):
        fit(replace(CONFIG, run_dir=tmp_path / "run"), resume=True)


def test_a_failed_write_gives_the_reason_in_one_line(tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    save, saved = Checkpoints.save, threading.Event()
    monkeypatch.setattr(Checkpoints, "save", lambda *arguments: (save(*arguments), saved.set()))

    def break_folder(metrics):
        if metrics["epoch"] > 1:
            return
        saved.wait()
        shutil.rmtree(tmp_path / "run/checkpoints")
        (tmp_path / "run/checkpoints").write_text("a file")

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e12))
    with pytest.raises(OSError, match=r"no checkpoint could be written to .*: (Not a directory|File exists); --resume"):
        fit(config, on_epoch=break_folder)


def test_two_concurrent_runs_in_one_folder_are_refused(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=1)

    def again(_):
        with pytest.raises(ValueError, match="is in use by another process"):
            fit(config)

    assert fit(config, on_start=again).finished


def test_without_disk_space_the_previous_checkpoint_remains(tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run")

    def fill(_):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))

    with pytest.raises(OSError, match=r"of 57,\d\d\d bytes in .*: 1,11\d,\d\d\d bytes are needed.* 1,000 are free"):
        fit(config, on_epoch=fill)
    monkeypatch.undo()
    assert fit(config, resume=True).finished


def test_disk_space_is_checked_before_the_first_epoch_and_the_folder_stays_usable(tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(
            OSError, match=r"no disk space for 4 checkpoints .* start again, or choose another --run-dir"
        ):
            fit(config, on_epoch=lambda _: pytest.fail("an epoch was trained"))
    with monkeypatch.context() as full:  # the disk becomes full during the first epoch
        full.setattr(fitting, "require_disk_space", lambda *_, **__: None)
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(OSError, match=r"no disk space for a checkpoint .* start again"):
            fit(config)
    with pytest.raises(ValueError, match="no checkpoint to resume from; leave --resume out"):
        fit(config, resume=True)
    assert fit(config).finished


def test_one_class_and_too_small_images_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    images, labels = tfds_data.random_images((2, 2, 3))
    tfds_data.write(tmp_path, "tiny", images, labels, list("abc"))
    tfds_data.write(tmp_path, "single", images, {split: 0 * part for split, part in labels.items()}, list("abc"))
    config = replace(CONFIG, data_dir=tmp_path, run_dir=tmp_path / "run", batch_size=4)
    with pytest.raises(ValueError, match="at least two classes, got 1 in single"):
        fit(replace(config, dataset="single"))
    with pytest.raises(ValueError, match="images of tiny are 2 x 2; take --model mlp"):
        fit(replace(config, dataset="tiny", model="conv"))


def test_a_checkpoint_that_is_neither_the_last_nor_the_best_is_refused(run):
    with pytest.raises(ValueError, match="`checkpoint` must be 'last' or 'best', got 'first'"):
        runs.load_run(run.folder, checkpoint="first")


@pytest.mark.slow
def test_muon_learns_as_much_as_adamw_with_default_learning_rates(tmp_path):
    common = replace(CONFIG, learning_rate=None, epochs=3, hidden=())
    finished = [fit(replace(common, optimizer=name, run_dir=tmp_path / name)) for name in ["muon", "adamw"]]
    muon, adamw = (run.metrics[-1]["test_accuracy"] for run in finished)
    assert muon > adamw - 0.02


def test_reading_a_run_is_silent(run, caplog):
    assert runs.load_run(run.folder, checkpoint="best").params
    assert not caplog.records


def test_ctrl_c_saves_within_an_epoch_and_resuming_gives_the_same_result(run, tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    stops = iter([False] * 3 + [True] * 9)
    with pytest.raises(KeyboardInterrupt, match=r"stopped at step .*; --resume continues from there"):
        fit(config, stop=lambda: next(stops))
    resumed = fit(config, resume=True)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], run.predictions["test_logits"])
    for actual, expected in zip(resumed.metrics, run.metrics, strict=True):
        assert {key: actual[key] for key in actual if "second" not in key} == {
            key: expected[key] for key in expected if "second" not in key
        }


def test_checkpoints_are_checkpoint_minutes_apart(tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run", checkpoint_minutes=2.0, checkpoint_every=100, epochs=20)
    seconds, save_times = iter(range(0, 10**6, 50)), []  # the clock advances at each call
    monkeypatch.setattr("nets.training.checkpoint_writer.time", SimpleNamespace(monotonic=lambda: next(seconds)))
    clock = SimpleNamespace(monotonic=lambda: next(seconds), perf_counter=time.perf_counter)
    monkeypatch.setattr("nets.training.fitting.time", clock)
    save = CheckpointWriter.save
    monkeypatch.setattr(CheckpointWriter, "save", lambda self, *a: (save_times.append(next(seconds)), save(self, *a)))
    fit(config)
    gaps = np.diff(save_times[:-1])  # the last is at the end
    assert len(gaps) >= 2
    assert (gaps >= 120).all()
    assert (gaps <= 300).all()


def test_with_checkpoint_minutes_0_there_are_checkpoints_within_an_epoch(run, tmp_path, monkeypatch):
    monkeypatch.setattr("nets.training.fitting.SECONDS_PER_CHUNK", 1e6)  # a slow machine would have smaller chunks
    config = replace(CONFIG, run_dir=tmp_path / "run", checkpoint_minutes=0)
    steps = []

    def record(*_):
        steps.extend(int(step.name[5:]) for step in (tmp_path / "run/checkpoints").glob("step_*[0-9]"))
        return False

    result = fit(config, stop=record)
    assert {step % 40 for step in steps} > {0, 1, 3}  # chunks start with one step and double
    np.testing.assert_array_equal(result.predictions["test_logits"], run.predictions["test_logits"])


def test_missing_data_are_decoded_again_or_reported_and_the_checkpoint_remains(tmp_path, monkeypatch):
    images, labels = tfds_data.random_images((8, 8, 3), classes=4, train=80, test=20)
    tfds_data.write(tmp_path / "data", "small", images, labels, list("abcd"))
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    config = replace(CONFIG, dataset="small", data_dir=tmp_path / "data", batch_size=16)
    reference = fit(replace(config, run_dir=tmp_path / "reference"))

    def remove_cache(metrics):
        if metrics["epoch"] == 1:
            shutil.rmtree(tmp_path / "cache")
        if metrics["epoch"] == 2:
            raise KeyboardInterrupt

    config = replace(config, run_dir=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        fit(config, on_epoch=remove_cache)
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(NotPreparedError, match="small"):
        fit(config, resume=True)
    resumed = fit(replace(config, data_dir=tmp_path / "moved"), resume=True)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], reference.predictions["test_logits"])


def test_without_validation_data_there_are_no_validation_metrics(tmp_path):
    run = fit(replace(CONFIG, run_dir=tmp_path / "run", validation=0, epochs=2, eval_every=2, checkpoint_every=2))
    assert run.predictions["validation_logits"].shape == (0, 10)
    assert not any(name.startswith("validation") for line in run.metrics for name in line)
    assert ["test_loss" in line for line in run.metrics] == [False, True]


def test_a_nonfinite_loss_stops_training_and_earlier_checkpoints_remain(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", optimizer="sgd", schedule="constant", learning_rate=1e30)
    with pytest.raises(
        NonFiniteLossError,
        match=r"not finite at step 2; train in another --run-dir with a --learning-rate below 1e\+30",
    ):
        fit(config)
    assert not runs.load_run(tmp_path / "run").finished
    assert fit(replace(config, learning_rate=0.1, epochs=1)).finished  # the folder, without a checkpoint, is usable


def test_a_nonfinite_loss_of_an_evaluation_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("nets.training.evaluation.cross_entropy", lambda logits, _: logits.sum() * jnp.inf)
    with pytest.raises(NonFiniteLossError, match=r"the (validation|test) loss after step 40 is -?(inf|nan); take"):
        fit(replace(CONFIG, run_dir=tmp_path / "run", epochs=1))
    assert not runs.load_run(tmp_path / "run").metrics


def test_a_nonfinite_loss_at_the_first_step_is_named():
    with pytest.raises(NonFiniteLossError, match="not finite at step 1;"):
        require_finite(CONFIG, 0)
    require_finite(CONFIG, -1)


def test_a_run_compiles_few_programs(tmp_path, caplog):
    """Everything of a run is in six programs; operations on their own would be programs of their own."""
    config = replace(CONFIG, run_dir=tmp_path / "run", hidden=(23,), members=2, epochs=2)  # of no other test
    with jax.log_compiles():
        fit(config)
    compiled = re.findall(r"Finished XLA compilation of (\S+)", caplog.text)
    programs = ["chunk", "compute_logits", "compute_logits", "initial_state", "measure", "progress_of"]
    assert sorted(compiled) == [f"jit({name})" for name in programs]
    with jax.log_compiles():
        jnp.sin(jnp.zeros(23))
    assert "Finished XLA compilation of jit(sin)" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 2000}, "`batch_size` must be at most 1294, the number of training images, got 2000"),
        ({"validation": 5}, "`validation` must be 0, or leave an image of each of the 10 classes"),
    ],
)
def test_options_incompatible_with_the_data_are_refused_before_the_folder_is_created(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        fit(replace(CONFIG, run_dir=tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


def test_a_run_on_arrays_is_resumed_on_the_same_arrays(tmp_path):
    digits = load("digits")
    arrays = [digits.train.images, digits.train.labels, digits.test.images, digits.test.labels]
    data = from_arrays(*arrays, name="mine")
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=2)
    stops = iter([False] * 3 + [True])
    with pytest.raises(KeyboardInterrupt):
        fit(config, dataset=data, stop=lambda: next(stops))
    with pytest.raises(ValueError, match=r"`dataset` mine has other data .*: dataset_sha256"):
        fit(config, dataset=from_arrays(arrays[0][::-1], *arrays[1:], name="mine"), resume=True)
    with pytest.raises(ValueError, match=r"`dataset` is 'digits', but the run in .* has 'mine'"):
        fit(config, resume=True)
    run = fit(config, dataset=data, resume=True)
    assert run.config.dataset == "mine"
    whole = fit(replace(config, run_dir=tmp_path / "whole"))
    np.testing.assert_array_equal(run.predictions["test_logits"], whole.predictions["test_logits"])


def test_a_folder_is_trained_on_its_own_validation_images(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    for number, split in enumerate(["train", "val"]):
        write_folder(tmp_path / "pets" / split, seed=number)
    config = replace(CONFIG, dataset=str(tmp_path / "pets"), run_dir=tmp_path / "run", epochs=1, batch_size=8)
    sentences = []
    run = fit(replace(config, image_size=(4,)), on_start=sentences.append)
    assert [len(run.predictions[f"{split}_labels"]) for split in ["train", "validation", "test"]] == [36, 40, 4]
    assert run.provenance["reading"]["test"] == {"held_out": 4, "stratified": True, "seed": 0}
    assert (run.class_names, run.image_shape, run.config.image_size) == (("cat", "dog"), (4, 4, 3), (4,))
    assert "held out as test images, stratified by class, with seed 0.\nmlp with" in sentences[0]
    assert replace(run.config, run_dir=None).folder.name == "pets-mlp-seed0"
    with pytest.raises(ValueError, match=r"`validation` must be left out, or 0, since .* has 40 validation images"):
        fit(replace(config, validation=4, run_dir=tmp_path / "other"))
