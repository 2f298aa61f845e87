"""Every code block of README and of the site does what the page says."""

import warnings
from functools import cache
from pathlib import Path

import jax
import pytest

from docs.extensions import gallery, models
from reports.pages import PAGES as REPORTS
from tests.docs.blocks import examples

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
WRITTEN = ["README.md", *(page for page in PAGES if not page.startswith("docs/models/"))]


@cache
def generated():
    """Return the pages that the build generates, by name."""
    return {f"models/{name}": text for name, text in models.pages().items()} | {
        f"report/{name}": gallery.entry(name, Path("none")) for name in REPORTS
    }


@pytest.fixture(autouse=True)
def as_a_user(tmp_path, monkeypatch):
    """Run in an empty folder, with a home of its own, and without the strict settings of tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with warnings.catch_warnings(), jax.numpy_rank_promotion("allow"):
        warnings.simplefilter("default")
        yield


def evaluate(path):
    blocks = examples(path)
    for example in blocks:
        example.evaluate()
    return len(blocks)


@pytest.mark.parametrize("page", WRITTEN)
def test_a_written_page(page):
    evaluate(ROOT / page)


@pytest.mark.parametrize("folder", ["models", "report"])
def test_a_generated_page(folder, tmp_path):
    pages = {name: text for name, text in generated().items() if name.startswith(folder)}
    assert len(pages) >= 5
    for name, text in pages.items():
        file = tmp_path / f"{name.replace('/', '-')}.md"
        file.write_text(text, encoding="utf-8")
        evaluate(file)


GOOD = """
```python
x = 1


def test_x():
    assert x == 1, "x is wrong"


print(x)
```

prints

```text
1
```

```bash
closedform models normal_normal | head -1   # a comment
uv run python -m nets train --dataset digits > log.txt
JAX_PLATFORMS=cpu pixi run -e tpu train --epochs 2 \\
    --model mlp
srun --nodes 2 uv run python -m reports normal-normal --prior-sd 2
mkdir -p ~/completions
closedform --tyro-write-completion bash ~/completions/closedform
python -m benchmarks.gates
```

```yaml
a: [1, 2]
```
"""
MISTAKES = [
    ("\n1\n```", "\n2\n```", "the block before it prints"),
    ("prints\n", "It prints\n", "write `prints` before it"),
    ("x = 1\n", "x = y\n", "'y' is not defined"),
    ("assert x == 1", "assert x == 2", "x is wrong"),
    ("def test_x():", "def test_x(seed):", "call it in a later block"),
    ("models normal_normal", "models normal_norma", "exit code 2"),
    ("models normal_normal", "modles normal_normal", "exit code 2"),
    ("--dataset digits", "--dataste digits", "exit code 2"),
    ("-e tpu train", "-e tpu trian", "trian is none of the tasks"),
    ("--epochs 2", "--epochs two", "exit code 2"),
    ("reports normal-normal", "reports normal-normale", "exit code 2"),
    ("--prior-sd 2", "--prior-sed 2", "exit code 2"),
    ("mkdir -p ~/completions", "mkdir -p ~/elsewhere", "exit code 2"),
    ("benchmarks.gates", "benchmarks.gate", "no module benchmarks.gate"),
    ("head -1", "haed -1", "haed is none of"),
    ("[1, 2]", "[1, 2", "expected"),
    ("```yaml", "```yml", "'yml' is none of the languages"),
    ("```yaml", "```{code-block} yaml", "is not seen"),
]


def test_a_page_that_keeps_its_promises_passes(tmp_path):
    (tmp_path / "page.md").write_text(GOOD, encoding="utf-8")
    assert evaluate(tmp_path / "page.md") == 4


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES)
def test_a_mistake_on_a_page_is_found(tmp_path, right, wrong, message):
    assert GOOD.count(right) == 1
    (tmp_path / "page.md").write_text(GOOD.replace(right, wrong), encoding="utf-8")
    with pytest.raises(Exception, match=message):
        evaluate(tmp_path / "page.md")
