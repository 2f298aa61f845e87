"""The command ``export``: Stan code, and data with hyperparameters of the user as JSON."""

import json
import os

import pytest

from bayes.io import stan
from bayes.registry import get_model


def test_a_model_is_exported_as_stan_code_and_data(run):
    assert run("export", "beta_binomial") == (0, stan.code("beta_binomial"), "")
    code, out, _ = run("export", "beta_binomial", "--format", "json")
    model = get_model("beta_binomial")
    assert (code, json.loads(out)) == (0, stan.data(model.exact, model.y))


def test_own_data_and_hyperparameters_are_exported(run, folder):
    (folder / "counts.csv").write_text("3\n0\n2\n")
    options = ["--data", "counts.csv", "--shape", 2, "--inverse-scale", 0.5]
    code, out, _ = run("export", "gamma-poisson", "--format", "json", *options)
    report = json.loads(out)
    assert (code, report) == (0, {"n": 3, "y": [3, 0, 2], "shape": 2.0, "inverse_scale": 0.5})
    assert isinstance(report["y"][0], int)  # as Stan wants counts
    (folder / "counts.csv").write_text("-3\n")
    code, _, err = run("export", "gamma-poisson", *options)
    assert (code, "`y` must hold whole numbers" in err) == (2, True)


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
        ("capture_recapture", "1,0,0\n0,0,0\n0,1,1\n", ["--occasions", 3]),
    ],
)
def test_own_hyperparameters_of_another_size_have_data_of_that_size(name, text, options, run, folder):
    (folder / "y.csv").write_text(text)
    code, out, _ = run("export", name, "--format", "json", "--data", "y.csv", *options)
    assert (code, json.loads(out)["y"]) == (0, [list(map(float, line.split(","))) for line in text.split()])
    code, _, err = run("export", name, "--format", "json", *options)
    assert code == 2
    assert "Without --data the observations are those of the example: give yours with --data." in err


@pytest.mark.parametrize(
    ("text", "number"),
    [(".5", 0.5), ("2.", 2), ("+2", 2), ("1E0", 1), ("007", 7), (" 3 ", 3), ("+.5e+1", 5)],
)
def test_hyperparameters_are_numbers_as_python_has_them(text, number, run):
    code, out, _ = run("export", "normal_normal", "--format", "json", "--prior-sd", text)
    assert (code, json.loads(out)["prior_sd"]) == (0, number)
    code, out, _ = run("export", "multivariate_normal", "--format", "json", f"--prior-mean=[{text}, 0]")
    assert (code, json.loads(out)["prior_mean"]) == (0, [number, 0])


@pytest.mark.parametrize(("text", "number"), [("-3", -3), ("-1e3", -1000), ("-.5", -0.5), ("-0", 0)])
@pytest.mark.parametrize("joined", [True, False])
def test_a_hyperparameter_may_be_negative(text, number, joined, run):
    option = [f"--prior-mean={text}"] if joined else ["--prior-mean", text]
    code, out, _ = run("export", "normal_normal", "--format", "json", *option)
    assert (code, json.loads(out)["prior_mean"]) == (0, number)


@pytest.mark.parametrize("text", ["null", "true", "1_000", '"2"', "3,14", "1 2", "0x10", "{}", "2,"])
def test_what_is_no_number_is_no_hyperparameter(text, run):
    code, _, err = run("export", "normal_normal", f"--prior-sd={text}")
    message = f"`prior_sd` must be a number, or numbers in brackets such as [1, 2], got {text!r}."
    assert (code, message in err) == (2, True)


def test_a_pipe_by_its_path_is_read_as_the_standard_input(run):
    reading, writing = os.pipe()
    os.write(writing, b"1.5\n2.5\n")
    os.close(writing)
    code, out, _ = run("export", "normal_normal", "--format", "json", "--data", f"/dev/fd/{reading}")
    os.close(reading)
    assert (code, json.loads(out)["y"]) == (0, [1.5, 2.5])
