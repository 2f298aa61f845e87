"""Models known in closed form, the same models as programs, and the samplers held to them.

Read in this order:

- ``bayes.exact``: posterior, predictive and evidence in closed form, one conjugate family a file; numpy and scipy only.
- ``bayes.programs``: the same families as PyMC programs, under the same file names.
- ``bayes.registry``: the registry of both, by name; ``python -m bayes`` lists and samples them, checks draws, and
exports
  them as Stan programs (``bayes.io.stan``).
- ``bayes.sampling.inference``: run a program with NUTS or SMC; draws come back as an ArviZ ``xarray.DataTree``. The
four
  implementations of NUTS, and slice sampling, are in ``bayes.sampling.engines`` and ``bayes.sampling._jax_engines``.
- ``bayes.io.observations``: a person's own observations, read from a file; ``bayes.io.draws_file``: somebody's draws;
  ``bayes.io.options``: hyperparameters on a command line.
- ``bayes.checking.statistics``: exact distributions and draws in, checks with a verdict out. It stands on
``bayes.io.draws`` (what
  may come in), ``bayes.checking.convergence`` (R-hat, ESS, divergences), ``bayes.checking.null_distributions``
  (p-values) and ``bayes.checking.results`` (one false-alarm rate for a family).
- ``bayes.checking.two_stages``: the flagged and unconverged judged by fresh draws.
- ``bayes._check``: a model, somebody's draws, a verdict; a sampler on many models, one verdict.
- ``bayes.faults.faulty_samplers``: samplers that are wrong on purpose; ``bayes.faults.faulty_updates``: conjugate
updates with a mistake;
  ``bayes.faults.false_alarms``: runs of a right one, many times.
- ``bayes.evidence.estimates``: log evidence from independent runs, combined, with a standard error.
"""
