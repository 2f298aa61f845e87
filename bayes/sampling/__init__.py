"""A PyMC program run by NUTS, slice sampling or SMC; draws come back as an ArviZ ``xarray.DataTree``.

- ``inference``: `nuts`, `mcmc` and `smc`, the functions to call.
- ``engines``: NUTS by nutpie, PyMC, NumPyro and BlackJAX, and slice sampling, under one signature.
- ``_jax_engines``: the two on JAX, from starting points to draws.
- ``smc_kernels``: SMC on a schedule that a pilot run fixes, so that its evidence is unbiased.
"""

from closedform.extras import require

require("pymc")
