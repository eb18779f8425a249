"""A fingerprint of data, which shows whether two results come from the same rows."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def fingerprint(X: Any, y: ArrayLike | None = None) -> str:
    """Return the SHA-256 of a table's content, independent of the row order.

    The index is ignored. The digest does not reveal the rows.
    """
    if hasattr(X, "toarray"):
        X = X.toarray()
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    try:
        rows = pd.util.hash_pandas_object(table, index=False).to_numpy()
    except TypeError:  # lists or the like, in a column that no model reads
        kinds = table.dtypes.astype(str)  # of text: object in pandas 2, str in 3
        objects = table.loc[:, kinds.isin(["object", "str"]).to_numpy()]
        table = table.assign(**{name: objects[name].map(_spell) for name in objects})
        rows = pd.util.hash_pandas_object(table, index=False).to_numpy()
    if y is not None:
        labels = pd.Series(np.asarray(y))
        # An odd factor: a row and its label are not interchangeable.
        rows = rows * np.uint64(31) + pd.util.hash_array(labels.to_numpy())
    digest = hashlib.sha256(repr([str(name) for name in table.columns]).encode())
    digest.update(np.sort(rows).astype("<u8").tobytes())
    return digest.hexdigest()


def _spell(cell: Any) -> str:
    """Spell a cell the same in every process."""
    return repr(sorted(map(repr, cell)) if isinstance(cell, (set, frozenset)) else cell)
