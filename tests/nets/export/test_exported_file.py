"""An exported file gives the logits of the run, in a process without closedform; a wrong file is found."""

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from nets.commands import exporting
from nets.evaluation.metrics import fit_validation_temperature
from nets.export import fresh_process, stablehlo
from nets.export.exported_file import export
from nets.training.fitting import fit
from nets.training.runs import Run
from tests.nets.training.digits import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")
ROOT = Path(__file__).parents[3]
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)


def test_the_file_gives_the_logits_of_the_run_in_a_new_process(command, run, tmp_path):
    code, out, err = command("export", run.folder, "--output", "out/net.stablehlo")
    assert code == 0, err
    assert (out.strip(), "checked in a new process" in err) == ("out/net.stablehlo", True)
    exported = jax.export.deserialize(bytearray((tmp_path / "out/net.stablehlo").read_bytes()))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    for size in [1, 5]:
        np.testing.assert_allclose(exported.call(IMAGES[:size]), run.logits(IMAGES[:size]), rtol=1e-5, atol=1e-5)
    description = json.loads((tmp_path / "out/net.stablehlo.json").read_text())
    assert (description["class_names"], description["image_shape"]) == (list(run.class_names), [8, 8, 1])
    assert description["temperature"] == fit_validation_temperature(run).value
    assert description["temperature_note"] in err
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"net.stablehlo", "net.stablehlo.json"}


@pytest.mark.parametrize(
    "options",
    [{"members": 2, "model": "conv", "channels": (3, 5)}, {"precision": "bfloat16"}],
    ids=["ensemble", "bfloat16"],
)
def test_every_network_has_the_logits_of_its_run(tmp_path, options):
    run = fit(replace(CONFIG, run_dir=tmp_path / "run", epochs=1, hidden=(8,), **options))
    exported = jax.export.deserialize(bytearray(stablehlo.to_stablehlo(run)))
    np.testing.assert_allclose(exported.call(IMAGES), run.logits(IMAGES), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda run: stablehlo.to_stablehlo(run)[:-1000], "cannot be run in a new process without closedform"),
        (lambda run: stablehlo.to_stablehlo(Scaled(**vars(run))), r"gives other logits than the run: they differ by"),
    ],
    ids=["damaged", "other logits"],
)
def test_a_wrong_file_is_found_and_not_kept(run, tmp_path, monkeypatch, content, message):
    plain = Run(**{name: value for name, value in vars(run).items() if name in Run.__dataclass_fields__})
    monkeypatch.setattr("nets.export.exported_file._content", lambda *_: content(plain))
    with pytest.raises(ArithmeticError, match=message):
        export(run, "stablehlo", tmp_path / "net.stablehlo")
    assert not list(tmp_path.iterdir())


class Scaled(Run):
    """A run with other parameters, by one part in a thousand."""

    @property
    def variables(self):
        return jax.tree.map(lambda leaf: 1.001 * leaf, super().variables)


def test_without_a_temperature_the_file_has_1_and_says_why(command, run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    (tmp_path / "run/predictions.npz").write_bytes(b"PK")
    code, _, err = command("export", "run", "--output", "net")
    assert (code, "temperature 1, since none could be fitted: run run has a damaged predictions.npz" in err) == (
        0,
        True,
    )
    description = json.loads((tmp_path / "net.json").read_text())
    assert description["temperature"] == 1
    assert description["temperature_note"].startswith("temperature 1, since none could be fitted")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("run/config.json", "`output` must not be a file of a run, got run/config.json; choose another with --output"),
        ("run/config", "`output` must not be a file of a run, got run/config;"),  # its description is run/config.json
        ("run/predictions.npz", "`output` must not be a file of a run, got run/predictions.npz;"),
        ("run/checkpoints/net", "`output` must not be a file of a run, got run/checkpoints/net;"),
        ("run/.lock", "`output` must not be a file of a run, got run/.lock;"),
        ("run", "`output` must be a file, and run is a folder; name a file in it"),
        (
            "/proc/model",
            "`output` /proc/model cannot be written (No such file or directory); choose another with --output",
        ),
    ],
)
@pytest.mark.parametrize("format", ["stablehlo", "onnx"])
def test_an_output_that_must_not_be_written_is_refused(command, run, tmp_path, monkeypatch, format, output, message):
    shutil.copytree(run.folder, tmp_path / "run")
    monkeypatch.setattr("nets.export.exported_file.require_same_logits", lambda *_: 0.0)
    monkeypatch.setattr("nets.export.exported_file._content", lambda *_: b"")
    monkeypatch.setattr(exporting, "find_spec", lambda _: output.startswith("/proc"))
    before = {file: file.read_bytes() for file in sorted(tmp_path.rglob("*")) if file.is_file()}
    code, out, err = command("export", "run", "--format", format, "--output", output)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert {file: file.read_bytes() for file in sorted(tmp_path.rglob("*")) if file.is_file()} == before


def test_a_file_that_needs_closedform_is_found(run, tmp_path, monkeypatch):
    code = f"sys.path.insert(0, {str(ROOT)!r})\nimport closedform\n{fresh_process.LOGITS['stablehlo']}"
    monkeypatch.setitem(fresh_process.LOGITS, "stablehlo", code)
    with pytest.raises(ArithmeticError, match=r"the file needs \['closedform'\]"):
        export(run, "stablehlo", tmp_path / "net.stablehlo")


def test_without_its_extras_a_format_names_them(run, tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("closedform.extras.find_spec", lambda name: find_spec(name) if name != "flatbuffers" else None)
    with pytest.raises(ModuleNotFoundError, match=r"flatbuffers is not installed; pip install 'closedform\[nets\]'"):
        export(run, "stablehlo", tmp_path / "net.stablehlo")
    with pytest.raises(ModuleNotFoundError, match="jax2onnx"):
        export(run, "onnx", tmp_path / "net.onnx")


def test_onnx_is_written_in_an_environment_with_its_converter(command, run, monkeypatch):
    commands = []
    monkeypatch.setenv("UV", "/bin/uv")
    monkeypatch.delenv("PIXI_PROJECT_MANIFEST", raising=False)
    monkeypatch.setattr(
        exporting.subprocess, "run", lambda words, **_: commands.append(words) or type("", (), {"returncode": 1})
    )
    code, _, err = command("export", run.folder, "--format", "onnx", "--checkpoint", "best", "--output", "net.onnx")
    assert (code, "in an environment with it" in err) == (1, True)
    (words,) = commands
    assert words[words.index("--extra") + 1] == "onnx"
    output = str(Path("net.onnx").absolute())
    assert words[-7:] == [str(run.folder), "--format", "onnx", "--output", output, "--checkpoint", "best"]
