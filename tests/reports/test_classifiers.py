"""The classifiers page: numbers and sentences for trained and for named runs, and any names of runs and classes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from nets.training.config import TrainConfig
from nets.training.fitting import fit
from nets.training.runs import load_run
from reports.classifiers import Options, build, read
from reports.classifiers.problem import report_runs
from reports.classifiers.text import MAX_LENGTH, label
from reports.shared.page import drawing
from tests.nets.data import tfds_data


def page_of(*folders, **options):
    page_options = Options(runs=tuple(folders), quick=True, **options)
    with jax.numpy_rank_promotion("allow"), drawing():
        return build(read(page_options), page_options, lambda _: None)


def sentences(page):
    return [str(block["body"]) for section in page.sections for block in section["blocks"] if "body" in block]


@pytest.fixture(scope="module")
def page():
    return page_of()


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """Folders of a trained MLP, and of a conv net that is hardly trained."""
    folder = tmp_path_factory.mktemp("runs")
    common = TrainConfig(dataset="digits", hidden=(32,), batch_size=32, epochs=4, learning_rate=3e-3, seed=3)
    with jax.numpy_rank_promotion("allow"):
        fit(replace(common, model="mlp", run_dir=folder / "good"))
        fit(replace(common, model="conv", channels=(2,), epochs=1, learning_rate=1e-4, run_dir=folder / "bad"))
    return folder / "good", folder / "bad"


def test_without_runs_two_ensembles_are_trained_as_the_title_says(page):
    assert "digits, trained for this page" in page.title
    assert page.verdict == "pass"
    numbers = page.numbers
    assert (numbers["r1_name"], numbers["r2_name"]) == ("mlp", "conv")
    assert np.sum(numbers["r1_confusion_matrix_test"]) == np.sum(numbers["r2_confusion_matrix_test"]) == 360
    assert np.sum(numbers["r1_confusion_matrix_train"]) == 1077
    accuracy = np.trace(numbers["r2_confusion_matrix_test"]) / 360
    assert numbers["runs"]["test"][1] == pytest.approx(100 * accuracy)
    assert numbers["r1_parameters"]["size"] == [64, 64 * 64, 10, 640]
    assert numbers["members"] == 5


def test_the_ensemble_is_compared_with_single_networks_and_temperatures(page):
    table = page.numbers["r1_ensemble"]
    assert table[""] == ["single network", "ensemble", "single network, with temperature", "ensemble, with temperature"]
    loss = dict(zip(table[""], table["nll (nats)"], strict=True))
    assert page.numbers["r1_nll_difference"] == pytest.approx(abs(loss["single network"] - loss["ensemble"]))
    word = "worse" if loss["single network"] > loss["ensemble"] else "better"
    assert any(f"A single network of mlp is {word} than the ensemble" in sentence for sentence in sentences(page))
    assert loss["ensemble"] == pytest.approx(page.numbers["calibration"]["nll (nats)"][0])


def test_the_conclusion_does_not_depend_on_the_order_of_the_runs(two_runs):
    good, bad = two_runs
    first, second = page_of(good, bad), page_of(bad, good)
    for page in (first, second):
        assert (page.numbers["pair_better"], page.numbers["pair_worse"]) == ("good", "bad")
        assert page.numbers["pairs"]["better"] == ["good"]
    assert first.numbers["pairs"]["difference"][0] == -second.numbers["pairs"]["difference"][0] > 20


def test_swapping_the_two_runs_swaps_the_conclusion(two_runs, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    shutil.copytree(two_runs[1], good)
    shutil.copytree(two_runs[0], bad)
    first, second = page_of(*two_runs), page_of(good, bad)
    assert first.numbers["pair_better"] == "good"
    assert second.numbers["pair_better"] == "bad"
    for name in ["pair_class", "pair_confusion", "pair_worse_count", "pair_better_count", "pair_difference"]:
        assert first.numbers[name] == second.numbers[name]


def test_the_differences_of_a_pair_are_counted(two_runs):
    page = page_of(*two_runs)
    numbers = page.numbers
    worse, better = np.array(numbers["r2_confusion_matrix_test"]), np.array(numbers["r1_confusion_matrix_test"])
    label, predicted = numbers["pair_confusion"].split(" predicted as ")
    assert numbers["pair_worse_count"] == worse[int(label), int(predicted)]
    assert numbers["pair_better_count"] == better[int(label), int(predicted)]
    decrease = (worse - better) * (1 - np.eye(10, dtype=int))
    assert decrease.max() == numbers["pair_worse_count"] - numbers["pair_better_count"]
    assert any("good is better than bad by" in sentence for sentence in sentences(page))


def test_pages_of_one_run_and_of_ten_runs(two_runs, tmp_path):
    single = page_of(two_runs[0])
    assert "Comparison" not in [section["title"] for section in single.sections]
    folders = []
    for i in range(10):
        folders.append(tmp_path / f"run{i}")
        shutil.copytree(two_runs[i % 2], folders[-1])
    ten = page_of(*folders)
    assert len(ten.numbers["pairs"]["p"]) == 45
    assert set(ten.numbers["pairs"]["better"]) == {"undecided", *(f"run{i}" for i in range(0, 10, 2))}
    assert ten.numbers["r10_name"] == "run9"
    styles = {(run.colour, run.marker) for run in report_runs(read(Options(runs=tuple(folders))).runs)}
    assert len(styles) == 10


def test_names_of_runs_with_the_same_start_stay_different_in_figures():
    names = [f"cifar10-conv-wide-augmented-label-smoothing-{i}" for i in range(10)]
    assert len({label(name) for name in names}) == 10
    assert all(len(label(name)) == MAX_LENGTH for name in names)
    assert label("a$b") == r"a\$b"


def test_the_accuracy_drop_on_translated_images_is_compared_with_its_error(two_runs, tmp_path):
    shutil.copytree(two_runs[0], tmp_path / "same")
    page = page_of(two_runs[0], tmp_path / "same")
    assert (page.numbers["drop_difference"], page.numbers["drop_difference_error"]) == (0, 0)
    assert any(
        "do not differ significantly, so there is no difference to explain" in sentence for sentence in sentences(page)
    )
    page = page_of(*two_runs)
    assert (
        page.numbers["drop_difference"] + page.numbers["drop_difference_error"] < 0
    )  # little accuracy to lose, hardly trained
    assert any("does not explain why good is better" in sentence for sentence in sentences(page))
    difference = page.numbers["worse_drop"] - page.numbers["better_drop"]
    assert difference == pytest.approx(page.numbers["drop_difference"])


def train_on_random_images(tmp_path, shape, names, **changes):
    """Return the folder of a small run on random images with these class names."""
    images, labels = tfds_data.random_images(shape, classes=len(names), train=3 * len(names), test=2 * len(names))
    tfds_data.write(tmp_path / "data", "random", images, labels, names)
    config = TrainConfig(
        dataset="random", data_dir=tmp_path / "data", model="mlp", hidden=(4,), epochs=1, batch_size=4, validation=0
    )
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(config, **changes, run_dir=tmp_path / "run")).folder


@pytest.mark.parametrize(("shape", "count"), [((8, 8, 3), 100), ((5, 7, 1), 2)])
def test_any_number_of_classes_with_any_names(tmp_path, monkeypatch, shape, count):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    names = [f"<b>class</b> & ${{k}}^{k} with a name longer than any column" for k in range(count)]
    folder = train_on_random_images(tmp_path, shape, names)
    folder = folder.rename(tmp_path / "<i>run & {0} $x$")
    page = page_of(folder)
    html = page.html()
    assert "<b>class" not in html
    assert "<i>run" not in html
    assert "&lt;b&gt;class&lt;/b&gt; &amp; ${k}^0 with a name longer than any column" in html
    assert "&lt;i&gt;run &amp; {0} $x$" in html
    assert len(page.numbers["r1_recall"]) == count
    assert "There is no temperature for" in html  # without validation data
    assert len(page.numbers["r1_classes"]["class"]) == min(count, 20)
    unpredicted = [k for k, precision in enumerate(page.numbers["r1_precision"]) if precision[0] is None]
    assert bool(unpredicted) == ("the precision is undefined there" in html)


def test_without_the_images_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    folder = train_on_random_images(tmp_path, (6, 6, 1), ["a", "b", "c"])
    shutil.rmtree(tmp_path / "data")
    page = page_of(folder)
    assert any("The images are not available" in sentence for sentence in sentences(page))
    assert "r1_confident_errors" not in page.numbers


def test_images_of_another_data_set_are_not_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    folder = train_on_random_images(tmp_path, (6, 6, 1), ["a", "b", "c"])
    assert page_of(folder).numbers["r1_confident_errors"]
    shutil.rmtree(tmp_path / "data")
    images, labels = tfds_data.random_images((6, 6, 1), classes=3, train=9, test=7)
    tfds_data.write(tmp_path / "data", "random", images, labels, ["a", "b", "c"])
    other = page_of(folder)
    assert any("in the data folder is not that of the runs" in sentence for sentence in sentences(other))
    assert "r1_confident_errors" not in other.numbers


def test_without_checkpoints_only_the_translations_are_missing(two_runs, tmp_path):
    shutil.copytree(two_runs[0], tmp_path / "good")
    shutil.rmtree(tmp_path / "good" / "checkpoints")
    page = page_of(tmp_path / "good", two_runs[1])
    assert any("The accuracy on translated images is not known" in sentence for sentence in sentences(page))
    assert "translations" not in page.numbers
    assert page.numbers["pair_better"] == "good"


def test_metrics_that_contradict_the_predictions_fail_the_page(two_runs, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(two_runs[0], folder)
    shutil.copy(two_runs[1] / "predictions.npz", folder / "predictions.npz")
    page = page_of(folder)
    assert page.verdict == "fail"
    assert page.numbers["runs"]["metrics"] == ["fail"]


def test_invalid_runs_are_refused_in_one_line(two_runs, tmp_path):
    good, bad = two_runs

    def copy(name):
        shutil.copytree(good, tmp_path / name)
        return tmp_path / name

    unfinished, damaged, other = copy("unfinished"), copy("damaged"), copy("other")
    (unfinished / "predictions.npz").unlink()
    (damaged / "predictions.npz").write_bytes(b"PK")
    content = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(content | {"schema_version": 1}))
    foreign = copy("foreign")
    predictions = load_run(good).predictions
    np.savez(foreign / "predictions.npz", **predictions | {"test_labels": predictions["test_labels"][::-1]})
    for folders, message in [
        ((Path("nowhere"),), "nowhere is not a run folder"),
        ((bad, unfinished), "is not finished; continue it with --resume"),
        ((damaged,), "has a damaged predictions.npz"),
        ((other,), "has schema version 1"),
        ((good, good), "got one of them twice"),
        ((good, foreign), "must be of one data set"),
    ]:
        with pytest.raises(ValueError, match=message) as error:
            read(Options(runs=folders))
        assert "\n" not in str(error.value)


def test_an_invalid_seed_is_refused_before_training():
    with pytest.raises(ValueError, match="`seed` must be between 0 and"):
        read(Options(seed=-1))


def test_runs_with_the_same_name_are_distinguished(two_runs, tmp_path):
    shutil.copytree(two_runs[0], tmp_path / "a" / "run")
    shutil.copytree(two_runs[0], tmp_path / "b" / "run")
    assert list(read(Options(runs=(tmp_path / "a" / "run", tmp_path / "b" / "run"))).runs) == ["a/run", "b/run"]
