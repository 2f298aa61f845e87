"""Exact distributions and draws in, checks with a verdict out. Nothing here knows a model.

In reading order:

- ``statistics``: draws as normal scores, and evidence runs; from each a number with its error and p-value.
- ``null_distributions``: the p-values, under a correct sampler.
- ``convergence``: R-hat, ESS, divergences and drift; what keeps a check from passing.
- ``results``: a check with its minimum detectable effect, and the table of a family.
- ``judging``: one false-alarm rate for a family, by Holm's method.
- ``two_stages``: fresh draws for what is flagged or unconverged.
"""
