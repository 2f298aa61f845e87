"""Closed forms: one conjugate family a file, each a frozen dataclass of hyperparameters with the same methods.

``posterior(y)`` is the joint posterior, ``marginals(y)`` maps the names of the PyMC variables to distributions,
``predictive(y)`` is the distribution of one new observation, ``log_evidence(y)`` is log p(y) in nats and
``simulate(rng, n)`` draws parameters from the prior and n observations given them. Distributions are frozen
``scipy.stats`` objects.

- ``normal_normal``: the mean of a normal, noise known.
"""
