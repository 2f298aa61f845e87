"""Where a result says it was made."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest

from closedform import provenance
from closedform.provenance import commit, cpu_instruction_sets, versions

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


@pytest.mark.parametrize(
    ("features", "instruction_sets"),
    [
        ("flags\t\t: fpu avx avx2 avx512f avx512_bf16 amx_bf16x", ["avx2", "avx512f", "avx512_bf16"]),
        ("flags\t\t: fpu avx2", ["avx2"]),
        ("Features\t: asimd bf16", None),
        ("", None),
    ],
)
def test_instruction_sets_are_those_of_an_x86_cpu(monkeypatch, features, instruction_sets):
    monkeypatch.setattr(provenance, "_cpu_features", lambda: features)
    assert cpu_instruction_sets() == instruction_sets
