"""The classifiers page: numbers and sentences for trained and for named runs, and any names of runs and classes."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from nets.training import fitting
from nets.training.config import TrainConfig
from nets.training.fitting import fit
from nets.training.runs import load_run
from reports.classifiers import (
    Options,
    build,
    calibration,
    classes,
    comparison,
    ensembles,
    images,
    problem,
    read,
    training,
)
from reports.classifiers.problem import report_runs
from reports.classifiers.text import MAX_LENGTH, label
from reports.shared.page import Page, drawing
from tests.nets.data import tfds_data
from tests.nightly import nightly_but
from tests.reports import stand_ins

FIGURES = [
    (calibration, "_diagrams"),
    (classes, "_plot_confusion_matrices"),
    (classes, "_plot_metrics"),
    (ensembles, "_plot_ensemble_size"),
    (images, "_grid"),
    (training, "_curves"),
]


def page_of(*folders, **options):
    page_options = Options(runs=tuple(folders), **options)
    with jax.numpy_rank_promotion("allow"), drawing():
        return build(read(page_options), page_options, [])


def comparison_of(*folders):
    """The section that compares the runs, as it is on their page, and its text."""
    page_options = Options(runs=folders)
    with jax.numpy_rank_promotion("allow"):
        problem = read(page_options)
        test = images.load_test_images(problem, page_options)
        numbers = comparison.comparison_section(report_runs(problem.runs), test, full=False)
    page = Page("p", "t", "c")
    page.section("classifiers/comparison.md", numbers)
    return page.numbers["comparison"], " ".join(page.sections[0].body.split())


@pytest.fixture
def blank_figures(monkeypatch):
    for module, name in FIGURES:
        monkeypatch.setattr(module, name, stand_ins.blank_figure)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """Folders of an ensemble of trained MLPs, and of a conv net that is hardly trained."""
    folder = tmp_path_factory.mktemp("runs")
    common = TrainConfig(
        dataset="digits", hidden=(32,), batch_size=32, epochs=4, learning_rate=3e-3, validation=360, seed=3
    )
    with jax.numpy_rank_promotion("allow"):
        fit(replace(common, model="mlp", members=2, run_dir=folder / "good"))
        fit(replace(common, model="conv", channels=(2,), epochs=1, learning_rate=1e-4, run_dir=folder / "bad"))
    return folder / "good", folder / "bad"


@pytest.fixture(scope="module")
def page(two_runs):
    """The page without options, with those runs in place of the two it would train."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "train_on_digits", lambda *_: {run.name: load_run(run) for run in two_runs})
        return page_of()


def test_without_runs_two_ensembles_are_trained_on_the_digits(monkeypatch):
    monkeypatch.setattr(fitting, "fit", lambda config: config)
    trained = problem.train_on_digits("folder", Options(seed=2))
    assert list(trained) == ["mlp", "conv"]
    for name, config in trained.items():
        assert (config.model, config.dataset, config.members, config.seed) == (name, "digits", 5, 2)
        assert config.run_dir == Path("folder") / name
    assert trained["conv"].channels == (12,)


def test_what_was_trained_for_the_page_is_on_it_as_the_title_says(page):
    assert "digits, trained for this page" in page.title
    assert page.verdict == "pass"
    mlp, conv = page.numbers["confusions"]["runs"]
    assert (mlp["name"], conv["name"]) == ("good", "bad")
    assert np.sum(mlp["confusion_matrix_test"]) == np.sum(conv["confusion_matrix_test"]) == 360
    assert np.sum(mlp["confusion_matrix_train"]) == 1077
    accuracy = np.trace(conv["confusion_matrix_test"]) / 360
    assert page.numbers["runs"]["runs"]["test"][1] == pytest.approx(100 * accuracy)
    assert page.numbers["architectures"]["architectures"][0]["parameters"]["size"] == [32, 32 * 64, 10, 320]
    assert "an ensemble of 2 networks of each architecture, on\n1,077 training images" in page.html()


def test_the_ensemble_is_compared_with_single_networks_and_temperatures(page):
    (ensemble,) = page.numbers["ensembles"]["ensembles"]
    table = ensemble["scores"]
    assert table[""] == ["single network", "ensemble", "single network, with temperature", "ensemble, with temperature"]
    loss = dict(zip(table[""], table["nll (nats)"], strict=True))
    assert ensemble["nll_difference"] == pytest.approx(loss["single network"] - loss["ensemble"])
    word = "worse" if loss["single network"] > loss["ensemble"] else "better"
    assert f"A single network of good is {word} than the ensemble" in page.html()
    assert loss["ensemble"] == pytest.approx(page.numbers["calibration"]["scores"]["nll (nats)"][0])


def test_every_section_has_its_figures(page):
    html = page.html()
    assert html.count("<img") == 1 + 1 + 2 + 2 + 1 + 1  # curves, classes, confusions, errors, diagrams, ensembles
    assert not stand_ins.dead_links(html)
    assert [section.title for section in page.sections] == [
        *["The runs", "Architectures", "Learning curves", "Metrics per class", "Confusion matrices"],
        *["The most confident errors", "Comparison", "Calibration", "Deep ensembles"],
    ]


def test_the_conclusion_does_not_depend_on_the_order_of_the_runs(two_runs):
    good, bad = two_runs
    (first, text), (second, _) = comparison_of(good, bad), comparison_of(bad, good)
    for numbers in (first, second):
        assert (numbers["pair"]["better"], numbers["pair"]["worse"]) == ("good", "bad")
        assert numbers["pairs"]["better"] == ["good"]
    assert first["pairs"]["difference"][0] == -second["pairs"]["difference"][0] > 20
    assert "good is better than bad by" in text


def test_swapping_the_two_runs_swaps_the_conclusion(two_runs, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    shutil.copytree(two_runs[1], good)
    shutil.copytree(two_runs[0], bad)
    (first, _), (second, text) = comparison_of(*two_runs), comparison_of(good, bad)
    assert first["pair"]["better"] == "good"
    assert second["pair"]["better"] == "bad"
    assert "bad is better than good by" in text
    for name in ["class", "confusion", "worse_count", "better_count", "difference"]:
        assert first["pair"][name] == second["pair"][name]


def test_the_differences_of_a_pair_are_counted(two_runs):
    better, worse = (run.test.confusion_matrix for run in report_runs(read(Options(runs=two_runs)).runs))
    pair = comparison_of(*two_runs)[0]["pair"]
    label, predicted = map(int, pair["confusion"])
    assert pair["worse_count"] == worse[label, predicted]
    assert pair["better_count"] == better[label, predicted]
    decrease = (worse - better) * (1 - np.eye(10, dtype=int))
    assert decrease.max() == pair["worse_count"] - pair["better_count"]


@pytest.mark.usefixtures("blank_figures")
def test_pages_of_one_run_and_of_ten_runs(two_runs, tmp_path):
    single = page_of(two_runs[1])
    assert "Comparison" not in [section.title for section in single.sections]
    assert "None of these runs is an ensemble" in single.html()
    folders = []
    for i in range(10):
        folders.append(tmp_path / f"run{i}")
        shutil.copytree(two_runs[i % 2], folders[-1])
    ten = page_of(*folders)
    pairs = ten.numbers["comparison"]["pairs"]
    assert len(pairs["p"]) == 45
    assert set(pairs["better"]) == {"undecided", *(f"run{i}" for i in range(0, 10, 2))}
    assert ten.numbers["runs"]["runs"]["run"] == [f"run{i}" for i in range(10)]
    styles = {(run.colour, run.marker) for run in report_runs(read(Options(runs=tuple(folders))).runs)}
    assert len(styles) == 10


def test_names_of_runs_with_the_same_start_stay_different_in_figures():
    names = [f"cifar10-conv-wide-augmented-label-smoothing-{i}" for i in range(10)]
    assert len({label(name) for name in names}) == 10
    assert all(len(label(name)) == MAX_LENGTH for name in names)
    assert label("a$b") == r"a\$b"


def test_the_accuracy_drop_on_translated_images_is_compared_with_its_error(two_runs, tmp_path):
    shutil.copytree(two_runs[0], tmp_path / "same")
    numbers, text = comparison_of(two_runs[0], tmp_path / "same")
    assert (numbers["translated"]["difference"], numbers["translated"]["two_errors"]) == (0, 0)
    assert "do not differ significantly, so there is no difference to explain" in text
    numbers, text = comparison_of(*two_runs)
    translated = numbers["translated"]
    assert translated["difference"] + translated["two_errors"] < 0  # little accuracy to lose, hardly trained
    assert "does not explain why good is better" in text
    assert translated["worse_drop"] - translated["better_drop"] == pytest.approx(translated["difference"])


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"significant": False}, "Their test accuracies do not differ significantly"),
        (
            {"better_model": "conv", "worse_model": "mlp"},
            "Robustness to translations is an advantage of the convolution.",
        ),
        ({}, "Here the MLP is more robust to translations than the convolution."),
        ({"worse_model": "mlp"}, "Both networks have the same architecture, so their recipes make the difference."),
        ({"difference": -2.0}, "Robustness to translations does not explain why good is better."),
        ({"difference": 0.5}, "This is not significant, so it is open whether it explains why good is better."),
    ],
)
def test_whether_translations_explain_the_difference_is_what_the_numbers_say(page, changes, end):
    numbers = deepcopy(page.numbers["comparison"])
    numbers["pair"] |= {"better_model": "mlp", "worse_model": "conv"} | {
        name: value for name, value in changes.items() if name != "difference"
    }
    numbers["translated"] |= {"difference": changes.get("difference", 2.0), "two_errors": 1.0}
    shown = Page("p", "t", "c")
    shown.section("classifiers/comparison.md", numbers)
    assert end in " ".join(shown.sections[0].body.split())


def train_on_random_images(tmp_path, shape, names, **changes):
    """Return the folder of a small run on random images with these class names."""
    images, labels = tfds_data.random_images(shape, classes=len(names), train=3 * len(names), test=2 * len(names))
    tfds_data.write(tmp_path / "data", "random", images, labels, names)
    config = TrainConfig(
        dataset="random", data_dir=tmp_path / "data", model="mlp", hidden=(4,), epochs=1, batch_size=4, validation=0
    )
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(config, **changes, run_dir=tmp_path / "run")).folder


@pytest.mark.parametrize(("shape", "count"), nightly_but([((5, 7, 1), 2)], [((8, 8, 3), 100), ((5, 7, 1), 2)]))
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
    (metrics,) = page.numbers["classes"]["runs"]
    assert len(metrics["recall"]) == count
    assert "There is no temperature for" in html  # without validation data
    assert len(metrics["classes"]["class"]) == min(count, 20)
    assert (f"The 20 of {count} classes with the smallest F1" in html) == (count > 20)
    unpredicted = [names[k] for k, precision in enumerate(metrics["precision"]) if precision[0] is None]
    assert metrics["unpredicted"] == unpredicted
    assert bool(unpredicted) == ("the precision is undefined there" in html)
    assert (len(unpredicted) > 20) == (f"and {len(unpredicted) - 20} other classes" in html)


def errors_of(folder):
    """The section with the most confident errors of one run, and its text."""
    page_options = Options(runs=(folder,))
    problem = read(page_options)
    test = images.load_test_images(problem, page_options)
    page = Page("p", "t", "c")
    page.section("classifiers/confident_errors.md", images.confident_errors_section(report_runs(problem.runs), test))
    return page.numbers["confident_errors"], page.sections[0].body


@pytest.mark.usefixtures("blank_figures")
def test_images_are_shown_only_if_they_are_those_of_the_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    folder = train_on_random_images(tmp_path, (6, 6, 1), ["a", "b", "c"])
    numbers, _ = errors_of(folder)
    assert numbers["runs"][0]["errors"]
    shutil.rmtree(tmp_path / "data")
    numbers, text = errors_of(folder)
    assert "The images are not available" in text
    assert numbers["runs"] == []
    other, labels = tfds_data.random_images((6, 6, 1), classes=3, train=9, test=7)
    tfds_data.write(tmp_path / "data", "random", other, labels, ["a", "b", "c"])
    numbers, text = errors_of(folder)
    assert "in the data folder is not that of the runs; --data-dir names their folder." in text
    assert numbers["runs"] == []


def test_without_checkpoints_only_the_translations_are_missing(two_runs, tmp_path):
    shutil.copytree(two_runs[0], tmp_path / "good")
    shutil.rmtree(tmp_path / "good" / "checkpoints")
    numbers, text = comparison_of(tmp_path / "good", two_runs[1])
    assert "The accuracy on translated images is not known" in text
    assert "accuracies" not in numbers["translated"]
    assert numbers["pair"]["better"] == "good"


def test_metrics_that_contradict_the_predictions_fail_the_page(two_runs, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(two_runs[0], folder)
    *earlier, last = (folder / "metrics.jsonl").read_text().splitlines()
    contradiction = json.loads(last) | {"test_loss": 0.001 + json.loads(last)["test_loss"]}
    (folder / "metrics.jsonl").write_text("\n".join([*earlier, json.dumps(contradiction)]) + "\n")
    numbers = training.runs_section(report_runs(read(Options(runs=(folder,))).runs), trained_here=False)
    assert numbers["verdict"] == "fail"
    assert numbers["runs"]["metrics"] == ["fail"]


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
