"""The command `predict`: a table, CSV and JSON of the same numbers, and an exit code for damaged files."""

import csv
import io
import json
import os
import sys
from dataclasses import replace

import pytest
from PIL import Image

import nets.__main__
from closedform import command_line
from nets.data.datasets import load
from nets.evaluation import predictions
from nets.evaluation.temperature import Temperature

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def test_table_csv_and_json_have_the_same_predictions(command, run, tmp_path):
    for i, image in enumerate(load("digits").test.images[:3, ..., 0]):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    code, table, err = command("predict", run.folder, tmp_path)
    assert (code, "with temperature" in err, "resized" in err) == (0, True, False)
    code, out, _ = command("predict", run.folder, tmp_path, "--csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    code, out, _ = command("predict", run.folder, "0.png", "1.png", "2.png", "--json")
    record = json.loads(out)
    assert len(rows) == len(record["images"]) == 3
    for row, image in zip(rows, record["images"], strict=True):
        assert row["class"] == image["class"]
        assert float(row["probability"]) == image["probability"] == max(image["probabilities"].values())
        assert float(row["7"]) == image["probabilities"]["7"]
        line = next(line.split() for line in table.splitlines() if row["image"] in line)
        assert line[1:3] == [row["class"], f"{image['probability']:.3f}"]


def test_damaged_files_are_named_and_the_others_predicted(command, run, tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "photo.jpg")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    code, out, err = command("predict", run.folder, tmp_path)
    assert code == 1
    assert "photo.jpg" in out
    assert "broken.png" not in out
    assert "broken.png cannot be decoded" in err
    for sentence in ["resized to 8 x 8 pixels: 1 of 1", "converted to gray: 1 of 1", "not decoded: 1"]:
        assert sentence in err
    code, out, err = command("predict", run.folder, "broken.png")
    assert (code, out) == (1, "")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("options", [[], ["--csv"], ["--json"]])
def test_names_that_the_output_cannot_encode_are_escaped(run, tmp_path, monkeypatch, encoding, options):
    Image.new("L", (8, 8)).save(tmp_path / "im.png")
    (tmp_path / "im.png").rename(tmp_path / os.fsdecode(b"im\xe9.png"))
    class_names = ("\u00dcber", *run.class_names[1:])
    monkeypatch.setattr("nets.training.runs.load_run", lambda *_, **__: replace(run, class_names=class_names))
    monkeypatch.setattr(predictions, "temperature_of", lambda _: Temperature(1.0, "temperature 1", None))
    monkeypatch.setattr(sys, "argv", ["nets", "predict", str(run.folder), str(tmp_path), *options])
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, errors="strict"))
    assert command_line.run(nets.__main__.main) == 0
    text = written.getvalue().decode(encoding)
    assert "im\\udce9.png" in text
    if options == ["--csv"]:
        assert {"utf-8": "\u00dcber", "ascii": "\\xdcber"}[encoding] in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.png"], "there is no nowhere.png"),
        ([], "`images` must be one image file or folder at least"),
        (["a.png", "--csv", "--json"], "must not both be given"),
    ],
)
def test_bad_usage_is_refused(command, run, arguments, message):
    code, out, err = command("predict", run.folder, *arguments)
    assert (code, out) == (2, "")
    assert message in err
