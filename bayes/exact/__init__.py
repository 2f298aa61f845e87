"""Closed forms: one conjugate family a file, each a frozen dataclass of hyperparameters with the same methods.

``posterior(y)`` is the joint posterior, ``marginals(y)`` maps the names of the PyMC variables to distributions,
``predictive(y)`` is the distribution of one new observation, ``log_evidence(y)`` is log p(y) in nats and
``simulate(rng, n)`` draws parameters from the prior and n observations given them. Distributions are frozen
``scipy.stats`` objects.

Models of several parameters also have ``projections(y)``, functions of the joint distribution with known distributions
(``projections``). Models whose observations are vectors also have ``predictive_marginals(y)``. ``EXAMPLE`` of every
family holds its equations, its references and data to try it on (``example``); ``bayes.registry`` reads it.

- ``normal_normal``, ``normal_variance``, ``normal_inverse_gamma``: mean, variance, or both, of a normal.
- ``beta_binomial``, ``gamma_poisson``, ``gamma_exponential``: a probability, a rate of counts, a rate of waiting times.
- ``dirichlet_multinomial``, ``multivariate_normal``: probabilities of classes, a mean vector.
- ``linear_regression``: coefficients and noise variance.
- ``hierarchical_normal``: groups with a common mean, one integral away from closed form (``numerics.quadrature``).

``distribution`` is the interface of the distributions that are returned, and ``validate`` refuses invalid input.
``bayes.exact.numerics`` keeps the digits.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
