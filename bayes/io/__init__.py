"""Input of the user, and output for other programs.

- ``draws``: draws as one value, of an ArviZ tree or a mapping of arrays, and what checks read off it.
- ``draws_file``: ``load_draws``, from files to that value; ``readers``: the formats, one a module.
- ``element_names``: arrays from elements with names of their own, ``p[0]``, ``p[ants]``, ``p.1``.
- ``transforms``: variables that a file has transformed, ``sigma=sqrt(sigma2)``.
- ``repeated_draws``: refuses draws taken with replacement, and chains that are copies or windows of one another.
- ``observations``: the user's data from a file; ``hyperparameters``: those of a command line.
- ``stan``: a model as Stan code and data.
"""
