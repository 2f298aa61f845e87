"""Commands that need an environment of their own find pixi or uv, or say what to install."""

import sys

import pytest

from closedform import environments

ARGUMENTS = ["extra", "package", "this needs package", ["prepare", "mnist"]]


@pytest.fixture(autouse=True)
def without_the_package(monkeypatch):
    monkeypatch.setattr(environments, "find_spec", lambda _: None)
    for name in ["PIXI_PROJECT_MANIFEST", "PIXI_EXE", "UV"]:
        monkeypatch.delenv(name, raising=False)


def test_this_environment_comes_first(monkeypatch):
    monkeypatch.setattr(environments, "find_spec", lambda name: name == "package")
    assert environments.command_with_extra(*ARGUMENTS) == [sys.executable, "-m", "nets", "prepare", "mnist"]


def test_pixi_and_then_uv_create_one(monkeypatch):
    words = ["python", "-m", "nets", "prepare", "mnist"]
    monkeypatch.setenv("UV", "/bin/uv")
    command = environments.command_with_extra(*ARGUMENTS)
    assert command[:2] == ["/bin/uv", "run"]
    assert {"--isolated", "--no-dev", "extra"} < set(command)
    assert command[-5:] == words
    monkeypatch.setenv("PIXI_PROJECT_MANIFEST", "/there/pixi.toml")
    monkeypatch.setenv("PIXI_EXE", "/bin/pixi")
    command = environments.command_with_extra(*ARGUMENTS)
    assert command == ["/bin/pixi", "run", "--manifest-path", "/there/pixi.toml", "-e", "extra", *words]


def test_without_either_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(environments.shutil, "which", lambda _: None)
    with pytest.raises(ValueError, match=r"this needs package, and neither .*closedform\[extra"):
        environments.command_with_extra(*ARGUMENTS)
