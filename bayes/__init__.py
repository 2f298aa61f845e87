"""Models known in closed form, the same models as programs, and the samplers held to them.

Read in this order:

- ``bayes.exact``: posterior, predictive and evidence in closed form, one conjugate family a file; numpy and scipy only.
- ``bayes.programs``: the same families as PyMC programs, under the same file names.
- ``bayes.models``: the registry of both, by name; ``python -m bayes`` lists and samples them, checks draws, and exports
  them as Stan programs (``bayes.stan``).
- ``bayes.inference``: run a program with NUTS or SMC; draws come back as an ArviZ ``xarray.DataTree``. The four
  implementations of NUTS, and slice sampling, are in ``bayes.engines`` and ``bayes.jax_engines``.
- ``bayes.data``: a person's own observations, read from a file; ``bayes.draws_file``: somebody's draws;
  ``bayes.hyperparameters``: hyperparameters on a command line.
- ``bayes.agreement``: exact distributions and draws in, checks with a verdict out. It stands on ``bayes.draws`` (what
  may come in), ``bayes.convergence`` (R-hat, ESS, divergences), ``bayes.nulls`` (p-values) and ``bayes.verdicts``
  (one false-alarm rate for a family).
- ``bayes.two_stages``: the suspicious and unsettled judged by fresh draws.
- ``bayes.check``: a model, somebody's draws, a verdict; a sampler on many models, one verdict.
- ``bayes.controls``: samplers that are wrong on purpose; ``bayes.mistakes``: conjugate updates with a mistake;
  ``bayes.calibration``: runs of a right one, many times.
- ``bayes.evidence``: log evidence from independent runs, combined, with a standard error.
"""
