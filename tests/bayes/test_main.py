"""The command line of `python -m bayes`."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from textwrap import indent

import arviz
import numpy as np
import pytest
import xarray as xr

from bayes import check
from bayes.__main__ import main
from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.io import hyperparameters, stan
from bayes.registry import NAMES, get_model
from closedform.command_line import CLOSED_PIPE, run


def bayes(*arguments, cwd, interpreter=()):
    """Run ``python -m bayes``; return exit code, standard output and error."""
    finished = subprocess.run(
        [sys.executable, *interpreter, "-m", "bayes", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    return finished.returncode, finished.stdout, finished.stderr


@pytest.mark.parametrize("interpreter", [(), ("-OO",)])  # which leaves out docstrings
def test_every_model_is_listed_with_its_equations_and_numbers(tmp_path, interpreter):
    code, out, err = bayes("models", cwd=tmp_path, interpreter=interpreter)
    assert (code, err) == (0, "")
    for name in NAMES:
        model = get_model(name)
        assert f"{name} - {model.example.title}" in out
        assert indent(model.example.equations, "    ") in out
        assert model.example.references in out
        assert f"log evidence {model.exact.log_evidence(model.y):.4f} nats" in out
    assert "theta: mean 0.446, sd 0.01585" in out  # as Gelman et al. have it, 0.446 and 0.016


def test_draws_are_saved_as_a_file_that_the_verdict_takes(tmp_path):
    options = ["linear_regression", "--engine", "pymc", "--draws", 1500, "--seed", 3, "--out", "draws.nc"]
    code, out, err = bayes("sample", *options, cwd=tmp_path)
    assert (code, out) == (0, "draws.nc\n"), err
    assert [file.name for file in tmp_path.iterdir()] == ["draws.nc"]
    model = get_model("linear_regression")
    checks = check(arviz.from_netcdf(tmp_path / "draws.nc"), model.exact, model.y)
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
    finished = bayes("check", "draws.nc", "--model", "normal_normal", *options, cwd=saved)
    assert (finished[0], finished[2]) == (code, "")
    assert f"{verdict}: 3 checks share a false-alarm rate of 0.001." in finished[1]


def test_too_few_draws_are_inconclusive(tmp_path):
    exact_draws(EXAMPLE.model, EXAMPLE.y).isel(draw=slice(50)).to_netcdf(tmp_path / "draws.nc")
    code, out, _ = bayes("check", "draws.nc", "--model=normal_normal", cwd=tmp_path)
    assert code == 3
    assert "cannot pass: bulk ESS" in out


def test_data_hyperparameters_and_names_of_the_user(tmp_path):
    exact, heights = NormalNormal(prior_mean=170.0, prior_sd=20.0, noise_sd=7.0), [181.0, 169.5, 175.2]
    exact_draws(exact, heights).rename(mu="height").to_netcdf(tmp_path / "draws.nc")
    (tmp_path / "heights.csv").write_text("cm\n181.0\n169.5\n175.2\n")
    options = ["--data", "heights.csv", "--prior-mean", 170, "--prior-sd", 20, "--noise-sd", 7, "--var", "height=mu"]
    code, out, err = bayes("check", "draws.nc", "--model", "normal_normal", *options, "--json", cwd=tmp_path)
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["verdict"], report["observations"]) == ("pass", 3)
    assert report["hyperparameters"] == {"prior_mean": 170, "prior_sd": 20, "noise_sd": 7}
    assert [row["statistic"] for row in report["checks"]][:2] == ["location", "scale"]
    assert report["checks"][0]["exact"] == pytest.approx(exact.posterior(heights).mean())
    assert report["checks"][0]["p_value"] > 0.001


def test_evidence_runs_of_a_file_are_held_to_the_exact_evidence(tmp_path):
    log_evidence = EXAMPLE.model.log_evidence(EXAMPLE.y) + np.random.default_rng(0).normal(-0.005, 0.1, size=16)
    for shift, code in [(0.0, 0), (0.5, 1)]:
        stats = xr.Dataset({"log_evidence": ("chain", log_evidence + shift)})
        tree = xr.DataTree.from_dict({"posterior": exact_draws(EXAMPLE.model, EXAMPLE.y), "sample_stats": stats})
        tree.to_netcdf(tmp_path / f"smc{code}.nc")
        exit_code, out, err = bayes("check", f"smc{code}.nc", "--model", "normal_normal", cwd=tmp_path)
        assert (exit_code, err) == (code, "")
        assert "log evidence  runs" in out
        assert "E[Z_r] = Z, evidence law unbiased" in out
        for law, equation in [("log_unbiased", "E[log Z_r] = log Z"), ("inverse_unbiased", "E[1/Z_r] = 1/Z")]:
            options = ["--model", "normal_normal", "--evidence-law", law]
            exit_code, out, err = bayes("check", f"smc{code}.nc", *options, cwd=tmp_path)
            assert (exit_code, err) == (code, "")
            assert f"{equation}, evidence law {law}" in out


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
    model = get_model("beta_binomial")
    assert (code, json.loads(out)) == (0, stan.data(model.exact, model.y))
    code, out, err = bayes("export", "normal", cwd=tmp_path)
    assert (code, out, "`model` must be one of" in err) == (2, "", True)


def run_in_process(*arguments):
    """Run the command line in this process, and return the exit code."""
    try:
        return main(list(map(str, arguments)))
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_the_hyperparameters_of_the_model_and_the_exit_codes(name, capsys):
    assert run_in_process("check", "--model", name.replace("_", "-"), "--help") == 0
    help_text = " ".join(capsys.readouterr().out.split())
    for field in fields(get_model(name).exact):
        assert f"--{field.name.replace('_', '-')} JSON" in help_text
    assert "Exit code: 0 if every check passes, 1 if one fails" in help_text


@pytest.mark.parametrize("name", NAMES)
def test_every_hyperparameter_is_described(name):
    exact = get_model(name).exact
    descriptions = hyperparameters.descriptions(exact)
    assert set(descriptions) == {field.name for field in fields(exact)}
    assert all(descriptions.values())


def test_help_describes_the_hyperparameters_of_the_model(capsys):
    assert run_in_process("check", "--model", "normal_normal", "--help") == 0
    assert "the known standard deviation of one observation around mu" in " ".join(
        capsys.readouterr().out.replace("│", "").split()
    )


def test_a_single_model_is_listed_and_all_as_json(capsys):
    assert run_in_process("models", "normal-normal") == 0
    assert "normal_variance" not in capsys.readouterr().out
    assert run_in_process("models", "--json") == 0
    report = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(report) == set(NAMES)
    assert report["normal_normal"]["hyperparameters"] == {"prior_mean": 0.0, "prior_sd": 5**0.5, "noise_sd": 1.0}
    assert report["normal_normal"]["example"]["posterior"]["mu"]["mean"] == pytest.approx(2.0866197)
    assert report["hierarchical_normal"]["example"]["log_evidence"] == pytest.approx(-31.3113, abs=1e-4)


@pytest.mark.parametrize(
    "arguments",
    [
        ["models", "norml_normal"],
        ["export", "normal-norml"],
        ["sample", "normalnormal"],
        ["sample", "nrmal"],
        ["check", "ok.csv", "--model", "normal_norml", "--prior-sd", "3"],
        ["check", "--model=Normal-Norml", "--help"],
    ],
)
def test_a_wrong_name_suggests_the_nearest(arguments, capsys):
    assert run_in_process(*arguments) == 2
    assert "did you mean normal_normal?" in capsys.readouterr().err


def test_a_name_near_to_none_gets_the_list(capsys):
    assert run_in_process("check", "ok.csv", "--model", "eight_schools", "--shape", "3") == 2
    assert capsys.readouterr().err.startswith(f"error: `model` must be one of {', '.join(NAMES)}, got 'eight_schools'.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "sample --out x.nc normal_normal gamma_poisson --prior-sd 3",
            "`sample` takes one model, got 'normal_normal', 'g",
        ),
        ("check x.csv --model normal_normal --model gamma_poisson --prior-sd 3", "`model` must be given once, got"),
        ("check x.csv --model=normal_normal --model gamma_poisson --shape 3", "`model` must be given once, got"),
        ("check x.csv y.csv --model normal_normal", "`check` takes one file of draws, got 'x.csv', 'y.csv'"),
        ("export --data normal-normal gamma_poisson --shape 3", "`data` file 'normal-normal' cannot be read"),
        ("export --shape 3 gamma_poisson --data gamma-exponential", "`data` file 'gamma-exponential' cannot be read"),
        (
            "check --var normal_normal=mu --data gamma_poisson x.csv --model normal_normal",
            "`data` file 'gamma_poisson'",
        ),
    ],
)
def test_the_model_is_known_by_its_place_and_not_by_the_values_of_options(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run_in_process(*arguments.split()) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("arguments", [["--data", ""], ["--data="], [""], ["--prior-sd", ""]])
def test_an_empty_argument_is_named(arguments, capsys):
    assert run_in_process("export", "normal_normal", *arguments) == 2
    assert " is empty; " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        (
            "multivariate_normal",
            "1,2,3\n2,1,0.5\n",
            [
                "--prior-mean",
                "[0,0,0]",
                *(f"--{kind}-covariance=[[2,0,0],[0,2,0],[0,0,2]]" for kind in ("prior", "noise")),
            ],
        ),
        ("dirichlet_multinomial", "2,2,1\n0,5,0\n", ["--concentration", "[1,1,1]", "--trials", 5]),
    ],
)
def test_own_hyperparameters_of_another_size_have_data_of_that_size(name, text, options, tmp_path, capsys):
    (tmp_path / "y.csv").write_text(text)
    assert run_in_process("export", name, "--format", "json", "--data", tmp_path / "y.csv", *options) == 0
    assert json.loads(capsys.readouterr().out)["y"] == [list(map(float, line.split(","))) for line in text.split()]
    assert run_in_process("export", name, "--format", "json", *options) == 2
    assert (
        "Without --data the observations are those of the example: give yours with --data." in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "number"), [(".5", 0.5), ("2.", 2), ("+2", 2), ("1E0", 1), ("007", 7), (" 3 ", 3), ("+.5e+1", 5)]
)
def test_hyperparameters_are_numbers_as_python_has_them(text, number, capsys):
    assert run_in_process("export", "normal_normal", "--format", "json", "--prior-sd", text) == 0
    assert json.loads(capsys.readouterr().out)["prior_sd"] == number
    vector = f"--prior-mean=[{text}, 0]"
    assert run_in_process("export", "multivariate_normal", "--format", "json", vector) == 0
    assert json.loads(capsys.readouterr().out)["prior_mean"] == [number, 0]


@pytest.mark.parametrize("text", ["null", "true", "1_000", '"2"', "3,14", "1 2", "0x10", "{}", "2,"])
def test_what_is_no_number_is_no_hyperparameter(text, capsys):
    assert run_in_process("export", "normal_normal", f"--prior-sd={text}") == 2
    assert (
        f"`prior_sd` must be a number, or numbers in brackets such as [1, 2], got {text!r}." in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Expected one of {models, sample, check, export}; see `python -m bayes --help`."),
        (
            "foo",
            "Unrecognized options: foo; Available subcommands: models, sample, check, export; see `python -m bayes --h",
        ),
        ("models --foo", "Unrecognized options: --foo; see `python -m bayes models --help`."),
        ("sample", "Missing from python -m bayes sample: STR Name of the model, as `models` lists it. (required); see"),
        (
            "sample normal_normal --draws 1.5",
            "--draws must be a whole number, got '1.5'; see `python -m bayes sample normal_normal --help`.",
        ),
        ("sample normal_normal --draws", "Missing value for argument '--draws'. Expected 1 values; see"),
        (
            "export normal_normal --format xml",
            "invalid choice 'xml' for argument '--format'. Expected one of ('stan', 'json'); see",
        ),
        (
            "check x.csv",
            "Missing from python -m bayes check: --model STR Name of the model, as `models` lists it. (required); see",
        ),
        (
            "check x --model beta_binomial --alpha abc",
            "--alpha must be a number, got 'abc'; see `python -m bayes check --model beta_binomial --help`.",
        ),
        (
            "check x --model gamma_poisson --prior-sd 3",
            "Unrecognized options: --prior-sd, 3; see `python -m bayes check --model gamma_poisson --help`.",
        ),
        (
            "check x --model normal_normal --alph 3",
            "(default: 0.001); see `python -m bayes check --model normal_normal --help`.",
        ),
    ],
)
def test_what_the_parser_refuses_is_one_line_with_the_command_for_help(arguments, message, capsys):
    assert run_in_process(*arguments.split()) == 2
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["check", "-", "--model", "normal_normal"]])
def test_a_closed_standard_output_is_one_line(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bayes", *arguments])
    monkeypatch.setattr(sys, "stdout", None)
    assert run(main) == 2
    assert capsys.readouterr().err == "error: the standard output is closed; leave it open, or send it to /dev/null.\n"


@pytest.mark.parametrize(
    "arguments", [["check", "-", "--model", "normal_normal"], ["export", "normal_normal", "--data", "-"]]
)
def test_a_closed_standard_input_is_one_line(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert run_in_process(*arguments) == 2
    assert capsys.readouterr().err.startswith("error: file - is the standard input, which is closed; give a file, or")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_refusal_is_one_line_in_every_encoding(encoding):
    command = [sys.executable, "-m", "bayes", "sample", "normal_normal", "--draws", "1.5"]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    message = "error: --draws must be a whole number, got '1.5'; see `python -m bayes sample normal_normal --help`.\n"
    assert (finished.returncode, finished.stderr) == (2, message)


def test_streams_that_a_shell_has_closed_end_in_one_line():
    command = f"exec {sys.executable} -m bayes models >&-"
    finished = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (finished.returncode, finished.stderr.count("\n")) == (2, 1)


def test_a_pipe_by_its_path_is_read_as_the_standard_input(capsys):
    reading, writing = os.pipe()
    os.write(writing, b"1.5\n2.5\n")
    os.close(writing)
    assert run_in_process("export", "normal_normal", "--format", "json", "--data", f"/dev/fd/{reading}") == 0
    os.close(reading)
    assert json.loads(capsys.readouterr().out)["y"] == [1.5, 2.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--draws", "0"], "`draws` must be a whole number from 1 to 2^63 - 1, got 0."),
        (["--draws", "49", "--engine", "smc"], "`draws` must be a whole number from 50 to 2^63 - 1, got 49."),
        (["--chains=-1"], "`chains` must be a whole number from 1 to 2^63 - 1, got -1."),
        (["--seed", str(2**63)], "`seed` must be a whole number from 0 to 2^63 - 1"),
    ],
)
def test_settings_of_a_sampler_are_refused_before_it_is_announced(options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_in_process("sample", "normal_normal", *options) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no folder that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_named_with_the_file_of_the_user(capsys):
    assert run_in_process("sample", "normal_normal", "--out", "/proc/x.nc") == 2
    assert capsys.readouterr().err.startswith("error: `out` /proc/x.nc cannot be written: ")


@pytest.mark.parametrize("package", ["bayes", "nets", "reports"])
@pytest.mark.parametrize("arguments", [["--version"], ["check", "--version"]])
def test_every_command_says_its_version(package, arguments):
    out = subprocess.run([sys.executable, "-m", package, *arguments], capture_output=True, text=True, check=True)
    assert out.stdout == f"closedform {version('closedform')}\n"


@pytest.mark.parametrize(
    "command", ["-m bayes models", "-m bayes models --json", "-m bayes check --help", "-m nets --help", "-m reports -h"]
)
def test_a_closed_pipe_ends_silently(command):
    """With a reader that is gone before the first line, as `| true` may be."""
    reading, writing = os.pipe()
    os.close(reading)
    finished = subprocess.run([sys.executable, *command.split()], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert finished.stderr == b""
    assert finished.returncode == CLOSED_PIPE


def test_the_command_works_where_docstrings_and_assertions_are_left_out():
    command = [sys.executable, "-OO", "-m", "bayes", "models", "normal_normal"]
    assert "mu  ~ Normal" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_own_data_and_hyperparameters_are_exported(tmp_path, capsys):
    (tmp_path / "counts.csv").write_text("3\n0\n2\n")
    options = ["--data", tmp_path / "counts.csv", "--shape", 2, "--inverse-scale", 0.5]
    assert run_in_process("export", "gamma-poisson", "--format", "json", *options) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {"n": 3, "y": [3, 0, 2], "shape": 2.0, "inverse_scale": 0.5}
    assert isinstance(report["y"][0], int)  # as Stan wants counts
    (tmp_path / "counts.csv").write_text("-3\n")
    assert run_in_process("export", "gamma-poisson", *options) == 2
    assert "`y` must hold whole numbers" in capsys.readouterr().err


def test_own_data_and_hyperparameters_are_sampled_and_draws_come_from_standard_input(tmp_path):
    (tmp_path / "heights.csv").write_text("cm\n181.0\n169.5\n175.2\n")
    data_options = ["--data", "heights.csv", "--prior-mean", "1.7e2", "--prior-sd", "20", "--noise-sd", "7"]
    code, _, err = bayes(
        "sample", "normal-normal", *data_options, "--engine", "pymc", "--out", "draws.nc", cwd=tmp_path
    )
    assert code == 0, err
    mu = xr.open_datatree(tmp_path / "draws.nc")["posterior"]["mu"]
    assert 173 < mu.mean() < 176  # and not about 2, as the example's
    command = [sys.executable, "-m", "bayes", "check", "-", "--model", "normal_normal", "--json"]
    for end, code in [(data_options, 0), ([], 1)]:
        with (tmp_path / "draws.nc").open("rb") as draws:
            finished = subprocess.run([*command, *end], stdin=draws, capture_output=True, cwd=tmp_path, check=False)
        assert finished.returncode == code, finished.stderr
        assert json.loads(finished.stdout)["file"] == "-"


@pytest.mark.parametrize(
    ("standard_input", "options", "message"),
    [
        ("", ["-"], "error: file - (standard input) is empty"),
        ("nonsense\n", ["-"], "error: file - (standard input) must have one column 'chain'"),
        ("1\n", ["-", "--data", "-"], "error: `data` and the draws are both -"),
        ("one\ntwo\n", ["draws.nc", "--data", "-"], "error: `data` file - (standard input), line 2: 'two'"),
    ],
)
def test_an_error_in_the_standard_input_names_it(saved, standard_input, options, message):
    command = [sys.executable, "-m", "bayes", "check", *options, "--model", "normal_normal"]
    finished = subprocess.run(command, input=standard_input, capture_output=True, text=True, cwd=saved, check=False)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.startswith(message)
    assert finished.stderr.count("\n") == 1


def test_a_store_that_cannot_be_read_is_not_one_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "draws.zarr" / "zarr.json").mkdir(parents=True)
    assert run_in_process("check", tmp_path / "draws.zarr", "--model", "normal_normal") == 2
    message = capsys.readouterr().err
    assert "cannot be read" in message
    assert "zarr.json" in message
    assert "written" not in message
