"""Provenance of results: versions of packages, the commit of this source tree, and the kind of CPU."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


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


def cpu_fingerprint() -> str:
    """Return a name for the CPU of this machine that differs between sets of CPU features (on Linux)."""
    features = platform.processor()
    if (file := Path("/proc/cpuinfo")).exists():
        features = next((line for line in file.read_text().splitlines() if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"
