"""The estimator works where those of scikit-learn do, and predicts as its run."""

import pickle
import tempfile
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from nets.data.datasets import load
from nets.evaluation.metrics import evaluate
from nets.evaluation.tables import describe_checkpoint, evaluation_record
from nets.export import exported_file
from nets.training.estimator import ClosedformClassifier
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def test_it_predicts_labels_in_a_grid_search(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    train, test = load("digits").train, load("digits").test
    names = np.array([f"digit {k}" for k in range(10)])
    configs = [replace(CONFIG, epochs=1, learning_rate=rate) for rate in (1e-5, 1e-2)]
    search = GridSearchCV(ClosedformClassifier(), {"config": configs}, cv=2)
    search.fit(train.images[..., 0], names[train.labels])
    assert search.best_params_["config"] == configs[1]
    best = search.best_estimator_
    assert best.score(test.images[..., 0], names[test.labels]) > 0.8  # chance is 0.1
    np.testing.assert_array_equal(best.predict_proba(test.images), best.run_.predict(test.images))
    assert set(best.predict(test.images[:20])) <= set(names)
    assert not list((tmp_path / "temporary").iterdir())  # the runs are in memory
    assert evaluate(best.run_, "test").accuracy.value == pytest.approx(best.run_.metrics[-1]["test_accuracy"])
    unpickled = pickle.loads(pickle.dumps(search)).best_estimator_
    np.testing.assert_array_equal(unpickled.predict_proba(test.images), best.predict_proba(test.images))
    for predict in (check_is_fitted, lambda classifier: classifier.predict(test.images)):
        with pytest.raises(NotFittedError):
            predict(ClosedformClassifier())
    run = best.run_
    assert (run.finished, run.step, unpickled.run_.finished) == (True, run.metrics[-1]["step"], True)
    assert evaluation_record(run, None)["step"] == run.step
    assert describe_checkpoint(run) == "last checkpoint (after epoch 1 of 1)"
    description = exported_file._description(run, "stablehlo")
    assert (description["run"], description["step"]) == (None, run.step)
    mine = ClosedformClassifier(replace(configs[1], run_dir=tmp_path / "run")).fit(train.images, train.labels)
    assert mine.run_.folder == tmp_path / "run"
    before = (tmp_path / "run/metrics.jsonl").read_text()
    with pytest.raises(
        ValueError, match=r"`run_dir` must be a new folder for each `fit`, got .*; take another, or leav"
    ):
        mine.fit(train.images, train.labels)
    assert (tmp_path / "run/metrics.jsonl").read_text() == before


def test_a_configuration_is_asked_for():
    images, labels = load("digits").train.images, load("digits").train.labels
    for config in (None, {"model": "mlp"}):
        with pytest.raises(ValueError, match=r"`config` must be a `nets.TrainConfig`, got (None|{'model': 'mlp'})\."):
            ClosedformClassifier(config).fit(images, labels)
