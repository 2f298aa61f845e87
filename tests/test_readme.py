"""README's example in Python runs and prints what README says it prints."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


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
