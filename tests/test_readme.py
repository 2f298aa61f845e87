"""README's example prints what README says; the examples of whole tests, on pages of the site, pass."""

import re
import sys
import warnings
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def output_of(capsys, tmp_path, monkeypatch):
    """Run a program as a user would, in an empty folder and without the strict settings of tests."""
    monkeypatch.chdir(tmp_path)

    def run(code):
        names = {"__name__": "readme"}
        with warnings.catch_warnings(), jax.numpy_rank_promotion("allow"):
            warnings.simplefilter("default")
            exec(compile(code, "README.md", "exec"), names)
            for name, test in names.copy().items():
                if name.startswith("test_"):
                    test()
        return capsys.readouterr().out

    return run


def words(text):
    return [line.split() for line in text.splitlines()]


def test_the_example_prints_what_it_says(output_of):
    code, said = re.search(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", README, re.DOTALL).groups()
    assert words(output_of(code)) == words(said)


def test_the_training_example_measures_one_accuracy_twice(output_of):
    page = (ROOT / "docs/tutorials/train_a_classifier.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(from pathlib.*?)```", page, re.DOTALL)[1]
    assert "assert" in code
    output_of(code)


@pytest.mark.parametrize(
    ("package", "page"),
    [("numpyro", "how_to/draws_from_other_tools.md"), ("blackjax", "tutorials/test_your_sampler.md")],
)
def test_the_examples_for_a_samplers_own_tests_pass(output_of, package, page):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if f"import {package}\n" in block]
    assert "\ndef test_" in code
    output_of(code)
    assert package in sys.modules


def test_a_failing_example_fails(output_of):
    with pytest.raises(AssertionError):
        output_of("def test_wrong():\n    assert 1 + 1 == 3\n")
