"""Models known in closed form, the same models as programs, and the samplers held to them.

Read in this order:

- ``bayes.exact``: posterior, predictive and evidence in closed form, one conjugate family a file; numpy and scipy only.
- ``bayes.programs``: the same families as PyMC programs, under the same file names.
- ``bayes.inference``: run a program with NUTS or SMC; draws come back as an ArviZ ``xarray.DataTree``.
- ``bayes.data``: a person's own observations, read from a file.
"""
