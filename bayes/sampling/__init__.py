"""NUTS, slice sampling and SMC on PyMC programs. Draws are an ArviZ ``xarray.DataTree``.

- ``inference``: the functions to call, ``nuts``, ``mcmc`` and ``smc``.
- ``engines``: NUTS by nutpie, PyMC, NumPyro and BlackJAX, and slice sampling, with the same signature.
- ``_jax_engines``: NumPyro and BlackJAX, from starting points to draws.
- ``points``: all variables as one vector, and functions of many such points.
- ``modes``: the mode of a density and its curvature there, for Laplace's method.
- ``improper``: improper priors and minibatches, which are refused.
- ``swapped_data``: a model whose observed values are inputs.
- ``many_data_sets``: NUTS by NumPyro and BlackJAX on many data sets at a time, compiled once.
- ``compiled_once``: nutpie and PyMC on one data set after another, compiled once.
- ``smc_kernels``: SMC with a schedule from a pilot run, so that its evidence is unbiased.
"""

from closedform.extras import require

require("pymc")
