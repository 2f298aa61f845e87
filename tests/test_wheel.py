"""The wheel alone in an empty environment: what a user's CI installs is enough for `check`, and says what is not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
UV = [sys.executable, "-m", "uv"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a command of an environment that holds the core alone, away from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    # Bytecode of what is imported is kept; that of all packages is never needed, and takes 20 s.
    dropped = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "UV_COMPILE_BYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped}

    def uv(*words):
        subprocess.run([*UV, *words], cwd=ROOT, env=environment, check=True, capture_output=True)

    uv("build", "--wheel", "--out-dir", folder)
    uv("venv", "--python", sys.executable, folder / "venv")
    (wheel,) = folder.glob("*.whl")
    uv("pip", "install", "--python", folder / "venv/bin/python", wheel)

    def run(*words):
        command = [folder / "venv/bin" / words[0], *words[1:]]
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)

    return run


def test_check_judges_a_file(run, tmp_path):
    draws = np.random.default_rng(0).normal(2.0866197, 0.0704225**0.5, size=(4, 1000))
    rows = [f"{chain},{draw},{{}}" for chain in range(4) for draw in range(1000)]
    for name, values, code in [("right.csv", draws, 0), ("wrong.csv", draws + 0.1, 1)]:
        lines = [row.format(value) for row, value in zip(rows, values.ravel(), strict=True)]
        (tmp_path / name).write_text("\n".join(["chain,draw,mu", *lines]))
        finished = run("closedform", "check", tmp_path / name, "--model", "normal_normal")
        assert finished.returncode == code, finished.stderr
        assert "checks share a false-alarm rate of 0.001" in finished.stdout


def test_the_first_example_of_readme_prints_what_readme_prints(run):
    code, printed = re.search(
        r"```python\n(import numpy.*?)```\n\nprints\n\n```text\n(.*?)```", README, re.DOTALL
    ).groups()
    finished = run("python", "-c", code)
    assert finished.returncode == 0, finished.stderr
    assert [line.split() for line in finished.stdout.splitlines()] == [line.split() for line in printed.splitlines()]


def test_the_command_says_its_version_and_completes(run, tmp_path):
    assert re.fullmatch(r"closedform \d+\.\d+\.\d+\n", run("closedform", "--version").stdout)
    helped = run("closedform", "--help")
    assert helped.returncode == 0, helped.stderr
    assert set(re.findall(r"• (\w+)", helped.stdout)) >= {"models", "check", "train", "report"}
    assert run("closedform", "--tyro-write-completion", "bash", tmp_path / "completion").returncode == 0
    assert "evaluate" in (tmp_path / "completion").read_text()


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["closedform", "sample", "normal_normal"], "pymc"),
        (["closedform", "train", "--dataset", "digits"], "nets"),
        (["python", "-m", "nets", "prepare", "mnist"], "nets"),
        (["closedform", "report", "normal-normal"], "reports"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(command, extra, run):
    finished = run(*command)
    assert finished.returncode == 2, finished.stderr
    assert re.fullmatch(
        rf"error: this command needs \w+, which is not installed; pip install 'closedform\[{extra}\]'\.",
        finished.stderr.splitlines()[-1],
    )
    assert "Traceback" not in finished.stderr


def test_a_failing_assertion_shows_the_table(run):
    code = """
import numpy as np
from bayes import models
from bayes.testing import assert_draws_agree
model = models["normal_normal"]
draws = np.random.default_rng(0).normal(2.3, 0.27, size=(4, 1000))
assert_draws_agree({"mu": draws}, model, model.y)
"""
    finished = run("python", "-c", code)
    assert "AssertionError" in finished.stderr
    assert re.search(r"mu +location .* fail", finished.stderr)


def test_the_templates_of_the_pages_are_in_the_wheel(run):
    code = "from pathlib import Path; import reports; print(*Path(reports.__file__).parent.rglob('*.[mh][dt]*'))"
    installed = {Path(file).name for file in run("python", "-c", code).stdout.split()}
    templates = {file.name for file in (ROOT / "reports").rglob("*.[mh][dt]*")}
    assert installed == templates
    assert {"overview.md", "page.html"} < templates
