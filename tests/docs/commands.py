"""Commands in a ``bash`` block: ours run up to the point where they would begin to work, others are known by name."""

import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import nets.__main__
import reports.__main__
from bayes.commands import calibrating, checking, evidence, exporting, posteriordb, sampling
from closedform.__main__ import PACKAGES, PROG, main
from nets.commands import exporting as exporting_runs
from nets.commands import predicting

ROOT = Path(__file__).parents[2]
TASKS = tomllib.loads((ROOT / "pixi.toml").read_text(encoding="utf-8"))["tasks"]
OTHERS = {"git", "head", "pip", "pyright", "pytest", "ruff", "sphinx-build"}
"""Commands of others."""


def run_commands(text):
    """Run the commands of a block; AssertionError if one is unknown or refused."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in _commands(line):
            _run(command, line)


def _commands(line):
    """Return the commands in a line, as lists of words: without comments, redirections and environment variables."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    words.whitespace_split, words.commenters = True, "#"
    commands, target = [[]], False
    for word in words:
        if set(word) <= set("|&;"):
            commands.append([])
        elif set(word) <= set("<>"):
            target = True
        elif target:
            target = False
        elif commands[-1] or not word.partition("=")[0].isidentifier() or "=" not in word:
            commands[-1].append(word)
    return [command for command in commands if command]


def _run(words, line):
    match words:
        case ["uv" | "pixi", "run", *_] | ["srun", *_]:
            _run(_inner(words), line)
        case ["python", "-m", "bayes" | "nets" as package, command, *rest]:
            assert PACKAGES.get(command) == package, f"{command} is no command of {package}: {line}"
            _ours([command, *rest], line)
        case ["python", "-m", "reports", *rest]:
            _ours(["report", *rest], line)
        case ["python", "-m", module, *_]:
            assert find_spec(module) is not None, f"there is no module {module}: {line}"
        case ["mkdir", "-p", folder]:
            Path(folder).expanduser().mkdir(parents=True, exist_ok=True)
        case [program, *rest] if program == PROG:
            _ours(rest, line)
        case [program, *_]:
            assert program in OTHERS, f"{program} is none of {', '.join(sorted(OTHERS))}: {line}"


def _inner(words):
    """Return the command that uv, pixi or SLURM runs."""
    if words[0] == "srun":
        return words[next(i for i, word in enumerate(words) if word in {"uv", "python", PROG}) :]
    rest = words[2:]
    if words[0] == "pixi":
        rest = rest[2:] if rest[0] == "-e" else rest
        assert rest[0] in TASKS, f"{rest[0]} is none of the tasks {', '.join(TASKS)}"
        rest = [*shlex.split(TASKS[rest[0]]["cmd"]), *rest[1:]]
    return rest


def _ours(arguments, line):
    """Run one of our commands as `closedform` does; what takes long, or reads or writes files, is left out."""
    arguments = [str(Path(word).expanduser()) if word.startswith("~") else word for word in arguments]
    with pytest.MonkeyPatch.context() as patch:
        export = exporting.run
        for module in [calibrating, checking, evidence, posteriordb, sampling]:
            patch.setattr(module, "run", lambda _: ("", 0))
        patch.setattr(exporting, "run", lambda options: ("", 0) if options.data else export(options))
        for name in ["_train", "_prepare", "_list_runs", "_evaluate"]:
            patch.setattr(nets.__main__, name, lambda *_: 0)
        for module in [exporting_runs, predicting]:
            patch.setattr(module, "run", lambda *_: 0)
        patch.setattr(reports.__main__, "render", lambda *_: ["pass"])
        try:
            code = main(arguments)
        except SystemExit as end:  # --help, or completions
            code = end.code
    assert code in {0, None}, f"exit code {code}: {line}"
