"""Where a page comes from: command, seed, versions, commit, machine, time taken."""

import os
import platform
import shlex
import subprocess
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any


def command(page: str, config: Any) -> str:
    """Return the command that makes ``page`` again: every option that differs from its default, except ``out``."""
    words = ["python", "-m", "reports", page]
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name != "out" and value != field.default:
            option = "--" + field.name.replace("_", "-")
            for one in value if isinstance(value, tuple) else [value]:
                words += [option] if one is True else [option, str(one)]
    return shlex.join(words)


def provenance(command: str, seed: int, packages: list[str], seconds: float) -> dict[str, str]:
    """Return the rows at the foot of a page; only ``Time taken`` differs between two runs of one command."""
    return {
        "Command": command,
        "Seed": str(seed),
        "Versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
        ),
        "Commit": _commit(),
        "Machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Time taken": f"{seconds:.1f} s",
    }


def _commit() -> str:
    """Return the commit of this source tree, marked ``-dirty`` if tracked files differ from it."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():  # an installed copy may lie inside somebody else's repository
        return f"none (closedform {version('closedform')}, not a git checkout)"
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(describe, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown ({error})"
