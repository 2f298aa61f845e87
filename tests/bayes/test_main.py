"""The command line of `python -m bayes`."""

import os
import subprocess
import sys
from pathlib import Path

import arviz
import pytest

from bayes.check import check
from bayes.models import NAMES, model


def bayes(*arguments, cwd):
    """Run ``python -m bayes``; return exit code, standard output and error."""
    made = subprocess.run(
        [sys.executable, "-m", "bayes", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    return made.returncode, made.stdout, made.stderr


def test_every_model_is_listed_with_its_equations_and_numbers(tmp_path):
    code, out, err = bayes("models", cwd=tmp_path)
    assert (code, err) == (0, "")
    for name in NAMES:
        one = model(name)
        assert f"{name} - {one.title}" in out
        assert one.equations in out
        assert f"log evidence {one.exact.log_evidence(one.y):.4f} nats" in out
    assert "theta: mean 0.446, sd 0.01585" in out  # as Gelman et al. have it, 0.446 and 0.016


def test_draws_are_saved_as_a_file_that_the_verdict_takes(tmp_path):
    options = ["linear_regression", "--engine", "pymc", "--draws", 3000, "--seed", 3, "--out", "draws.nc"]
    code, out, err = bayes("sample", *options, cwd=tmp_path)
    assert (code, out) == (0, "draws.nc\n"), err
    assert [file.name for file in tmp_path.iterdir()] == ["draws.nc"]
    one = model("linear_regression")
    checks = check(arviz.from_netcdf(tmp_path / "draws.nc"), one.exact, one.y)
    assert checks.verdict == "pass", checks
    code, _, err = bayes("sample", *options, cwd=tmp_path)
    assert (code, "is there already" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["normal"], "`model` must be one of normal_normal, "),
        (["beta_binomial", "--out", "nowhere/draws.nc"], "`out` must be in a folder that exists"),
        (["beta_binomial", "--draws", "0"], "`draws` must be"),
    ],
)
def test_bad_usage_is_one_line_and_leaves_nothing(tmp_path, arguments, message):
    code, out, err = bayes("sample", *arguments, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
