"""How often the test that docs/how_to/sampler_ci.md gives to the authors of samplers fails, with fresh seeds.

    uv run python -m benchmarks.sampler_ci

The sampler and the models are those of the page: its code blocks are executed. A run is what the test does with one
seed; ``--faulty`` forgets the Jacobian, as the page does. Numbers in brackets are 95 % intervals (Clopper and Pearson
1934).
"""

import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from bayes import check_sampler
from benchmarks.agreement import progress, provenance, rate, table

PAGE = Path(__file__).parents[1] / "docs" / "how_to" / "sampler_ci.md"


@dataclass(frozen=True)
class Config:
    """Count the verdicts of the test."""

    runs: int = 2000
    """Runs, with the seeds 1, 2, ... that a workflow's run number gives."""
    faulty: bool = False
    """Run the sampler without the Jacobian."""


def main(config: Config) -> None:
    """Print the table, then the provenance."""
    start = time.perf_counter()
    page: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), page)
    sampler = page["without_jacobian" if config.faulty else "my_sampler"]
    verdicts: Counter[str] = Counter()
    second_stages, slowest = 0, 0.0
    for i in progress(config.runs, "runs"):
        run_start = time.perf_counter()
        checks = check_sampler(sampler, models=page["MODELS"], draws=1000, seed=100 * (i + 1))
        slowest = max(slowest, time.perf_counter() - run_start)
        verdicts[checks.verdict] += 1
        second_stages += any(check.stage == 2 for check in checks)
    heads = ["sampler", "runs", "pass", "inconclusive", "fail", "second stage", "slowest run"]
    counts = [str(verdicts["pass"]), *(rate(verdicts[name], config.runs) for name in ("inconclusive", "fail"))]
    row = [sampler.__name__, str(config.runs), *counts, rate(second_stages, config.runs), f"{slowest:.1f} s"]
    print(table(heads, [row]))
    print(provenance("sampler_ci", 1, start))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
