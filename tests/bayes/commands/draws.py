"""Draws for the commands to check."""

import numpy as np
import xarray as xr


def exact_draws(exact, y, seed=0):
    """Independent draws of a mean, (4, 2000), as a file of draws has them."""
    return xr.Dataset({"mu": (("chain", "draw"), exact.posterior(y).rvs((4, 2000), np.random.default_rng(seed)))})
