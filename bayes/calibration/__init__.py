"""Calibration: a sampler on thousands of simulated data sets, each judged by its own exact posterior.

In reading order:

- ``calibrating``: the function to call.
- ``samplers``: what a sampler is called, what its draws depend on, and where it runs.
- ``cluster``, ``jobs``: samplers in the processes of Dask, and what they are sent.
- ``main_guard``: scripts that would run again in every one of these.
- ``simulation``: parameters from the prior, data given them, and their exact posterior.
- ``outcomes``: one data set, from simulation to summary.
- ``program_simulation``: the same of a PyMC model that has no exact posterior.
- ``engines``: NUTS on many data sets, compiled once.
- ``summaries``: what is kept of the draws: averages of normal scores, and the rank of the true value.
- ``pooled``: tests of these averages over the data sets.
- ``ranks``: simulation-based calibration from the ranks, and the coverage of intervals.
- ``evidence``: calibration of evidence estimates.
- ``repeats``: samplers that return the same draws, or ignore their seed.
- ``runs``: the summaries of all data sets, in memory and on disk.
- ``results``: the checks with their verdict, coverage, failures and cost.
"""
