"""Input from the user, and output for other programs.

- ``draws``: draws as one value, from an ArviZ tree or a mapping of arrays, and what checks read from it.
- ``draws_file``: ``load_draws``, which reads draws from files; ``readers`` has a module for each format.
- ``element_names``: arrays from elements with names of their own, such as ``p[0]``, ``p[ants]`` and ``p.1``.
- ``transforms``: variables that are transformed in a file, such as ``sigma=sqrt(sigma2)``.
- ``repeated_draws``: refuses draws taken with replacement, and chains that are copies or windows of one another.
- ``observations``: the user's data from a file.
- ``hyperparameters``: hyperparameters from a command line.
- ``stan``: a model as Stan code and data.
- ``posteriordb``: posteriors of posteriordb that are known exactly.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["posteriordb"])
