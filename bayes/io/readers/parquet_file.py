"""Draws in a Parquet file, with a row for each draw and the columns of a CSV file."""

from pathlib import Path

from bayes.io.readers import table
from bayes.io.readers.contents import LARGEST, Contents, Wanted
from closedform.reasons import one_line


def read(path: Path, label: str, wanted: Wanted) -> Contents:
    """Read a Parquet file with the columns chain and draw, and one for each scalar."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ModuleNotFoundError as error:
        raise ValueError(
            f"file {label} is Parquet, which needs pyarrow; pip install 'closedform[parquet]', or save it as CSV."
        ) from error
    try:
        size = parquet.read_metadata(path).num_rows * 8
        if size > LARGEST:
            raise ValueError(f"file {label} has {size / 2**30:.1f} GiB a column; thin the draws.")
        frame = parquet.read_table(path).to_pandas(ignore_metadata=True)  # metadata would turn columns into an index
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"file {label} cannot be read as Parquet ({one_line(error, 200)}); it is damaged: save it again."
        ) from error
    return table.read(frame, label, wanted)
