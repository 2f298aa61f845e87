"""README's examples in Python run and print what README says they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_it_says(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code
    finished = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, cwd=tmp_path, check=True)
    exact, loss, sampled = ([float(word) for word in line.split()] for line in finished.stdout.splitlines())
    comments = re.findall(r"print\(.*#(.*)", code[1])
    said = [[float(number) for number in re.findall(r"-?\d+\.\d+", comment)] for comment in comments]
    assert [round(number, 4) for number in exact] == said[0]
    assert [round(number, 4) for number in loss] == said[1]
    # Near: within 0.05, five Monte Carlo standard errors of 1,500 effective draws and more.
    assert all(abs(a - b) < 0.05 for a, b in zip(sampled, exact[:2], strict=True))


def test_the_gradient_example_prints_what_it_says(tmp_path):
    code, said = re.search(r"```python\n(import jax\.numpy.*?)```\n\nprints\n\n(.*?)\n\n\S", README, re.DOTALL).groups()
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert [line.split() for line in finished.stdout.splitlines()] == [line.split() for line in said.splitlines()]


def test_the_training_example_prints_one_accuracy_twice(tmp_path):
    code = re.search(r"```python\n(from pathlib.*?)```", README, re.DOTALL)
    assert code
    finished = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, cwd=tmp_path, check=True)
    predicted, measured = map(float, finished.stdout.split())
    assert abs(predicted - measured) < 1e-6
    assert predicted > 0.9


@pytest.mark.parametrize("package", ["numpyro", "blackjax"])
def test_the_examples_for_a_samplers_own_tests_pass(tmp_path, package):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (code,) = [block for block in blocks if f"import {package}\n" in block]
    (tmp_path / "test_mine.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert finished.returncode == 0, finished.stdout
    assert "1 passed" in finished.stdout
