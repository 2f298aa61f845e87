"""What importing a closed form adds to importing scipy.stats: ``python -m benchmarks.imports``.

Fresh interpreters in turn, scipy.stats and then a closed form, so that a drift of the machine hits both; medians of the
wall time over the pairs after one pair that warms the file cache.
"""

import statistics
import subprocess
import sys
import time

PAIRS = 15


def seconds(module: str) -> float:
    """Return the wall time of a fresh interpreter that imports ``module``."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - started


def main() -> None:
    """Print both medians, their difference and their ratio."""
    pairs = [(seconds("scipy.stats"), seconds("bayes.exact.normal_normal")) for _ in range(PAIRS + 1)][1:]
    scipy, closed_form = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(
        f"scipy.stats {scipy:.3f} s, bayes.exact.normal_normal {closed_form:.3f} s: "
        f"+{closed_form - scipy:.3f} s, ratio {ratio:.3f}"
    )


if __name__ == "__main__":
    main()
