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
- ``logistic_regression``: two coefficients, exact up to a two-dimensional integral (``numerics.boxes``).
- ``hierarchical_normal``: groups with a common mean, exact up to a one-dimensional integral (``numerics.quadrature``).
- ``independent_regression``: coefficients whose priors do not scale with the noise, and noise of any prior.
- ``gaussian_process``: the hyperparameters of a Gaussian process, a three-dimensional integral.
- ``capture_recapture``: the size of a population, a finite sum over it. ``capture_effects`` has two more such models.

Some files have models that are not in the registry:

- ``grouped_regression``: coefficients, one of which varies between groups, an integral over two sds.
- ``two_parameters``: any model of two parameters, of which you give the log likelihood.
- ``centred_regression``: centred predictors, and a Student's t prior of the intercept.
- ``growth_curve``: a curve that grows towards a limit.
- ``graded_response``: abilities from graded items.
- ``rates``, ``unknown_trials``: several probabilities of success; a probability and the number of trials.

``distribution`` is the interface of the distributions, ``scale_priors`` has the priors of a standard deviation, and
``validate`` refuses invalid input. ``numerics`` has the arithmetic that keeps digits where textbook formulas lose them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
