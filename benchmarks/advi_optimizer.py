"""PyMC's default optimiser of ADVI comes to rest where the sds are too large; Adam does not.

    uv run python -m benchmarks.advi_optimizer            about a minute

The target is Normal(0, I) in two dimensions, whose best normal is itself: the mean of log sd should be 0. A step of
``adagrad_window`` is g / sqrt(sum of the last 10 g^2 + 0.1), with g among the ten. The gradient of a log sd is skewed,
so that E[g] = 0 is not where the mean step is 0, and a smaller learning rate does not help. Also, a step is about the
learning rate however large the gradient is: with the default of 0.001 and 10,000 steps a far mean is never reached.
"""

import logging
from typing import Any

import numpy as np
import pymc as pm

SEEDS = range(4)
OPTIMIZERS = {
    "adagrad_window(0.01), 20,000 steps": (lambda: pm.adagrad_window(learning_rate=0.01), 20_000),
    "adagrad_window(0.001), 20,000 steps": (lambda: pm.adagrad_window(learning_rate=0.001), 20_000),
    "adam(0.01), 20,000 steps": (lambda: pm.adam(learning_rate=0.01), 20_000),
    "adam(0.001), 20,000 steps": (lambda: pm.adam(learning_rate=0.001), 20_000),
}


def main() -> None:
    """Print the log sds of the fits, averaged over seeds and coordinates, with a standard error."""
    logging.getLogger("pymc").setLevel(logging.WARNING)
    with pm.Model() as model:
        pm.Normal("x", shape=2)
    print(f"PyMC {pm.__version__}: log sd of the fit, 0 is right")
    for name, (optimizer, n) in OPTIMIZERS.items():
        logs = []
        for seed in SEEDS:
            fitted: Any = pm.fit(n, model=model, random_seed=seed, progressbar=False, obj_optimizer=optimizer())
            logs.append(np.log(fitted.std.eval()).mean())
        print(f"{name:38s} {np.mean(logs):+.3f} +- {np.std(logs, ddof=1) / len(logs) ** 0.5:.3f}")


if __name__ == "__main__":
    main()
