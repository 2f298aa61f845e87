"""Provenance of results: versions of packages, the commit of this source tree, and the kind of CPU."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

BFLOAT16_INSTRUCTION_SETS = ("avx512_bf16", "amx_bf16")
"""Instruction sets of x86 with products in bfloat16."""
INSTRUCTION_SETS = ("avx2", "avx512f", *BFLOAT16_INSTRUCTION_SETS)
"""Instruction sets of x86 that decide how fast matrix products are."""


def versions(packages: list[str]) -> dict[str, str]:
    """Return the versions of Python and of ``packages``."""
    return {"Python": platform.python_version()} | {name: version(name) for name in packages}


def commit() -> str:
    """Return the commit of this source tree, marked ``-dirty`` if tracked files differ from it."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():  # an installed copy may be inside another repository
        return f"none (closedform {version('closedform')}, not a git checkout)"
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(describe, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown ({error})"


def cpu_instruction_sets() -> list[str] | None:
    """Return the instruction sets among `INSTRUCTION_SETS` that this x86 CPU has; None if that is not known."""
    name, _, features = _cpu_features().partition(":")
    if name.strip() != "flags":  # of another kind of CPU, or another system
        return None
    return [name for name in INSTRUCTION_SETS if name in features.split()]


def _cpu_features() -> str:
    """Return the line of /proc/cpuinfo that lists the features of the first CPU; empty if there is none."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def cpu_fingerprint() -> str:
    """Return a name for the CPU of this machine that differs between sets of CPU features (on Linux)."""
    features = _cpu_features() if Path("/proc/cpuinfo").exists() else platform.processor()
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"
