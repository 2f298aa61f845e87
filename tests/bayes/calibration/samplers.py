"""Samplers of the normal mean for tests, right and wrong ones, in a module that worker processes can import."""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np


def exact(model, y, seed, n=100):
    return {"mu": model.exact.posterior(y).rvs((1, n), random_state=np.random.default_rng(seed))}


def too_wide(model, y, seed):
    mean = model.exact.posterior(y).mean()
    return {"mu": mean + 1.2 * (exact(model, y, seed)["mu"] - mean)}


def raising(*_):
    raise RuntimeError("no\ndraws")


def raising_sometimes(model, y, seed):
    return raising() if seed % 3 == 0 else exact(model, y, seed)


def not_numbers(*_):
    return {"mu": np.full((1, 100), np.nan)}


def wrong_shape(*_):
    return {"mu": np.zeros((1, 100, 2))}


def leaving(*_):
    sys.exit(3)


def same_draws(*_):
    return {"mu": np.random.default_rng(0).normal(size=(1, 100))}


def same_random_numbers(model, y, _):
    return exact(model, y, 5)


@dataclass(frozen=True)
class Killing:
    """Kills its own process: once, if there is a ``mark`` to leave, else for each seed that ``divisor`` divides."""

    mark: str = ""
    divisor: int = 7

    def __call__(self, model, y, seed):
        if seed % self.divisor == 0 and not (self.mark and Path(self.mark).exists()):
            if self.mark:
                Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return exact(model, y, seed)
