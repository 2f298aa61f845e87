"""The evidence log p(y), in nats: estimators for any PyMC model, each with the error that it claims.

``log_evidence(model, draws)`` is the function to call. In reading order:

- ``estimators``: ``log_evidence``, with an estimator by its name.
- ``results``: an estimate, its claimed error and its diagnostics.
- ``targets``: what an estimator needs to know of a model; ``pymc_targets`` has it for PyMC models.
- ``bridge_sampling``, ``importance_sampling``, ``harmonic_means``: from posterior draws.
- ``laplace_approximation``, ``stepping_stones``, ``nested_sampling``, ``dynesty_sampling``: without draws.
- ``lower_bounds``: the ELBO, which is no estimate but a bound.
- ``proposals`` and ``monte_carlo``: fitted proposals, and errors of means.
- ``estimates``: the log evidence from independent runs, with a standard error, and Bayes factors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
