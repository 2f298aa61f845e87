"""The command line of `python -m bayes`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import arviz
import numpy as np
import pytest
import xarray as xr

from bayes import stan
from bayes.check import check
from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.models import NAMES, model


def bayes(*arguments, cwd, interpreter=()):
    """Run ``python -m bayes``; return exit code, standard output and error."""
    made = subprocess.run(
        [sys.executable, *interpreter, "-m", "bayes", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    return made.returncode, made.stdout, made.stderr


@pytest.mark.parametrize("interpreter", [(), ("-OO",)])  # which leaves out docstrings
def test_every_model_is_listed_with_its_equations_and_numbers(tmp_path, interpreter):
    code, out, err = bayes("models", cwd=tmp_path, interpreter=interpreter)
    assert (code, err) == (0, "")
    for name in NAMES:
        one = model(name)
        assert f"{name} - {one.example.title}" in out
        assert indent(one.example.equations, "    ") in out
        assert one.example.references in out
        assert f"log evidence {one.exact.log_evidence(one.y):.4f} nats" in out
    assert "theta: mean 0.446, sd 0.01585" in out  # as Gelman et al. have it, 0.446 and 0.016


def test_draws_are_saved_as_a_file_that_the_verdict_takes(tmp_path):
    options = ["linear_regression", "--engine", "pymc", "--draws", 1500, "--seed", 3, "--out", "draws.nc"]
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


def exact_draws(exact, y, seed=0):
    """Independent draws of a mean, (4, 2000), as a file of draws has them."""
    return xr.Dataset({"mu": (("chain", "draw"), exact.posterior(y).rvs((4, 2000), np.random.default_rng(seed)))})


@pytest.fixture
def saved(tmp_path):
    """Right draws of the example in draws.nc."""
    xr.DataTree.from_dict({"posterior": exact_draws(EXAMPLE.model, EXAMPLE.y)}).to_netcdf(tmp_path / "draws.nc")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "code", "verdict"),
    [([], 0, "pass"), (["--prior-sd", 1], 1, "fail"), (["--prior-mean=1e3", "--prior_sd=0.1"], 1, "fail")],
)
def test_draws_of_a_file_get_a_verdict_and_an_exit_code(saved, options, code, verdict):
    made = bayes("check", "draws.nc", "--model", "normal_normal", *options, cwd=saved)
    assert (made[0], made[2]) == (code, "")
    assert f"{verdict}: 6 checks share a false-alarm rate of 0.001." in made[1]


def test_too_few_draws_are_inconclusive(tmp_path):
    exact_draws(EXAMPLE.model, EXAMPLE.y).isel(draw=slice(50)).to_netcdf(tmp_path / "draws.nc")
    code, out, _ = bayes("check", "draws.nc", "--model=normal_normal", cwd=tmp_path)
    assert code == 3
    assert "inconclusive: bulk ESS" in out


def test_data_hyperparameters_and_names_of_ones_own(tmp_path):
    mine, heights = NormalNormal(prior_mean=170.0, prior_sd=20.0, noise_sd=7.0), [181.0, 169.5, 175.2]
    exact_draws(mine, heights).rename(mu="height").to_netcdf(tmp_path / "draws.nc")
    (tmp_path / "heights.csv").write_text("cm\n181.0\n169.5\n175.2\n")
    options = ["--data", "heights.csv", "--prior-mean", 170, "--prior-sd", 20, "--noise-sd", 7, "--var", "height=mu"]
    code, out, err = bayes("check", "draws.nc", "--model", "normal_normal", *options, "--json", cwd=tmp_path)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["verdict"], told["observations"]) == ("pass", 3)
    assert told["hyperparameters"] == {"prior_mean": "170", "prior_sd": "20", "noise_sd": "7"}
    assert [row["statistic"] for row in told["checks"]][:2] == ["mean", "sd"]
    assert told["checks"][0]["exact"] == pytest.approx(mine.posterior(heights).mean())
    assert told["checks"][0]["p_value"] > 0.001


def test_evidence_runs_of_a_file_are_held_to_the_exact_evidence(tmp_path):
    log_evidence = EXAMPLE.model.log_evidence(EXAMPLE.y) + np.random.default_rng(0).normal(-0.005, 0.1, size=16)
    for shift, code in [(0.0, 0), (0.5, 1)]:
        stats = xr.Dataset({"log_evidence": ("chain", log_evidence + shift)})
        tree = xr.DataTree.from_dict({"posterior": exact_draws(EXAMPLE.model, EXAMPLE.y), "sample_stats": stats})
        tree.to_netcdf(tmp_path / f"smc{code}.nc")
        found, out, err = bayes("check", f"smc{code}.nc", "--model", "normal_normal", cwd=tmp_path)
        assert (found, err) == (code, "")
        assert "log evidence  runs" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draws.nc"], "required"),
        (["draws.nc", "--model", "normal"], "`model` must be one of normal_normal, "),
        (["nowhere.nc", "--model", "normal_normal"], "file 'nowhere.nc' does not exist"),
        (["draws.nc", "--model", "beta_binomial"], "file 'draws.nc' has no 'theta', only mu;"),
        (["draws.nc", "--model", "normal_normal", "--var", "mu"], "`var` must be YOURS=MODEL"),
        (["draws.nc", "--model", "normal_normal", "--var", "mu=nu"], "`var` must be YOURS=MODEL"),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "wide"], "`prior_sd` must be a number"),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "-1"], "`prior_sd` must be a positive number"),
        (["draws.nc", "--model", "normal_normal", "--prior-sd"], "`prior_sd` has no value"),
        (
            ["draws.nc", "--model", "normal_normal", "--prior-sd", f"1{'0' * 400}"],
            "`prior_sd` must be a positive number",
        ),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "[[1,2],[3]]"], "`prior_sd` must be a number"),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "[" * 10**5], "`prior_sd` must be a number"),
        (["draws.nc", "--model", "normal_normal", "--alpha", "2"], "`alpha` must lie between 0 and 1"),
        (["draws.nc", "--model", "normal_normal", "--data", "no.csv"], "`data` file"),
    ],
)
def test_what_cannot_be_checked_is_one_line(saved, arguments, message):
    code, out, err = bayes("check", *arguments, cwd=saved)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err


def test_a_model_is_exported_as_stan_code_and_data(tmp_path):
    assert bayes("export", "beta_binomial", cwd=tmp_path) == (0, stan.code("beta_binomial"), "")
    code, out, _ = bayes("export", "beta_binomial", "--format", "json", cwd=tmp_path)
    one = model("beta_binomial")
    assert (code, json.loads(out)) == (0, stan.data(one.exact, one.y))
    code, out, err = bayes("export", "normal", cwd=tmp_path)
    assert (code, out, "`model` must be one of" in err) == (2, "", True)
