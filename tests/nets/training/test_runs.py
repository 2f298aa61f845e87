"""The run folder: its contents, and readers that do not change it."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets.data.datasets import load
from nets.training import checkpoints, runs
from nets.training.fitting import fit
from nets.training.step import TrainState
from tests.nets.training.damage import flip_a_bit
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


SPLITS = {"train": 1294, "validation": 143, "test": 360}


def test_the_contents_of_a_run_folder(run):
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
    assert predictions.pop("schema_version") == runs.SCHEMA_VERSION
    np.testing.assert_array_equal(predictions.pop("class_names"), [str(k) for k in range(10)])
    for split, count in SPLITS.items():
        logits, labels, index = (predictions.pop(f"{split}_{array}") for array in ["logits", "labels", "index"])
        assert (logits.shape, logits.dtype, labels.dtype, index.dtype) == ((count, 10), "float32", "int32", "int64")
        source = digits.test if split == "test" else digits.train
        np.testing.assert_array_equal(labels, source.labels[index])
        np.testing.assert_allclose(logits, run.logits(source.images[index]), atol=1e-5)
        last = run.metrics[-1][f"{split}_accuracy"]
        if split != "train":  # the train accuracy is a mean over the epoch, during the updates
            np.testing.assert_allclose(np.mean(logits.argmax(axis=1) == labels), last, rtol=1e-6)
    assert not predictions
    assert run.metrics[-1]["test_accuracy"] > 0.85  # chance is 0.1
    content = json.loads((run.folder / "config.json").read_text())
    assert content["provenance"]["versions"]["jax"] == jax.__version__
    assert content["provenance"]["parameters"] == 65 * 64 + 65 * 10
    assert (run.folder / "config.json").stat().st_mode & 0o044 == 0o044  # readable for group and others
    assert {"commit", "device", "data", "seeds"} <= set(content["provenance"])


def test_metrics_have_one_line_per_epoch(run):
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert [line["step"] for line in lines] == [40, 80, 120, 160]
    assert set(lines[0]) == {
        *["epoch", "step", "learning_rate", "seconds", "images_per_second", "train_loss", "train_accuracy"],
        *["validation_loss", "validation_accuracy", "test_loss", "test_accuracy"],
    }
    losses = [line["train_loss"] for line in lines]
    assert losses == sorted(losses, reverse=True)


def test_a_run_is_restored_from_its_folder_and_predicts(run):
    loaded = runs.load_run(str(run.folder))
    assert loaded == run
    assert loaded.finished
    assert loaded.config == replace(CONFIG, run_dir=run.folder)
    test = load("digits").test
    predictive = loaded.predict(test.images[:50])
    np.testing.assert_allclose(predictive.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(predictive.argmax(axis=1), loaded.predictions["test_logits"][:50].argmax(axis=1))
    for images in [test.images[:0], test.images[:5, :4], test.images[:5] / 255, test.images[0]]:
        with pytest.raises(ValueError, match=r"`images` must be uint8 of shape \(N, 8, 8, 1\)"):
            loaded.predict(images)


def test_parameter_shapes_have_the_names_of_the_parameters(run):
    assert run.parameter_shapes == {
        "hidden.0.bias": (64,),
        "hidden.0.kernel": (64, 64),
        "logits.bias": (10,),
        "logits.kernel": (10, 64),
    }


def test_the_names_of_arrays_in_checkpoints_are_those_of_earlier_versions(run):
    metadata = json.loads((run.folder / "checkpoints/step_160/state/_METADATA").read_text())
    names = {path.split("'")[1] for path in metadata["tree_metadata"]}
    assert names == {"params", "optimizer", "key", "step", "loss", "correct", "lost"}


def test_the_sha256_of_a_state_is_that_of_earlier_versions():
    zero = jnp.zeros((), jnp.int32)
    state = TrainState(
        params={"logits": {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones(2)}},
        statistics={},
        opt_state=({"trace": jnp.full(2, 0.5)},),
        key=jnp.array([1, 2], jnp.uint32),
        step=zero + 7,
        epoch_loss=jnp.float32(1.5),
        epoch_correct=zero + 3,
        nonfinite_step=zero - 1,
    )
    assert checkpoints._sha256(state) == "c219eae366d0f6eb1406b368abb0fc7c06fe1f14ce751088a3ec7573fd0bba2d"


def test_a_checkpoint_of_an_earlier_version_is_read_and_resumed(run, tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run")
    stops = iter([False] * 3 + [True])
    with monkeypatch.context() as earlier:
        earlier.setattr(checkpoints, "_sums", lambda state: {"sha256": checkpoints._sha256(state)})
        earlier.setattr(checkpoints, "_shapes", lambda _: {})
        with pytest.raises(KeyboardInterrupt):
            fit(config, stop=lambda: next(stops))
    (checkpoint,) = (config.folder / "checkpoints").iterdir()
    sums = json.loads((checkpoint / "sum/metadata").read_text())
    (checkpoint / "sum/metadata").write_text(json.dumps({"sha256": sums["sha256"]}))
    stopped = runs.load_run(config.folder).params
    resumed = fit(config, resume=True)
    assert not np.array_equal(stopped["logits"]["kernel"], resumed.params["logits"]["kernel"])
    np.testing.assert_array_equal(resumed.predictions["test_logits"], run.predictions["test_logits"])


def test_parameters_are_read_without_the_optimizer_and_checked(tmp_path, monkeypatch):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=1, optimizer="sgd", momentum=0.0)  # no state but them
    trained = fit(config)
    monkeypatch.setattr(runs, "optimizer", lambda *_: pytest.fail("an optimizer was built"))
    assert trained.params["hidden"][0]["kernel"].shape == (64, 64)
    flip_a_bit(config.folder / "checkpoints/step_40")
    with pytest.raises(ValueError, match=r"checkpoint 40 in .* is damaged: its SHA-256 differs"):
        _ = runs.load_run(config.folder).params
    (config.folder / "checkpoints/step_40/sum/metadata").write_text("null")
    with pytest.raises(ValueError, match=r"checkpoint 40 in .* is damaged: its SHA-256 sums are none"):
        _ = runs.load_run(config.folder).params


def modification_times(folder):
    return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_reading_a_run_changes_nothing_in_it(run):
    times = modification_times(run.folder)
    unfinished = run.folder / "checkpoints" / "step_200.orbax-checkpoint-tmp"  # as Orbax writes it during a save
    unfinished.mkdir()
    try:
        assert runs.load_run(run.folder).params
        assert unfinished.exists()
    finally:
        unfinished.rmdir()
    assert modification_times(run.folder) == times


def change(**functions):
    """Return a function that changes arrays in the predictions of a folder."""

    def damage(folder):
        with np.load(folder / "predictions.npz") as arrays:
            predictions = dict(arrays)
        changed = {name: function(predictions[name]) for name, function in functions.items()}
        np.savez(folder / "predictions.npz", **predictions | changed)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "is not a run folder: there is no .*config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text('{"schema_version": 99}'), "has schema version 99"),
        (lambda folder: (folder / "metrics.jsonl").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "predictions.npz").write_bytes(b"PK"), "has a damaged predictions.npz"),
        (lambda folder: (folder / "config.json").write_text('{"schema_version": 4}'), "config.json has no 'config'"),
        (lambda folder: np.savez(folder / "predictions.npz", a=1), "predictions.npz: it has no 'schema_version'"),
        (change(schema_version=lambda _: 2), "predictions.npz: it has schema version 2"),
        (change(class_names=lambda names: names[::-1]), "its class names are not those of config.json"),
        (change(test_logits=lambda z: z[:, :5]), r"`test_logits` has shape \(360, 5\), not \(360, 10\)"),
        (change(train_index=lambda i: i[1:]), r"`train_index` has shape \(1293,\), not \(1294,\)"),
        (change(test_logits=lambda z: z * np.nan), "`test_logits` is not finite everywhere"),
        (change(test_labels=lambda y: y + 1), r"`test_labels` must lie in 0 .. 9"),
    ],
)
def test_a_damaged_run_is_reported_in_one_line(run, tmp_path, damage, message):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ["config.json", "metrics.jsonl", "predictions.npz"]:
        (folder / name).write_bytes((run.folder / name).read_bytes())
    damage(folder)
    with pytest.raises(ValueError, match=message) as error:
        _ = runs.load_run(folder).predictions
    assert "\n" not in str(error.value)
