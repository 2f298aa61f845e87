"""The version is typed in several places, and is the same in each."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("CITATION.cff", r"\nversion: (\S+)\n"),
        ("README.md", r"closedform, version ([\d.]+\d)"),
        ("CHANGELOG.md", r"\n## \[(\d[\d.]*)\]"),
        ("docs/getting_started.md", r"version\D{0,6}([\d.]+\d)"),
        ("docs/how_to/sampler_ci.md", r"closedform-([\d.]+)-py3"),
    ],
)
def test_the_version_is_that_of_the_package(file, place):
    match = re.search(place, (ROOT / file).read_text(encoding="utf-8"))
    assert match
    assert match[1] == VERSION
