"""One file format a module, each with a function ``read`` that returns what of a file is wanted.

- ``arviz_file``: netCDF, Zarr folders; ``csv_file``: a row a draw; ``parquet_file``: the same table in Parquet.
- ``cmdstan``: CmdStan's own CSV files, one a chain; ``posteriordb``: reference draws in JSON.
- ``numpy_file``: arrays in ``.npz``; ``emcee_file``: emcee's HDF5 backend.
- ``compressed``: what is in gzip, bzip2 and zip files; ``table``: draws from a table with columns chain and draw.
"""
