"""What the commands cost to start: ``python -m benchmarks.commands``.

Fresh interpreters in turn, a peer and then a command, so that a drift of the machine hits both. Processor time of each,
user and system, after one round that warms the file cache; medians of the rounds, and the median of the ratios within
a round. ``--help`` stands beside the import of what every command line of the kind needs, a check of a small CSV file
beside the import of the library whose ESS and R-hat it takes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bayes import models


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A command and the peer beside it, as arguments of the interpreter."""

    peer: tuple[str, ...]
    command: tuple[str, ...]


def seconds(arguments: tuple[str, ...]) -> float:
    """Return the processor time of a fresh interpreter with ``arguments``, in seconds."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def write_draws(file: Path) -> None:
    """Write 4 x 1000 exact draws of the normal-normal model as a CSV file."""
    model = models["normal_normal"]
    draws = model.exact.posterior(model.y).rvs((4, 1000), random_state=np.random.default_rng(0))
    rows = [f"{chain},{draw},{float(value)!r}" for (chain, draw), value in np.ndenumerate(draws)]
    file.write_text("\n".join(["chain,draw,mu", *rows]))


def main() -> None:
    """Print the medians and the ratio of each pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds after the one that warms the cache")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "draws.csv")
        write_draws(file)
        pairs = {
            "--help": Pair(peer=("-c", "import numpy, tyro"), command=("-m", "bayes", "--help")),
            "check": Pair(
                peer=("-c", "import arviz_stats"),
                command=("-m", "bayes", "check", str(file), "--model", "normal_normal"),
            ),
        }
        for name, pair in pairs.items():
            times = [(seconds(pair.peer), seconds(pair.command)) for _ in range(rounds + 1)][1:]
            peer, command = (statistics.median(side) for side in zip(*times, strict=True))
            ratio = statistics.median(b / a for a, b in times)
            print(f"{name}: {command:.2f} s, {pair.peer[-1]}: {peer:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
