"""pixi.toml read as pixi would: valid, one environment with pyproject.toml, and every task starts."""

import json
import os
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from tests import resolve

ROOT = Path(__file__).parents[1]
PIXI = tomllib.loads((ROOT / "pixi.toml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SCHEMA = ROOT.parent / "shared" / "reference" / "pixi-manifest.schema.json"


@pytest.mark.skipif(not SCHEMA.exists(), reason="pixi's own schema is not at hand")
def test_the_manifest_is_valid():
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert not [error.message for error in validator.iter_errors(PIXI)]
    broken = PIXI | {"workspace": PIXI["workspace"] | {"platforms": "linux-64"}}
    assert list(validator.iter_errors(broken))  # negative control


def test_pixi_and_uv_read_one_list_of_dependencies():
    assert PIXI["pypi-dependencies"] == {"closedform": {"path": ".", "editable": True, "extras": ["all", "dev"]}}
    assert PROJECT["dependency-groups"]["dev"] == ["closedform[all,dev]"]
    assert PIXI["workspace"]["exclude-newer"] == PROJECT["tool"]["uv"]["exclude-newer"]
    version = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert PIXI["dependencies"] == {"python": f"{version}.*"}


def test_cuda_comes_first_and_a_tpu_only_when_asked_for():
    platforms = PIXI["workspace"]["platforms"]
    names = [p if isinstance(p, str) else p["name"] for p in platforms]
    assert names == ["linux-64-cuda13", "linux-64-cuda12", "linux-64-cpu", "linux-64-tpu", "osx-arm64"]
    accelerators = {
        (environment, name): [r for r in requirements if r.startswith("jax[")]
        for environment, name, _, requirements in resolve.environments()
    }
    environments = ["default", "prepare", "onnx"]
    expected = {
        **{(environment, name): [] for environment in environments for name in names[2:]},
        **{(environment, names[0]): ["jax[cuda13]"] for environment in environments},
        **{(environment, names[1]): ["jax[cuda12]"] for environment in environments},
        ("tpu", "linux-64-tpu"): ["jax[tpu]"],
    }
    assert accelerators == {
        key: value for key, value in expected.items() if key not in {("onnx", n) for n in names[3:]}
    }
    for _, _, _, requirements in resolve.environments():
        assert set(PROJECT["project"]["dependencies"]) <= set(requirements)


def test_a_conflict_is_found():
    packages, said = resolve.resolve(["jax>=0.12", "jax<0.12"], "x86_64-manylinux_2_28")
    assert not packages
    assert "unsatisfiable" in said


def test_the_environment_that_prepares_is_the_extra_of_that_name():
    extra = PROJECT["project"]["optional-dependencies"]["prepare"]
    targets = PIXI["feature"]["prepare"]["target"]
    systems = {"linux": "linux", "osx": "darwin"}
    assert {
        f"{name}{bound}; sys_platform == '{systems[system]}'"
        for system, content in targets.items()
        for name, bound in content["pypi-dependencies"].items()
    } == set(extra) - {"closedform[nets]"}
    assert PIXI["environments"] == {"prepare": ["prepare"], "onnx": ["onnx"], "tpu": ["tpu"]}
    assert PIXI["tasks"]["prepare"]["default-environment"] == "prepare"
    assert "default-environment" not in PIXI["tasks"]["train"]


def test_the_environment_that_converts_to_onnx_is_the_extra_of_that_name_and_lowers_no_other():
    extra = PROJECT["project"]["optional-dependencies"]["onnx"]
    wanted = PIXI["feature"]["onnx"]["pypi-dependencies"]
    assert {f"{name}{bound}" for name, bound in wanted.items()} == set(extra) - {"closedform[nets]"}
    others = [{"group": "dev"}, {"extra": "all"}]
    assert PROJECT["tool"]["uv"]["conflicts"] == [[{"extra": "onnx"}, other] for other in others]


@pytest.mark.parametrize("task", PIXI["tasks"])
def test_every_task_is_one_plain_command_that_starts(task, monkeypatch, capfd):
    command = shlex.split(PIXI["tasks"][task]["cmd"])
    assert not {"&&", "||", ";", "|", ">"} & set(command)
    if command[:2] == ["python", "-m"]:  # our own, as `python -m` runs them, but for the imports of a new process
        monkeypatch.setattr(sys, "argv", [*command[2:], "--help"])
        monkeypatch.delitem(sys.modules, f"{command[2]}.__main__", raising=False)  # it would be imported twice
        with pytest.raises(SystemExit) as stop:
            runpy.run_module(command[2], run_name="__main__", alter_sys=True)
        assert not stop.value.code
    else:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run([*command, "--help"], env=os.environ | {"PATH": path}, check=True)
    assert "usage" in capfd.readouterr().out.lower()
