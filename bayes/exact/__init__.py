"""Exact models: one family a file. Each model is a frozen dataclass of hyperparameters with the same methods.

- ``posterior(y)`` is the joint posterior.
- ``marginals(y)`` maps the names of the PyMC variables to their marginal posteriors.
- ``predictive(y)`` is the distribution of one new observation.
- ``log_evidence(y)`` is log p(y), in nats.
- ``simulate(rng, n)`` draws parameters from the prior, and n observations given the parameters.

Distributions are frozen ``scipy.stats`` objects, or have their methods. Models of several parameters also have
``projections(y)``: functions of several parameters with known distributions. Models whose observations are vectors
also have ``predictive_marginals(y)``. Each file has an ``EXAMPLE`` with the equations, references and data of the
family, which ``bayes.registry`` reads. The families:

- ``normal_normal``, ``normal_variance``, ``normal_inverse_gamma``: the mean of a normal, its variance, or both.
- ``beta_binomial``, ``gamma_poisson``, ``gamma_exponential``: a probability, a rate of counts, a rate of waiting times.
- ``dirichlet_multinomial``, ``multivariate_normal``: probabilities of classes, a mean vector.
- ``linear_regression``: coefficients and noise variance.
- ``grouped_regression``: coefficients, one of which varies between groups, exact up to an integral over two standard
  deviations (``numerics.planes``).
- ``hierarchical_normal``: groups with a common mean, exact up to a one-dimensional integral (``numerics.quadrature``).

``distribution`` is the interface of the distributions, ``scale_priors`` has the priors of a standard deviation, and
``validate`` refuses invalid input. ``numerics`` has the arithmetic that keeps digits where textbook formulas lose them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
