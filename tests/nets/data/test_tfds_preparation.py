"""Preparation of data sets, as far as it works without a network and TensorFlow."""

import pytest

from closedform import environments
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


def test_a_data_set_is_prepared_in_an_environment_with_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "find_spec", lambda _: None)
    monkeypatch.setenv("UV", "/bin/uv")
    monkeypatch.delenv("PIXI_PROJECT_MANIFEST", raising=False)
    command = tfds_preparation.prepare_command("mnist", tmp_path)
    assert command[-7:] == ["python", "-m", "nets", "prepare", "mnist", "--data-dir", str(tmp_path)]
    assert command[command.index("--extra") + 1] == "prepare"


def test_a_prepared_data_set_is_not_prepared_again(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_preparation, "require_preparable", lambda *_: pytest.fail("checked again"))
    images, labels = tfds_data.random_images((4, 4, 3))
    folder = tfds_data.write(tmp_path, "mnist", images, labels, list("abc"))
    assert tfds_preparation.prepare("mnist", tmp_path) == folder
