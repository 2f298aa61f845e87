"""What a person brings, and what is written for others.

- ``draws``: draws validated, from an ArviZ tree or a mapping of arrays; ``element_names``: ``p[0]``, ``p.1`` and the
like.
- ``independent_chains``: chains that are copies, windows or permutations of one another are refused.
- ``draws_file``: draws from a netCDF file, a Zarr folder or, in ``_draws_csv``, a CSV file.
- ``observations``: a person's data from a file; ``options``: hyperparameters on a command line.
- ``stan``: a model as Stan code and data.
"""
