"""Read event tables from Parquet."""

from collections.abc import Collection
from io import BytesIO

import pandas as pd

from edml._optional import import_optional
from edml.exceptions import TableError


def read_parquet(data: bytes, names: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    """Read a Parquet file; columns with these names may be in its index."""
    arrow = import_optional("pyarrow.lib", extra="parquet", purpose="Parquet")
    try:
        table = pd.read_parquet(BytesIO(data))
    except (arrow.ArrowException, OSError):  # their messages may quote the file
        message = (
            "It cannot be read as Parquet. Write it again, for example with "
            "DataFrame.to_parquet, or give a CSV file."
        )
        raise TableError(message) from None
    kept = [
        name
        for name in table.index.names
        if name in names and name not in table.columns
    ]
    if not kept:
        return table, []
    table = table.reset_index(level=kept).reset_index(drop=True)
    return table, [f"Columns kept in the index were read as columns: {kept}."]
