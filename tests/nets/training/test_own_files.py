"""Runs on files of a person's own: their path is absolute, and a position leads to the name of a file."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nets import from_arrays
from nets.data.datasets import load
from nets.evaluation.metrics import evaluate
from nets.training.config import TrainConfig
from nets.training.fitting import fit
from nets.training.runs import load_run
from nets.training.task import with_data
from tests.nets.data.image_files import write_folder

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")

CONFIG = TrainConfig(dataset="data/pets", model="mlp", hidden=(4,), epochs=1, batch_size=16)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    write_folder(tmp_path / "home/data/pets")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home/data/pets"


def test_a_run_is_evaluated_and_resumed_from_another_working_directory(folder, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path / "home")
    run = fit(CONFIG)
    assert str(run.folder) == "build/runs/pets-mlp-seed0" == str(replace(CONFIG, dataset="./data/pets/").folder)
    assert run.config.dataset == str(folder)
    for name in ["./data/pets", "data/pets/", "data/../data/pets"]:
        assert with_data(replace(CONFIG, dataset=name), None) == run.config
    assert fit(replace(CONFIG, dataset="./data/pets"), resume=True).finished
    (error,) = evaluate(run, "test").most_confident_errors(1)
    monkeypatch.chdir(tmp_path)
    best = load_run(tmp_path / "home" / run.folder, checkpoint="best")
    np.testing.assert_array_equal(best.predictions["test_file"], run.predictions["test_file"])
    code, out, _ = command("evaluate", best.folder)
    assert code == 0
    assert f"  {error.file}: {('cat', 'dog')[error.label]} predicted as" in out


def test_a_run_whose_folder_has_moved_is_resumed_and_evaluated(folder, tmp_path, command):
    config = replace(CONFIG, dataset=str(folder), run_dir=tmp_path / "run")
    run = fit(config)
    moved = folder.rename(tmp_path / "moved")
    code, out, err = command("evaluate", run.folder, "--checkpoint", "best")
    assert (code, out, err.count("\n")) == (2, "", 1)
    for words in [
        f"the data of run {run.folder} cannot be read: ",
        f"there is no {folder}; restore",
        "--dataset",
    ]:
        assert words in err
    code, out, err = command("evaluate", run.folder, "--checkpoint", "best", "--dataset", "moved", "--json")
    assert (code, json.loads(out)["checkpoint"]) == (0, "best"), err
    for wrong in ["nowhere", "digits", ""]:  # also where the results are in the folder of the run
        code, out, err = command("evaluate", run.folder, "--dataset", wrong)
        assert (code, out, err.count("\n")) == (2, "", 1), err
    code, out, err = command("evaluate", run.folder, "--data-dir", tmp_path)
    assert (code, out) == (2, "")
    assert f"run {run.folder} was trained on {folder}; give --dataset if that has moved" in err
    with pytest.raises(ValueError, match=r"`dataset` is 'digits', but the run in .* has '.*pets'"):
        fit(replace(config, dataset="digits"), resume=True)
    resumed = fit(replace(config, dataset="moved", epochs=2), resume=True)
    assert (len(resumed.metrics), resumed.config.dataset) == (2, str(moved))
    assert [list(change) for change in resumed.provenance["extended_from"]] == [["after_epochs", "epochs", "patience"]]
    assert load_run(run.folder, "best").predictions["test_file"].tolist() == run.predictions["test_file"].tolist()
    (moved / "cat/000.png").unlink()
    other = r"other data than the run in .*: images 33 train, 3 validation, 3 test, not 33 train, 3 validation, 4 test;"
    with pytest.raises(ValueError, match=other):
        fit(replace(config, dataset=str(moved), epochs=3), resume=True)
    assert load_run(run.folder).config.epochs == 2


def test_a_position_of_every_split_leads_to_a_file(folder, tmp_path):
    run = fit(replace(CONFIG, run_dir=tmp_path / "run"))
    names = []
    for split in ["train", "validation", "test"]:
        evaluation = evaluate(run, split)
        expected = [run.class_names.index(name.split("/")[0]) for name in evaluation.files]
        np.testing.assert_array_equal(evaluation.labels, expected)
        names += [*evaluation.files]
    np.savez(run.folder / "predictions.npz", **run.predictions | {"test_file": run.predictions["test_file"][:-1]})
    with pytest.raises(ValueError, match=r"damaged predictions.npz: `test_file` has shape \(3,\), not \(4,\)"):
        _ = load_run(run.folder).predictions
    assert sorted(names) == sorted(str(file.relative_to(folder)) for file in folder.glob("*/*"))


def test_arrays_have_no_files(run):
    assert "test_file" not in run.predictions
    assert evaluate(run, "test").most_confident_errors(1)[0].name.startswith("image ")


def test_what_is_no_data_set_is_refused_in_one_line(folder):
    X, y = np.zeros((40, 8, 6, 3), np.uint8), np.arange(40) % 2
    for wrong in [(X, y), X]:
        with pytest.raises(ValueError, match=r"`dataset` must be a data set, got .*; `nets.from_arrays` makes one"):
            fit(CONFIG, dataset=wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"`image_size` must be left out for images of 8 x 6 in `dataset`, got \(5,\)"):
        fit(replace(CONFIG, image_size=(5,)), dataset=from_arrays(X, y))
    resized = replace(CONFIG, image_size=(5,))
    assert with_data(resized, load("data/pets", image_size=(5,))) == replace(resized, dataset=str(folder))
