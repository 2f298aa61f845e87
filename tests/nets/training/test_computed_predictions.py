"""Predictions that a run folder does not have are computed from the data set of the run, and from no other."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from nets.training.fitting import fit
from nets.training.runs import load_run
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
    with pytest.raises(ValueError, match=r"other data than the run in .* was started on: dataset_sha256"):
        _ = load_run(tmp_path / "run", checkpoint="best").predictions
