"""The classifiers page: for runs of its own and of others, right in its numbers and sentences, safe for any names."""

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
from reports.classifiers.problem import subjects
from reports.classifiers.text import LONGEST, label
from reports.shared.page import drawing
from tests.nets.data import tfds_data


def page_of(*folders, **options):
    chosen = Options(runs=tuple(folders), quick=True, **options)
    with jax.numpy_rank_promotion("allow"), drawing():
        return build(read(chosen), chosen, lambda _: None)


def sentences(page):
    return [str(block["body"]) for section in page.sections for block in section["blocks"] if "body" in block]


@pytest.fixture(scope="module")
def page():
    return page_of()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Folders of an MLP that has learned, and of a conv net that has hardly begun to."""
    folder = tmp_path_factory.mktemp("runs")
    common = TrainConfig(dataset="digits", hidden=(32,), batch_size=32, epochs=4, learning_rate=3e-3, seed=3)
    with jax.numpy_rank_promotion("allow"):
        fit(replace(common, model="mlp", run_dir=folder / "good"))
        fit(replace(common, model="conv", channels=(2,), epochs=1, learning_rate=1e-4, run_dir=folder / "bad"))
    return folder / "good", folder / "bad"


def test_without_runs_two_ensembles_are_trained_and_the_heading_says_so(page):
    assert "digits, trained for this page" in page.title
    assert page.verdict == "pass"
    numbers = page.numbers
    assert (numbers["r1_name"], numbers["r2_name"]) == ("mlp", "conv")
    assert np.sum(numbers["r1_confusion_test"]) == np.sum(numbers["r2_confusion_test"]) == 360
    assert np.sum(numbers["r1_confusion_train"]) == 1077
    accuracy = np.trace(numbers["r2_confusion_test"]) / 360
    assert numbers["runs"]["test"][1] == pytest.approx(100 * accuracy)
    assert numbers["r1_parameters"]["numbers"] == [64, 64 * 64, 10, 640]
    assert numbers["members"] == 5


def test_the_ensemble_is_beside_one_network_and_a_temperature(page):
    table = page.numbers["r1_ensemble"]
    assert table[""] == ["one network", "ensemble", "one, with temperature", "ensemble, with temperature"]
    loss = dict(zip(table[""], table["nll (nats)"], strict=True))
    assert page.numbers["r1_lost"] == pytest.approx(abs(loss["one network"] - loss["ensemble"]))
    word = "worse" if loss["one network"] > loss["ensemble"] else "better"
    assert any(f"One network of mlp is {word} than the ensemble" in sentence for sentence in sentences(page))
    assert loss["ensemble"] == pytest.approx(page.numbers["calibration"]["nll (nats)"][0])


def test_the_conclusion_goes_by_the_numbers_and_not_by_the_order(two):
    good, bad = two
    forth, back = page_of(good, bad), page_of(bad, good)
    for page in (forth, back):
        assert (page.numbers["pair_better"], page.numbers["pair_worse"]) == ("good", "bad")
        assert page.numbers["pairs"]["better"] == ["good"]
    assert forth.numbers["pairs"]["difference"][0] == -back.numbers["pairs"]["difference"][0] > 20


def test_swapping_the_two_runs_swaps_the_conclusion(two, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    shutil.copytree(two[1], good)
    shutil.copytree(two[0], bad)
    forth, back = page_of(*two), page_of(good, bad)
    assert forth.numbers["pair_better"] == "good"
    assert back.numbers["pair_better"] == "bad"
    for name in ["pair_class", "pair_kind", "pair_before", "pair_after", "pair_difference"]:
        assert forth.numbers[name] == back.numbers[name]


def test_what_the_better_run_is_better_at_is_counted(two):
    page = page_of(*two)
    numbers = page.numbers
    before, after = np.array(numbers["r2_confusion_test"]), np.array(numbers["r1_confusion_test"])
    true, predicted = numbers["pair_kind"].split(" taken for ")
    assert numbers["pair_before"] == before[int(true), int(predicted)]
    assert numbers["pair_after"] == after[int(true), int(predicted)]
    fell = (before - after) * (1 - np.eye(10, dtype=int))
    assert fell.max() == numbers["pair_before"] - numbers["pair_after"]
    assert any("good is better than bad by" in sentence for sentence in sentences(page))


def test_one_run_has_a_page_and_ten_have_one(two, tmp_path):
    alone = page_of(two[0])
    assert "Which is better" not in [section["title"] for section in alone.sections]
    folders = []
    for i in range(10):
        folders.append(tmp_path / f"run{i}")
        shutil.copytree(two[i % 2], folders[-1])
    ten = page_of(*folders)
    assert len(ten.numbers["pairs"]["p"]) == 45
    assert set(ten.numbers["pairs"]["better"]) == {"undecided", *(f"run{i}" for i in range(0, 10, 2))}
    assert ten.numbers["r10_name"] == "run9"
    looks = {(subject.colour, subject.marker) for subject in subjects(read(Options(runs=tuple(folders))).runs)}
    assert len(looks) == 10


def test_names_of_runs_that_begin_alike_stay_different_in_figures():
    names = [f"cifar10-conv-wide-augmented-label-smoothing-{i}" for i in range(10)]
    assert len({label(name) for name in names}) == 10
    assert all(len(label(name)) == LONGEST for name in names)
    assert label("a$b") == r"a\$b"


def test_what_moved_images_cost_is_told_from_chance(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "same")
    page = page_of(two[0], tmp_path / "same")
    assert (page.numbers["lost_more"], page.numbers["lost_error"]) == (0, 0)
    assert any("may be chance, so there is nothing to explain" in sentence for sentence in sentences(page))
    page = page_of(*two)
    assert page.numbers["lost_more"] + page.numbers["lost_error"] < 0  # the untrained one has little to lose
    assert any("is not what makes good the better one" in sentence for sentence in sentences(page))
    lost = page.numbers["worse_lost"] - page.numbers["better_lost"]
    assert lost == pytest.approx(page.numbers["lost_more"])


def trained(tmp_path, shape, names, **changes):
    """Return the folder of a small run on random images with these classes."""
    images, labels = tfds_data.random(shape, classes=len(names), train=3 * len(names), test=2 * len(names))
    tfds_data.write(tmp_path / "data", "random", images, labels, names)
    config = TrainConfig(
        dataset="random", data_dir=tmp_path / "data", model="mlp", hidden=(4,), epochs=1, batch_size=4, validation=0
    )
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(config, **changes, run_dir=tmp_path / "run")).folder


@pytest.mark.parametrize(("shape", "count"), [((8, 8, 3), 100), ((5, 7, 1), 2)])
def test_any_number_of_classes_of_any_name_and_colour(tmp_path, monkeypatch, shape, count):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    names = [f"<b>class</b> & ${{k}}^{k} with a name longer than any column" for k in range(count)]
    folder = trained(tmp_path, shape, names)
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
    never = [k for k, one in enumerate(page.numbers["r1_precision"]) if one[0] is None]
    assert bool(never) == ("precision is undefined there" in html)


def test_without_the_images_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    folder = trained(tmp_path, (6, 6, 1), ["a", "b", "c"])
    shutil.rmtree(tmp_path / "data")
    page = page_of(folder)
    assert any("The images are not at hand" in sentence for sentence in sentences(page))
    assert "r1_mistakes" not in page.numbers


def test_other_images_are_not_shown_for_the_run_s(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    folder = trained(tmp_path, (6, 6, 1), ["a", "b", "c"])
    assert page_of(folder).numbers["r1_mistakes"]
    shutil.rmtree(tmp_path / "data")
    images, labels = tfds_data.random((6, 6, 1), classes=3, train=9, test=7)
    tfds_data.write(tmp_path / "data", "random", images, labels, ["a", "b", "c"])
    other = page_of(folder)
    assert any("is not the one that the runs were trained on" in sentence for sentence in sentences(other))
    assert "r1_mistakes" not in other.numbers


def test_without_checkpoints_the_page_lacks_only_what_needs_them(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "good")
    shutil.rmtree(tmp_path / "good" / "checkpoints")
    page = page_of(tmp_path / "good", two[1])
    assert any("What moved images cost is not known" in sentence for sentence in sentences(page))
    assert "moved" not in page.numbers
    assert page.numbers["pair_better"] == "good"


def test_metrics_that_are_not_those_of_the_predictions_fail_the_page(two, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(two[0], folder)
    shutil.copy(two[1] / "predictions.npz", folder / "predictions.npz")
    page = page_of(folder)
    assert page.verdict == "fail"
    assert page.numbers["runs"]["metrics"] == ["fail"]


def test_runs_that_cannot_be_shown_get_one_clear_line(two, tmp_path):
    good, bad = two

    def copied(name):
        shutil.copytree(good, tmp_path / name)
        return tmp_path / name

    unfinished, damaged, other = copied("unfinished"), copied("damaged"), copied("other")
    (unfinished / "predictions.npz").unlink()
    (damaged / "predictions.npz").write_bytes(b"PK")
    content = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(content | {"schema_version": 1}))
    foreign = copied("foreign")
    predictions = load_run(good).predictions
    np.savez(foreign / "predictions.npz", **predictions | {"test_labels": predictions["test_labels"][::-1]})
    for folders, message in [
        ((Path("nowhere"),), "nowhere is not the folder of a run"),
        ((bad, unfinished), "is not finished; continue it with --resume"),
        ((damaged,), "has a damaged predictions.npz"),
        ((other,), "has schema version 1"),
        ((good, good), "got one of them twice"),
        ((good, foreign), "must be of one data set"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            read(Options(runs=folders))
        assert "\n" not in str(caught.value)


def test_a_seed_that_cannot_be_is_refused_before_anything_is_trained():
    with pytest.raises(ValueError, match="`seed` must be between 0 and"):
        read(Options(seed=-1))


def test_runs_of_one_name_are_told_apart(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "a" / "run")
    shutil.copytree(two[0], tmp_path / "b" / "run")
    assert list(read(Options(runs=(tmp_path / "a" / "run", tmp_path / "b" / "run"))).runs) == ["a/run", "b/run"]
