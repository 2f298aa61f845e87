"""Input of the user, and output for other programs.

- ``draws``: draws validated, from an ArviZ tree or a mapping of arrays; ``element_names``: ``p[0]``, ``p.1``, ...
- ``repeated_draws``: refuses draws taken with replacement, and chains that are copies or windows of one another.
- ``draws_file``: draws from a netCDF file, a Zarr folder or, in ``_draws_csv``, a CSV file.
- ``observations``: the user's data from a file; ``hyperparameters``: those of a command line.
- ``stan``: a model as Stan code and data.
"""
