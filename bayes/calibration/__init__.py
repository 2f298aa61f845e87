"""Calibration: a sampler on thousands of simulated data sets, each judged by its own exact posterior.

In reading order:

- ``calibrate``: the function to call.
- ``simulation``: parameters from the prior, data given them, and their exact posterior.
- ``outcomes``: one data set, from simulation to summary.
- ``summaries``: what is kept of the draws: averages of normal scores, and the rank of the true value.
- ``pooled``: tests of these averages over the data sets.
- ``ranks``: simulation-based calibration from the ranks, and the coverage of intervals.
- ``evidence``: calibration of evidence estimates.
- ``bayes_factors``: calibration of Bayes factors between two models.
- ``runs``: the summaries of all data sets, in memory and on disk.
- ``results``: the checks with their verdict, coverage, failures and cost.
"""
