"""The command `closedform`: every command of the project, and what it says of one that is none."""

import re
from typing import get_args, get_type_hints

import pytest

import bayes.__main__
import closedform.__main__
import nets.__main__
import reports.pages


def test_it_has_every_command_and_every_page():
    both = {"bayes": bayes.__main__.COMMANDS, "nets": nets.__main__.COMMANDS}
    packages = {command: package for package, commands in both.items() for command in commands}
    assert packages == closedform.__main__.PACKAGES
    assert set(get_args(get_type_hints(closedform.__main__.Report)["page"])) == {"all", *reports.pages.PAGES}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek"], r"the command must be one of models, .*, report, got 'chek'; did you mean check\?"),
        ([], r"Expected one of \{models, .*; see `closedform --help`\."),
        (["--nosuch"], r".*--nosuch.*"),
        (["--tyro-write-completion", "nosh", "file"], ".*nosh"),
        (["--tyro-write-completion", "bash", "nowhere/file"], "nowhere/file: No such file or directory"),
        (["report", "gradient"], r"the page must be one of .*, got 'gradient'; did you mean gradients\?"),
        (["check", "draws.nc", "--model", "nrmal"], r"`model` must be one of .*, got 'nrmal'; did you mean .*"),
        (["train", "--epochs", "x"], r"--epochs must be a whole number, got 'x'; see `closedform train --help`\."),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert closedform.__main__.main(words) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert re.fullmatch(f"error: {message}", printed), printed
    assert not list(tmp_path.iterdir())
