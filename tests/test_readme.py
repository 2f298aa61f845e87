"""README's examples in Python run, in one interpreter, and print what README says they print."""

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
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    exact, loss, sampled = ([float(word) for word in line] for line in words(output_of(code)))
    comments = re.findall(r"print\(.*#(.*)", code)
    said = [[float(number) for number in re.findall(r"-?\d+\.\d+", comment)] for comment in comments]
    assert [round(number, 4) for number in exact] == said[0]
    assert [round(number, 4) for number in loss] == said[1]
    # Near: within 0.05, five Monte Carlo standard errors of 1,500 effective draws and more.
    assert all(abs(a - b) < 0.05 for a, b in zip(sampled, exact[:2], strict=True))


def test_the_gradient_example_prints_what_it_says(output_of):
    code, said = re.search(r"```python\n(import jax\.numpy.*?)```\n\nprints\n\n(.*?)\n\n\S", README, re.DOTALL).groups()
    assert words(output_of(code)) == words(said)


def test_the_training_example_prints_one_accuracy_twice(output_of):
    code = re.search(r"```python\n(from pathlib.*?)```", README, re.DOTALL)[1]
    predicted, measured = map(float, output_of(code).split())
    assert abs(predicted - measured) < 1e-6
    assert predicted > 0.9


@pytest.mark.parametrize("package", ["numpyro", "blackjax"])
def test_the_examples_for_a_samplers_own_tests_pass(output_of, package):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (code,) = [block for block in blocks if f"import {package}\n" in block]
    assert "\ndef test_" in code
    output_of(code)
    assert package in sys.modules


def test_a_failing_example_fails(output_of):
    with pytest.raises(AssertionError):
        output_of("def test_wrong():\n    assert 1 + 1 == 3\n")
