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
- ``bayes_factors``: calibration of Bayes factors between two models.
- ``runs``: the summaries of all data sets, in memory and on disk.
- ``results``: the checks with their verdict, coverage, failures and cost.

One transition of a kernel needs no run of a sampler:

- ``kernels``: ``check_kernel``, from exact draws of one posterior.
- ``invariance``: its tests, from normal scores before and after the transition.
- ``joint``: ``check_joint_kernel``, from draws of parameters and data.
- ``transitions``: what a kernel is, and what can be wrong about it.
"""
