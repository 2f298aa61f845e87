"""Where a result says it was made."""

import platform
import subprocess
from pathlib import Path

import numpy as np

from closedform.provenance import commit, versions

ROOT = Path(__file__).parents[2]


def test_the_commit_is_that_of_this_source_tree():
    if not (ROOT / ".git").exists():
        assert commit().endswith("not a git checkout)")
        return
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert head.startswith(commit().removesuffix("-dirty"))
    assert len(commit().removesuffix("-dirty")) >= 12


def test_versions_are_those_of_the_packages():
    assert versions(["numpy"]) == {"Python": platform.python_version(), "numpy": np.__version__}
