"""The provenance of a page: command, seed, versions, commit, machine and time taken."""

import os
import platform
import shlex
from dataclasses import fields
from typing import Any, get_type_hints

import tyro

from closedform.provenance import commit, versions


def command(page: str, config: Any) -> str:
    """Return the command that makes ``page`` again.

    It has every option that differs from its default, except ``out`` and ``processes``, which do not change a page.
    """
    words = ["python", "-m", "reports", page]
    kinds = get_type_hints(type(config), include_extras=True)
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in {"out", "processes"} or value == field.default:
            continue
        option = "--" + field.name.replace("_", "-")
        one_a_time = tyro.conf.UseAppendAction in getattr(kinds[field.name], "__metadata__", ())
        if value is True:
            words += [option]
        elif isinstance(value, tuple) and not one_a_time:
            words += [option, *map(str, value)]
        else:  # = because a value may begin with a minus sign
            for item in value if isinstance(value, tuple) else [value]:
                words += [f"{option}={item}"] if str(item).startswith("-") else [option, str(item)]
    return shlex.join(words)


def provenance_rows(command: str, seed: int, packages: list[str], seconds: float) -> dict[str, str]:
    """Return the rows at the foot of a page. Two runs of one command differ only in ``Time taken``."""
    return {
        "Command": command,
        "Seed": str(seed),
        "Versions": ", ".join(f"{name} {version}" for name, version in versions(packages).items()),
        "Commit": commit(),
        "Machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Time taken": f"{seconds:.1f} s",
    }
