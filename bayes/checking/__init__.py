"""The statistics: they take exact distributions and draws, and return checks with a verdict. They know no model.

In reading order:

- ``statistics``: statistics of draws, each with its error and p-value.
- ``evidence``: runs and single estimates of the log evidence, by the law of their estimator.
- ``null_distributions``: the p-values under a correct sampler.
- ``convergence``: R-hat, ESS, batch means and divergences, which can keep a check from passing.
- ``leave_one_out``: PSIS-LOO and WAIC beside the exact leave-one-out densities.
- ``results``: a check with its minimum detectable effect, and the table of a family of checks.
- ``judging``: the verdicts of a family at one false-alarm rate, by Holm's method.
- ``two_stages``: fresh draws for checks that are flagged or have not converged.
"""
