"""Where a page comes from: command, seed, versions, commit, machine, time taken."""

import os
import platform
import shlex
from dataclasses import fields
from typing import Any

from nets.provenance import commit, versions


def command(page: str, config: Any) -> str:
    """Return the command that makes ``page`` again: every option that differs from its default, except ``out``."""
    words = ["python", "-m", "reports", page]
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name != "out" and value != field.default:
            option = "--" + field.name.replace("_", "-")
            if isinstance(value, tuple) and field.name != "engine":  # which takes one a time
                words += [option, *map(str, value)]
                continue
            for one in value if isinstance(value, tuple) else [value]:
                words += [option] if one is True else [option, str(one)]
    return shlex.join(words)


def provenance(command: str, seed: int, packages: list[str], seconds: float) -> dict[str, str]:
    """Return the rows at the foot of a page; only ``Time taken`` differs between two runs of one command."""
    return {
        "Command": command,
        "Seed": str(seed),
        "Versions": ", ".join(f"{name} {version}" for name, version in versions(packages).items()),
        "Commit": commit(),
        "Machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Time taken": f"{seconds:.1f} s",
    }
