"""Stan code of every model: right in its syntax, and its data are those of the example."""

import json
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from bayes.io import stan
from bayes.registry import NAMES, get_model

httpstan = pytest.importorskip("httpstan", reason="its wheels, with Stan's compiler, are for x86-64 Linux")
STANC = Path(httpstan.__file__).with_name("stanc")


def stanc(tmp_path, code):
    """Return exit code and messages of Stan's compiler."""
    (tmp_path / "model.stan").write_text(code)
    finished = subprocess.run(
        [STANC, tmp_path / "model.stan", f"--o={tmp_path / 'model.hpp'}", "--warn-uninitialized"],
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout + finished.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_compiler_accepts_the_code_and_its_data(tmp_path, name):
    model = get_model(name)
    code, messages = stanc(tmp_path, stan.code(name))
    assert (code, messages) == (0, "")
    info = subprocess.run([STANC, "--info", tmp_path / "model.stan"], capture_output=True, text=True, check=True)
    declared = json.loads(info.stdout)
    data = json.loads(json.dumps(stan.data(model.exact, model.y)))
    assert declared["inputs"].keys() <= data.keys()
    for variable, kind in declared["inputs"].items():
        assert np.ndim(data[variable]) == kind["dimensions"], variable
        if kind["type"] == "int":
            assert np.asarray(data[variable]).dtype.kind == "i", variable
    parameters = declared["parameters"].keys() | declared["transformed parameters"].keys()
    assert {parameter.partition("[")[0] for parameter in model.exact.marginals(model.y)} <= parameters
    np.testing.assert_array_equal(data["y"], model.y)


def test_the_compiler_accepts_the_code_of_a_family_outside_the_registry(tmp_path):
    code = files("bayes.programs").joinpath("grouped_regression.stan").read_text(encoding="utf-8")
    assert stanc(tmp_path, code) == (0, "")


def test_the_compiler_detects_a_slip(tmp_path):
    code, messages = stanc(tmp_path, stan.code("normal_normal").replace("normal_lpdf(mu |", "normal_lpdf(nu |"))
    assert code != 0
    assert "nu" in messages
