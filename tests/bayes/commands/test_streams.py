"""Streams that are closed, broken, or of another encoding, and the commands as programs of their own."""

import io
import os
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bayes.__main__ import main
from bayes.registry import NAMES
from closedform.command_line import CLOSED_PIPE
from closedform.command_line import run as run_command


@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["check", "-", "--model", "normal_normal"]])
def test_a_closed_standard_output_is_one_line(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bayes", *arguments])
    monkeypatch.setattr(sys, "stdout", None)
    assert run_command(main) == 2
    assert capsys.readouterr().err == "error: the standard output is closed; leave it open, or send it to /dev/null.\n"


@pytest.mark.parametrize("words", ["check - --model normal_normal", "export normal_normal --data -"])
def test_a_closed_standard_input_is_one_line(words, run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = run(*words.split())
    assert code == 2
    assert err.startswith("error: file - is the standard input, which is closed; give a file, or")


@pytest.mark.parametrize(
    ("standard_input", "options", "message"),
    [
        (b"", ["-"], "error: file - (standard input) is empty"),
        (b"nonsense\n", ["-"], "error: file - (standard input) must have one column 'chain'"),
        (b"1\n", ["-", "--data", "-"], "error: `data` and the draws are both -"),
        (b"one\ntwo\n", ["draws.nc", "--data", "-"], "error: `data` file - (standard input), line 2: 'two'"),
    ],
)
@pytest.mark.usefixtures("saved")
def test_an_error_in_the_standard_input_names_it(standard_input, options, message, run):
    code, out, err = run("check", *options, "--model", "normal_normal", standard_input=standard_input)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(message)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_refusal_is_one_line_in_every_encoding(encoding, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding=encoding, write_through=True))
    assert main(["sample", "normal_normal", "--draws", "1.5"]) == 2
    message = "error: --draws must be a whole number, got '1.5'; see `python -m bayes sample normal_normal --help`.\n"
    assert written.getvalue().decode(encoding) == message


@pytest.mark.parametrize("package", ["bayes", "nets", "reports"])
@pytest.mark.parametrize("arguments", [["--version"], ["check", "--version"]])
def test_every_command_says_its_version(package, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [package, *arguments])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(Path(__file__).parents[3] / package / "__main__.py"), run_name="__main__")
    assert capsys.readouterr().out == f"closedform {version('closedform')}\n"


@pytest.mark.parametrize("words", ["models normal_normal", "models --json", "check --help"])
def test_a_closed_pipe_ends_silently(words, monkeypatch, capfd):
    """With a reader that is gone before the first line, as `| true` may be."""
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(sys, "argv", ["bayes", *words.split()])
    with os.fdopen(writing, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        assert run_command(main) == CLOSED_PIPE
    assert capfd.readouterr().err == ""


def test_the_program_works_where_docstrings_and_assertions_are_left_out():
    command = [sys.executable, "-OO", "-m", "bayes", "models"]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "mu  ~ Normal" in finished.stdout
    assert all(f"{name} - " in finished.stdout for name in NAMES)
    assert finished.stderr == ""


def test_help_loads_no_library_of_statistics():
    at_the_end = "import atexit, sys; atexit.register(lambda: print(*sys.modules))"
    code = f"{at_the_end}; from bayes.__main__ import main; main(['--help'])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loaded = set(out.splitlines()[-1].split())
    assert "numpy" in loaded
    assert not loaded & {"scipy", "pandas", "xarray", "arviz_stats", "h5py", "pymc", "jax"}
