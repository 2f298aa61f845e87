"""Arguments: hyperparameters of the named model, help that shows them, and refusals in one line."""

from dataclasses import fields

import pytest

from bayes.io import hyperparameters
from bayes.registry import NAMES, get_model


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_the_hyperparameters_of_the_model_and_the_exit_codes(name, run):
    code, out, _ = run("check", "--model", name.replace("_", "-"), "--help")
    help_text = " ".join(out.split())
    for field in fields(get_model(name).exact):
        assert f"--{field.name.replace('_', '-')} JSON" in help_text
    assert "Exit code: 0 if every check passes, 1 if one fails" in help_text
    assert code == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_hyperparameter_is_described(name):
    exact = get_model(name).exact
    descriptions = hyperparameters.descriptions(exact)
    assert set(descriptions) == {field.name for field in fields(exact)}
    assert all(descriptions.values())


@pytest.mark.parametrize(
    "words", ["check --help --model normal_normal", "export normal_normal -h", "sample normal_normal --help"]
)
def test_help_describes_the_hyperparameters_of_the_model(words, run):
    code, out, _ = run(*words.split())
    assert "the known standard deviation of one observation around mu" in " ".join(out.replace("│", "").split())
    assert code == 0


@pytest.mark.parametrize(
    "words",
    [
        "models norml_normal",
        "export normal-norml",
        "sample normalnormal",
        "sample nrmal",
        "check ok.csv --model normal_norml --prior-sd 3",
        "check --model=Normal-Norml --help",
    ],
)
def test_a_wrong_name_suggests_the_nearest(words, run):
    code, _, err = run(*words.split())
    assert (code, "did you mean normal_normal?" in err) == (2, True)


def test_a_name_near_to_none_gets_the_list(run):
    code, _, err = run("check", "ok.csv", "--model", "eight_schools", "--shape", "3")
    assert code == 2
    assert err.startswith(f"error: `model` must be one of {', '.join(NAMES)}, got 'eight_schools'.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "sample --out x.nc normal_normal gamma_poisson --prior-sd 3",
            "`sample` takes one model, got 'normal_normal', 'g",
        ),
        ("sample normal_normal --prior-sd 3 gamma_poisson", "`sample` takes one model, got 'normal_normal', 'g"),
        ("check x.csv --model normal_normal --model gamma_poisson --prior-sd 3", "`model` must be given once, got"),
        ("check x.csv --model=normal_normal --model gamma_poisson --shape 3", "`model` must be given once, got"),
        ("export --data normal-normal gamma_poisson --shape 3", "`data` file 'normal-normal' cannot be read"),
        ("export --shape 3 gamma_poisson --data gamma-exponential", "`data` file 'gamma-exponential' cannot be read"),
        (
            "check --var normal_normal=mu --data gamma_poisson x.csv --model normal_normal",
            "`data` file 'gamma_poisson'",
        ),
    ],
)
def test_the_model_is_known_by_its_place_and_not_by_the_values_of_options(words, message, run):
    code, out, err = run(*words.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("arguments", [["--data", ""], ["--data="], [""], ["--prior-sd", ""]])
def test_an_empty_argument_is_named(arguments, run):
    code, _, err = run("export", "normal_normal", *arguments)
    assert (code, " is empty; " in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "",
            "Expected one of {models, sample, check, calibrate, evidence, export, "
            "posteriordb}; see `python -m bayes --help`.",
        ),
        (
            "foo",
            "Unrecognized options: foo; Available subcommands: models, sample, check, calibrate, evidence, "
            "export, posteriordb; "
            "see `",
        ),
        ("models --quux", "Unrecognized options: --quux; see `python -m bayes models --help`."),
        ("sample", "missing: MODEL; see `python -m bayes sample --help`."),
        (
            "sample normal_normal --draws 1.5",
            "--draws must be a whole number, got '1.5'; see `python -m bayes sample normal_normal --help`.",
        ),
        ("sample normal_normal --draws", "Missing value for argument '--draws'. Expected 1 values; see"),
        (
            "export normal_normal --format xml",
            "invalid choice 'xml' for argument '--format'. Expected one of ('stan', 'json'); see",
        ),
        ("check x.csv", "missing: --model STR; see `python -m bayes check --help`."),
        ("check", "missing: --model STR; see `python -m bayes check --help`."),
        ("check --model normal_normal", "no file of draws is given; name one"),
        ("check x.csv --model normal_normal --prior-sd", "Missing value for argument '--prior-sd'. Expected 1 values;"),
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
            "Perhaps you meant: --alpha FLOAT; see `python -m bayes check --model normal_normal --help`.",
        ),
    ],
)
def test_what_the_parser_refuses_is_one_line_with_the_command_for_help(words, message, run):
    code, out, err = run(*words.split())
    assert err.startswith("error: ")
    assert message in err
    assert (code, out, err.count("\n")) == (2, "", 1)
