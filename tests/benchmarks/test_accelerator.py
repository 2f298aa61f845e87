"""The benchmark for a GPU or TPU, on a CPU: its data, its processes, its forms of the chunk, and its verdicts."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from benchmarks.accelerator import jpeg_files
from benchmarks.accelerator.__main__ import Options, main, passed
from benchmarks.accelerator.parts.chunks import BARRIER, NATIVE, NVIDIA, PLAIN, Chunk, variants
from benchmarks.accelerator.process import run_part
from benchmarks.accelerator.settings import QUICK, Settings, read_settings
from benchmarks.accelerator.tables import COLUMNS, add_utilisation, lines
from benchmarks.compiled.facts import least_flops
from benchmarks.train_vs_torch import MFLOP
from nets.data.datasets import load
from nets.training.config import TrainConfig
from tests.tolerances import OTHER_FORM

CLASSES = ["airplane", "truck"]


def write_archive(file, splits=("train", "test")):
    with tarfile.open(file, "w:xz") as archive:
        for split in splits:
            for number, name in enumerate(CLASSES):
                for image in range(2):
                    stream = io.BytesIO()
                    Image.new("RGB", (32, 32), (100 * number, 0, 0)).save(stream, "JPEG")
                    member = tarfile.TarInfo(f"{split}/{name}/{image:04d}.jpg")
                    member.size = stream.tell()
                    archive.addfile(member, io.BytesIO(stream.getvalue()))


def test_jpeg_files_become_a_data_set_of_nets(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    write_archive(tmp_path / "images.tar.xz")
    with tarfile.open(tmp_path / "images.tar.xz") as archive:
        archive.extractall(tmp_path / "images", filter="data")
    for source in [tmp_path / "images.tar.xz", tmp_path / "images"]:
        data_dir = tmp_path / f"of {source.name}"
        jpeg_files.prepare(source, data_dir)
        dataset = load("cifar10", data_dir)
        assert dataset.class_names == tuple(CLASSES)
        assert dataset.train.labels.tolist() == dataset.test.labels.tolist() == [0, 0, 1, 1]
        red = dataset.train.images[:, 0, 0, 0].astype(int)
        assert (abs(red - [0, 0, 100, 100]) < 5).all()  # JPEG is lossy


def test_files_that_are_no_data_set_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))
    write_archive(tmp_path / "train.tar", splits=["train"])
    with pytest.raises(ValueError, match=r"`data` must have files train\|test/CLASS"):
        jpeg_files.prepare(tmp_path / "train.tar", tmp_path / "a")
    (tmp_path / "text.tar").write_text("text")
    with pytest.raises(ValueError, match="`data` must be a folder or a tar file of JPEG files"):
        jpeg_files.prepare(tmp_path / "text.tar", tmp_path / "b")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 0.0}, "`minutes` must be positive, got 0"),
        ({"data": "/none/images.tar"}, "`data` must be .* got /none/images.tar, which does not exist"),
        ({"json": "/none/x.json"}, "`json` must be a file in an existing folder, .* got /none/x.json"),
        ({"json": "x.log"}, "`json` must be a file in an existing folder, and not a .log, got .*x.log"),
        ({"json": "."}, "`json` must be a file in an existing folder"),
        ({"parts": ()}, "`parts` must be one or more of device, training, .*, got none"),
        ({"torch_python": "/none/python"}, r"`torch_python` must be a Python with PyTorch .* got /none/python \("),
    ],
)
def test_invalid_options_are_refused(options, message, tmp_path):
    others = ("minutes", "parts")
    paths = {name: value if name in others else tmp_path.joinpath(value) for name, value in options.items()}
    with pytest.raises(ValueError, match=message):
        main(Options(**paths))


def test_a_part_that_fails_or_takes_too_long_is_reported_with_what_it_measured(tmp_path):
    settings = Settings(folder=tmp_path, **QUICK)
    failed = run_part("no_such_part", settings, 60, tmp_path / "log")
    assert failed["status"] == "failed"
    assert "No module named 'benchmarks.accelerator.parts.no_such_part'" in failed["reason"]
    slow = run_part("device", settings, 0.01, tmp_path / "log")
    assert (slow["status"], slow["rows"]) == ("timed out", [])
    assert not passed(failed)
    assert not passed(slow)


def test_the_command_measures_the_device_and_writes_the_results(tmp_path, capsys):
    file = tmp_path / "results.json"
    assert main(Options(parts=("device",), quick=True, json=file)) == 0
    rows = json.loads(file.read_text())["parts"]["device"]["rows"]
    assert rows[0]["platform"] == "cpu"
    assert all(row["flops"] > 0 for row in rows if row["fact"] == "peak")
    assert "## device: complete" in capsys.readouterr().out
    assert json.dumps(rows[1]) in file.with_suffix(".log").read_text()


@pytest.mark.slow
def test_every_part_runs(tmp_path):
    file = tmp_path / "results.json"
    assert main(Options(quick=True, json=file, minutes=30)) == 0
    assert list(json.loads(file.read_text())["parts"]) == ["device", *COLUMNS]


def test_settings_are_read_as_they_were_written(tmp_path):
    settings = Settings(folder=tmp_path, data_dir=tmp_path / "data", **QUICK)
    settings.write(tmp_path / "settings.json")
    assert read_settings(tmp_path / "settings.json") == settings


def test_other_convolutions_train_the_same_network():
    config = TrainConfig(hidden=(8,), batch_size=8)
    chunks = {variant.name: Chunk(config, 16, 1, variant) for variant in [PLAIN, NATIVE]}
    losses = {}
    for name, chunk in chunks.items():
        chunk.run()
        losses[name] = float(chunk.state.epoch_loss)
    np.testing.assert_allclose(list(losses.values()), losses[PLAIN.name], rtol=OTHER_FORM)
    other = Chunk(TrainConfig(hidden=(8,), batch_size=8, seed=1), 16, 1, PLAIN)  # negative control
    other.run()
    assert abs(float(other.state.epoch_loss) / losses[PLAIN.name] - 1) > OTHER_FORM
    programs = {name: chunk.compiled.as_text() for name, chunk in chunks.items()}
    assert programs[NATIVE.name].count(" convolution(") > programs[PLAIN.name].count(" convolution(")


def test_forms_are_those_of_the_device():
    assert variants(TrainConfig(), "cpu") == [PLAIN, NATIVE, BARRIER]
    assert variants(TrainConfig(model="mlp"), "NVIDIA H100") == [PLAIN, BARRIER, *NVIDIA]
    assert variants(TrainConfig(precision="bfloat16"), "NVIDIA H100") == [PLAIN, NATIVE]


@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_the_floor_of_operations_is_that_of_the_other_benchmarks(model):
    assert least_flops(TrainConfig(model=model)) / 1e6 == pytest.approx(MFLOP[model], rel=0.005)


def test_utilisation_is_relative_to_the_peak_of_the_precision():
    rows = [{"precision": name, "images_per_second": 1e6, "flops_per_image": 2e6} for name in ["float32", "bfloat16"]]
    add_utilisation(rows, {"float32": 4e12})
    assert rows[0]["utilisation"] == pytest.approx(0.5)
    assert "utilisation" not in rows[1]


def test_a_result_that_must_hold_and_does_not_is_no_pass():
    good = {"required": True, "again_equal": True, "resumed_equal": True, "reached": None}
    for row, expected in [
        (good, True),
        (good | {"again_equal": False}, False),
        (good | {"resumed_equal": False}, False),
        (good | {"resumed_equal": False, "required": False}, True),
        ({"reached": True}, True),
        ({"reached": False}, False),
        ({"error": "out of memory"}, False),
    ]:
        assert passed({"status": "complete", "rows": [row]}) is expected


def test_a_table_has_what_was_measured_and_what_was_not():
    rows = [
        {"network": "mlp", "model": "mlp", "precision": "float32", "batch": 128, "variant": PLAIN.name,
         "images_per_second": 1000.0, "range": [900.0, 1100.0], "utilisation": 0.25, "compile_seconds": 1.25},
        {"model": "conv", "error": "out of memory"},
    ]  # fmt: skip
    text = "\n".join(lines("steps", {"status": "timed out", "reason": "too slow", "seconds": 3.0, "rows": rows}))
    assert "## steps: timed out, 3 s" in text
    assert "| mlp | float32 | 128 | as in training | 1,000 (900 to 1,100) | 25 % | 1.2 |" in text
    assert "model: conv, error: out of memory" in text
