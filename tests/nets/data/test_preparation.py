"""Preparing data sets, as far as that goes without a network and TensorFlow."""

import pytest

from nets.data import preparation as prepare
from tests.nets.data import tfds_data


def test_without_a_network_preparing_says_which_archive_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "_unreachable", lambda _: True)
    with pytest.raises(ValueError, match=r"www\.cs\.toronto\.edu does not answer") as caught:
        prepare.check("cifar10", tmp_path)
    archive = tmp_path / "downloads/manual/cifar-10-binary.tar.gz"
    assert f"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz (162.17 MiB) as {archive}" in str(caught.value)
    assert not list(tmp_path.iterdir())
    archive.parent.mkdir(parents=True)
    archive.touch()
    prepare.check("cifar10", tmp_path)  # no network is needed now


def test_a_host_that_does_not_answer_is_given_up_soon(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert prepare._unreachable("https://www.cs.toronto.edu")


def test_the_environment_with_tensorflow_is_pixis_or_uvs(tmp_path, monkeypatch):
    words = ["python", "-m", "nets", "prepare", "mnist", "--data-dir", str(tmp_path)]
    monkeypatch.setattr(prepare.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("UV", "/bin/uv")
    for name in ["PIXI_PROJECT_MANIFEST", "PIXI_EXE"]:
        monkeypatch.delenv(name, raising=False)
    made = prepare.command("mnist", tmp_path)
    assert made[:2] == ["/bin/uv", "run"]
    assert {"--isolated", "prepare"} < set(made)
    assert made[-7:] == words
    monkeypatch.setenv("PIXI_PROJECT_MANIFEST", "/there/pixi.toml")
    monkeypatch.setenv("PIXI_EXE", "/bin/pixi")
    made = prepare.command("mnist", tmp_path)
    assert made == ["/bin/pixi", "run", "--manifest-path", "/there/pixi.toml", "-e", "prepare", *words]
    monkeypatch.delenv("PIXI_PROJECT_MANIFEST")
    monkeypatch.delenv("UV")
    monkeypatch.setattr(prepare.shutil, "which", lambda _: None)
    with pytest.raises(ValueError, match="needs TensorFlow, and neither pixi nor uv is at hand"):
        prepare.command("mnist", tmp_path)


def test_a_data_set_that_is_there_is_not_prepared_again(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "check", lambda *_: pytest.fail("asked for again"))
    images, labels = tfds_data.random((4, 4, 3))
    folder = tfds_data.write(tmp_path, "mnist", images, labels, list("abc"))
    assert prepare.prepare("mnist", tmp_path) == folder
