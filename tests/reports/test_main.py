"""``python -m reports`` as a user runs it: what is written, the exit code, and one clear line for bad input."""

import io
import json
import math
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import pytest

import reports.__main__
from bayes.registry import get_model
from bayes.sampling import inference
from reports import pages
from reports.__main__ import main
from reports.normal_normal import evidence, figures
from reports.shared import sampling_figures
from reports.shared.options import Common
from reports.shared.page import Page
from reports.shared.provenance import command
from tests.reports import stand_ins

FIGURES = [
    *((figures, name) for name in ["predictive_grid", "movement", "orders"]),
    (evidence, "_curve"),
    *((sampling_figures, name) for name in ["density_and_trace", "pit", "histogram", "evidence_runs"]),
]
DATA = "<b>mine & yours.csv"
OPTIONS = ["normal-normal", "--data", DATA, "--processes", "1", "--draws", "200", "--chains", "2", "--seed", "7"]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Two runs of one command with a person's own data in two folders, from samplers that draw exactly."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / DATA).write_text("length\n1.5\n2.5\n0.5\n")
    mine = get_model("normal_normal").with_data([1.5, 2.5, 0.5])
    runs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(inference, "nuts", stand_ins.nuts(mine))
        for module, name in FIGURES:
            patch.setattr(module, name, stand_ins.blank_figure)
        priors = [mine.exact, replace(mine.exact, prior_sd=math.sqrt(0.1))]
        patch.setattr(inference, "smc", stand_ins.smc(*(prior.log_evidence(mine.y) for prior in priors)))
        for out in ["first", "second/deep"]:
            stdout, stderr = io.StringIO(), io.StringIO()
            with redirect_stdout(stdout), redirect_stderr(stderr):
                code = main([*OPTIONS, "--out", out])
            runs.append(SimpleNamespace(code=code, stdout=stdout.getvalue(), stderr=stderr.getvalue()))
    return folder, runs


def test_a_page_its_numbers_and_the_index_are_written(rendered):
    folder, runs = rendered
    for finished in runs:
        assert finished.code == 3, finished.stderr  # too few draws for a verdict
        assert finished.stderr.count("normal-normal [") == 4  # plain lines, no bar, when not on a terminal
        assert finished.stderr.count("\n") == 4  # and nothing else, no chatter of a library
    assert runs[0].stdout.strip() == "first/normal_normal.html: inconclusive"
    names = sorted(f.name for f in (folder / "first").iterdir())
    assert names == ["index.html", "normal_normal.html", "normal_normal.json"]
    assert 'href="normal_normal.html"' in (folder / "first" / "index.html").read_text()
    content = json.loads((folder / "first" / "normal_normal.json").read_text())
    assert content["numbers"]["derivation"]["n"] == 3
    assert content["provenance"]["Seed"] == "7"
    assert {"Command", "Versions", "Commit", "Machine", "Time taken"} < set(content["provenance"])


def test_the_command_in_the_provenance_makes_the_page_again(rendered):
    folder, _ = rendered
    content = json.loads((folder / "first" / "normal_normal.json").read_text())
    assert content["provenance"]["Command"] == (
        "python -m reports normal-normal --seed 7 --data '<b>mine & yours.csv' --draws 200 --chains 2"
    )


def other_values(kind):
    """Values of an option that are not its default, by its type."""
    choices = [choice for choice in get_args(kind) if choice is not type(None)]
    if get_origin(kind) is Annotated:
        return other_values(choices[0])
    if get_origin(kind) is tuple:
        values = other_values(choices[0])
        return [tuple(values[:1]), tuple(values[:2])]
    if get_origin(kind) is Literal:
        return choices
    if choices:  # of an option that may be left out
        return other_values(choices[0])
    return {bool: [True], int: [7, 12], float: [-2.5e-05, 0.25], str: ["one", "-two"], Path: [Path("a b"), Path("c")]}[
        kind
    ]


@pytest.mark.parametrize("name", pages.PAGES)
def test_the_command_of_every_page_gives_its_options_again(name):
    options = pages.PAGES[name].Options
    kinds = get_type_hints(options, include_extras=True)
    for field in fields(options):
        if field.name in {"out", "processes"}:
            continue
        for value in other_values(kinds[field.name]):
            page_options = options(**{field.name: value})
            words = shlex.split(command(name, page_options))
            assert words[:3] == ["python", "-m", "reports"]
            assert reports.__main__.parse(words[3:]) == (name, page_options), words


def test_two_models_are_two_options():
    page_options = pages.PAGES["models"].Options(model=("normal_normal", "beta_binomial"))
    assert command("models", page_options) == "python -m reports models --model normal_normal --model beta_binomial"


def test_pages_and_models_may_be_written_with_either_sign():
    name, options = reports.__main__.parse(["normal_normal", "--full"])
    assert (name, options.full) == ("normal-normal", True)
    _, options = reports.__main__.parse(["models", "--model", "normal-normal"])
    assert options.models == ("normal_normal",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["normal-norml"], "; did you mean normal-normal?"),
        (["nrmal"], "; did you mean normal-normal?"),
        (["sampler"], "; did you mean samplers?"),
        (
            ["eight_schools"],
            "be one of all, normal-normal, models, samplers, calibration, approximations, gradients, classifiers, "
            "posteriordb, got",
        ),
        (
            ["samplers", "--seed", "x"],
            "--seed must be a whole number, got 'x'; see `python -m reports samplers --help`.",
        ),
        (["--foo"], "Unrecognized options: --foo; see `python -m reports all --help`."),
    ],
)
def test_bad_usage_is_one_line_with_the_nearest_page_or_the_command_for_help(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


def test_text_from_users_is_escaped(rendered):
    folder, _ = rendered
    html = (folder / "first" / "normal_normal.html").read_text()
    assert "<b>mine" not in html
    assert "&lt;b&gt;mine &amp; yours.csv" in html


def test_same_seed_same_page_up_to_the_time(rendered):
    folder, _ = rendered
    for name in ["normal_normal.html", "normal_normal.json"]:
        pages = [(folder / out / name).read_text() for out in ["first", "second/deep"]]
        without_time = [re.sub(r"\d+\.\d s\b", "", page) for page in pages]
        assert without_time[0] == without_time[1]
        assert len(without_time[0]) < len(pages[0])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", [], "holds no number"),
        ("1\ntwo\n", [], "line 2: 'two' is not a finite number"),
        ("nan\n", [], "'nan' is not a finite number"),
        ("1\ninf\n", [], "'inf' is not a finite number"),
        ("1\n", ["--noise-sd", "-1"], "`noise_sd` must be a positive number"),
        ("1\n", ["--out", "y.csv/sub"], "`out` folder y.csv/sub cannot be written"),
        (None, [], "cannot be read: No such file"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(tmp_path, monkeypatch, capsys, content, options, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("y.csv").write_text(content)
    assert main(["normal-normal", "--data", "y.csv", "--out", "out", *options]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.startswith("error: ")
    assert (out, err.count("\n")) == ("", 1)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["pass"], 0), (["fail"], 1), (["inconclusive"], 3), (["inconclusive", "fail"], 1), (["pass", "inconclusive"], 3)],
)
def test_the_exit_code_is_the_worst_verdict(tmp_path, monkeypatch, verdicts, code):
    def page_of(verdict):
        def build(*_):
            page = Page(verdict, "Title", "Claim.")
            page.verdict = verdict
            return page

        return SimpleNamespace(
            NAME=verdict,
            SECONDS=1,
            Options=Common,
            read=lambda _: None,
            tasks=lambda *_: [],
            packages=lambda _: [],
            build=build,
        )

    monkeypatch.setattr(pages, "PAGES", {verdict: page_of(verdict) for verdict in verdicts})
    assert main(["all", "--processes", "1", "--out", str(tmp_path)]) == code
    assert (tmp_path / f"{verdicts[0]}.html").exists()


@pytest.mark.parametrize("arguments", [["no-such-page"], ["--data", "y.csv"], ["normal-normal", "--draws", "ten"]])
def test_bad_usage_exits_with_2_and_makes_nothing(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_is_a_program_whose_help_teaches():
    finished = subprocess.run(
        [sys.executable, "-m", "reports", "normal-normal", "--help"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0
    common, page_specific = (
        ["out", "seed", "full", "processes"],
        ["data", "prior-mean", "prior-sd", "noise-sd", "draws", "chains", "engine"],
    )
    for option in common + page_specific:
        assert f"--{option}" in finished.stdout
