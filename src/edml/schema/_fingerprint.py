"""A fingerprint of data: tells whether two results are of the same rows."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def fingerprint(X: Any, y: ArrayLike | None = None) -> str:
    """Give the SHA-256 of a table's content, whatever the order of its rows.

    Parameters
    ----------
    X : DataFrame, array-like or sparse matrix of shape (n_rows, n_columns)
        The table; its index plays no part.
    y : array-like of shape (n_rows,), default=None
        Its labels.

    Returns
    -------
    digest : str
        64 hexadecimal digits. Equal for the same rows in any order; nothing of
        the rows can be read from it.
    """
    if hasattr(X, "toarray"):
        X = X.toarray()
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    rows = pd.util.hash_pandas_object(table, index=False).to_numpy()
    if y is not None:
        labels = pd.Series(np.asarray(y))
        # An odd factor: a row and its label are not interchangeable.
        rows = rows * np.uint64(31) + pd.util.hash_array(labels.to_numpy())
    digest = hashlib.sha256(repr([str(name) for name in table.columns]).encode())
    digest.update(np.sort(rows).astype("<u8").tobytes())
    return digest.hexdigest()
