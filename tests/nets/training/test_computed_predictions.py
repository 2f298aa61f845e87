"""Predictions that a run folder does not have are computed from the data set of the run, and from no other."""

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from nets.data.arrays import from_arrays
from nets.data.datasets import load
from nets.training.fitting import fit
from nets.training.runs import load_run, write_metrics
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def test_an_unfinished_run_has_the_predictions_of_its_last_checkpoint(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    (tmp_path / "run/predictions.npz").unlink()
    unfinished = load_run(tmp_path / "run")
    assert not unfinished.finished
    assert unfinished.predictions.keys() == run.predictions.keys()
    for name, expected in run.predictions.items():
        np.testing.assert_array_equal(unfinished.predictions[name], expected)


def test_the_best_checkpoint_has_predictions_of_its_own(tmp_path):
    config = replace(CONFIG, run_dir=tmp_path / "run", epochs=6, schedule="constant", learning_rate=0.1, members=2)
    last = fit(config)
    best = load_run(last.folder, checkpoint="best")
    accuracies = [line["validation_accuracy"] for line in last.metrics]
    assert best.step == last.metrics[int(np.argmax(accuracies))]["step"] < last.step
    scores = [
        np.mean(run.predictions["validation_logits"].argmax(axis=1) == run.predictions["validation_labels"])
        for run in [best, last]
    ]
    np.testing.assert_allclose(scores, [max(accuracies), accuracies[-1]], rtol=1e-6)
    assert best.predictions["test_member_logits"].shape == (2, 360, 10)


def test_other_data_than_those_of_the_run_are_refused(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    content = json.loads((run.folder / "config.json").read_text())
    content["provenance"]["data"]["dataset_sha256"] = "0" * 64
    (tmp_path / "run/config.json").write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=r"other data than the run in .* started on: dataset_sha256 .*; restore the data of the run"
    ):
        _ = load_run(tmp_path / "run", checkpoint="best").predictions


def test_a_run_on_arrays_gets_them_again_and_reports_its_progress(run, tmp_path):
    digits, reports = load("digits"), []
    arrays = from_arrays(digits.train.images, digits.train.labels, digits.test.images, digits.test.labels)
    trained = fit(replace(CONFIG, run_dir=tmp_path / "run"), dataset=arrays)
    with pytest.raises(
        ValueError,
        match=r"the data of run .* cannot be read: .*'arrays' is not in .*; restore .*`load_run\(folder, data",
    ):
        _ = load_run(trained.folder, "best").predictions
    best = load_run(trained.folder, "best", dataset=arrays, progress=lambda *report: reports.append(report))
    expected = load_run(run.folder, "best").predictions
    for name, array in best.predictions.items():
        np.testing.assert_array_equal(array, expected[name])
    assert reports[-5:] == [
        *[("predict train images", count, 1294) for count in (500, 1000, 1294)],
        *[("predict validation images", 143, 143), ("predict test images", 360, 360)],
    ]
    assert best == replace(trained, checkpoint="best")


def test_a_pickled_run_predicts_without_its_folder_and_its_data(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    loaded = load_run(tmp_path / "run", dataset=load("digits"), progress=lambda *_: None)
    images = load("digits").test.images[:5]
    expected = loaded.predict(images)
    shutil.rmtree(tmp_path / "run")
    unpickled = pickle.loads(pickle.dumps(loaded))
    np.testing.assert_array_equal(unpickled.predict(images), expected)
    assert (unpickled.dataset, unpickled.progress, unpickled.metrics) == (None, None, run.metrics)


def test_a_missing_checkpoint_is_named_with_the_reason(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    lines = [{name: value for name, value in line.items() if "validation" not in name} for line in run.metrics]
    write_metrics(tmp_path / "run", lines)
    with pytest.raises(ValueError, match=r"no best checkpoint: no checkpoint was evaluated on .*; take the last"):
        _ = load_run(tmp_path / "run", "best").params
    shutil.rmtree(tmp_path / "run/checkpoints")
    for checkpoint in ("last", "best"):
        with pytest.raises(ValueError, match=rf"has no {checkpoint} checkpoint: none was written yet, or its folder"):
            _ = load_run(tmp_path / "run", checkpoint).params
