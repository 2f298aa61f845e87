"""A module for each file format of draws. Its function ``read`` returns the wanted variables of a file.

- ``arviz_file``: netCDF files and Zarr folders of ArviZ.
- ``csv_file``: a CSV table with a row for each draw; ``parquet_file``: the same table in Parquet.
- ``cmdstan``: CmdStan's own CSV files, one for each chain.
- ``posteriordb``: reference draws in JSON.
- ``numpy_file``: arrays in ``.npz``.
- ``emcee_file``: emcee's HDF5 backend.
- ``compressed``: the contents of gzip, bzip2 and zip files.
- ``table``: draws from a table with the columns chain and draw.
- ``contents``: what a reader is asked for and what it returns.
"""
