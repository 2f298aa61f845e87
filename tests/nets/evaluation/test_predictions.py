"""Predictions for image files: those of `Run.predict`, with the temperature."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from nets.data.datasets import load
from nets.evaluation import predictions
from nets.evaluation.metrics import evaluate, fit_validation_temperature
from nets.training.runs import load_run

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


@pytest.fixture
def files(tmp_path):
    """The first test images of the digits as files, one as a larger image in colours; and a damaged one."""
    files = []
    for i, image in enumerate(load("digits").test.images[:6, ..., 0]):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(image).save(files[-1])
    Image.open(files[5]).convert("RGB").resize((80, 80), Image.Resampling.NEAREST).save(files[5])
    damaged = tmp_path / "6.png"
    damaged.write_bytes(files[0].read_bytes()[:60])
    return [*files, damaged]


def test_probabilities_are_those_of_the_run_with_its_temperature(run, files, monkeypatch):
    monkeypatch.setattr(predictions, "FILES_PER_BLOCK", 4)  # the damaged file is in the second block
    predicted = predictions.predict_files(run, files)
    test = evaluate(run, "test")
    temperature = fit_validation_temperature(run)
    assert (predicted.temperature.value, predicted.temperature.fitted) == (temperature.value, temperature)
    expected = softmax(test.logits[:5].astype(float) / temperature.value, axis=1)
    np.testing.assert_allclose(predicted.probabilities[:5], expected, atol=1e-5)
    assert not np.allclose(predicted.probabilities[:5], softmax(test.logits[:5], axis=1), atol=1e-3)  # with T = 1
    assert predicted.predicted[5] == test.predicted[5]
    assert predicted.files == tuple(files[:6])
    assert (predicted.resized, predicted.converted) == (1, 1)
    assert "6.png cannot be decoded" in predicted.damaged[files[6]]


def test_a_file_that_is_given_twice_is_predicted_twice_and_each_is_reported(run, files):
    reports = []
    predicted = predictions.predict_files(run, [files[0], files[0], files[6]], lambda *report: reports.append(report))
    assert predicted.files == (files[0], files[0])
    np.testing.assert_array_equal(predicted.probabilities[0], predicted.probabilities[1])
    assert reports == [("predict", 1, 3), ("predict", 2, 3), ("predict", 3, 3)]


def none_for_validation(arrays, _):
    return {name: array[:0] for name, array in arrays.items() if name.startswith("validation")}


def calibrated(arrays, temperature):
    return {"validation_logits": arrays["validation_logits"] / np.float32(temperature)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (none_for_validation, r"temperature 1, since none could be fitted: .* has no validation images"),
        (
            calibrated,
            r"temperature 1.000 fitted to 143 .*: not significantly different from 1 \(p = .*\), so 1 is used",
        ),
    ],
)
def test_without_a_significant_temperature_it_is_1_and_the_reason_is_said(run, files, tmp_path, change, words):
    shutil.copytree(run.folder, tmp_path / "run")
    arrays = dict(np.load(run.folder / "predictions.npz"))
    changed = change(arrays, 1.0001 * fit_validation_temperature(run).value)
    np.savez(tmp_path / "run/predictions.npz", **arrays | changed)
    predicted = predictions.predict_files(load_run(tmp_path / "run"), files[:3])
    assert predicted.temperature.value == 1
    assert re.match(words, predicted.temperature.words)
    np.testing.assert_allclose(
        predicted.probabilities, softmax(evaluate(run, "test").logits[:3].astype(float), axis=1), atol=1e-5
    )
