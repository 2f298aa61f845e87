"""Preparation of data sets, as far as it works without a network and TensorFlow."""

import pytest

from nets.data import tfds_preparation
from tests.nets.data import tfds_data


def test_without_a_network_the_error_names_archive_and_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_preparation, "_unreachable", lambda _: True)
    with pytest.raises(ValueError, match=r"www\.cs\.toronto\.edu does not answer") as error:
        tfds_preparation.require_preparable("cifar10", tmp_path)
    archive = tmp_path / "downloads/manual/cifar-10-binary.tar.gz"
    assert f"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz (162.17 MiB) as {archive}" in str(error.value)
    assert not list(tmp_path.iterdir())
    archive.parent.mkdir(parents=True)
    archive.touch()
    tfds_preparation.require_preparable("cifar10", tmp_path)  # no network is needed now


def test_a_host_that_does_not_answer_times_out_soon(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert tfds_preparation._unreachable("https://www.cs.toronto.edu")


def test_the_environment_with_tensorflow_is_created_by_pixi_or_uv(tmp_path, monkeypatch):
    arguments = ["python", "-m", "nets", "prepare", "mnist", "--data-dir", str(tmp_path)]
    monkeypatch.setattr(tfds_preparation.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("UV", "/bin/uv")
    for name in ["PIXI_PROJECT_MANIFEST", "PIXI_EXE"]:
        monkeypatch.delenv(name, raising=False)
    command = tfds_preparation.prepare_command("mnist", tmp_path)
    assert command[:2] == ["/bin/uv", "run"]
    assert {"--isolated", "prepare"} < set(command)
    assert command[-7:] == arguments
    monkeypatch.setenv("PIXI_PROJECT_MANIFEST", "/there/pixi.toml")
    monkeypatch.setenv("PIXI_EXE", "/bin/pixi")
    command = tfds_preparation.prepare_command("mnist", tmp_path)
    assert command == ["/bin/pixi", "run", "--manifest-path", "/there/pixi.toml", "-e", "prepare", *arguments]
    monkeypatch.delenv("PIXI_PROJECT_MANIFEST")
    monkeypatch.delenv("UV")
    monkeypatch.setattr(tfds_preparation.shutil, "which", lambda _: None)
    with pytest.raises(ValueError, match="needs TensorFlow, and neither pixi nor uv is installed"):
        tfds_preparation.prepare_command("mnist", tmp_path)


def test_a_prepared_data_set_is_not_prepared_again(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_preparation, "require_preparable", lambda *_: pytest.fail("checked again"))
    images, labels = tfds_data.random_images((4, 4, 3))
    folder = tfds_data.write(tmp_path, "mnist", images, labels, list("abc"))
    assert tfds_preparation.prepare("mnist", tmp_path) == folder
