"""The event table as it was on an earlier day."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._sklearn import check_aligned
from edml.schema import (
    PARTITION,
    check_table,
    known_partitions,
    read_epochs,
    read_partitions,
    resolve_columns,
)

_READ = (PARTITION, "score", "s_submitted_at", "s_graded_at")


def as_of(
    X: pd.DataFrame,
    p: float | ArrayLike,
    *,
    columns: Mapping[str, str] | None = None,
    partition_days: float = 1.0,
) -> pd.DataFrame:
    """Return the event table as the platform showed it at the end of a partition.

    Later rows are dropped, and scores and grading times not yet known are removed: a
    score is known from the partition in which it was graded.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table.
    p : float or array-like of shape (n_rows,)
        The partition, or one for each row, which shows several moments in one table. A
        row without a partition is of partition 0.
    columns : mapping of str to str or None, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    partition_days : float, default=1.0
        Length of a partition in days.

    Returns
    -------
    shown : DataFrame of shape (n_shown, n_columns)
        A new table of the rows up to ``p``, in order, with their index. The final grade
        is kept: it is never a feature.

    Raises
    ------
    TableError
        If the partition, the score or one of its two dates is absent or cannot be read.

    Examples
    --------
    >>> from edml.datasets import as_of, load_activity
    >>> X = load_activity()
    >>> early = as_of(X, 12)
    >>> float(early["particion"].max())
    12.0
    >>> known, in_the_end = early["score"], X.loc[early.index, "score"]
    >>> bool(known.notna().sum() < in_the_end.notna().sum())
    True
    """
    if np.ndim(p):
        check_aligned(X, p=p)
    else:
        check_scalar(p, "p", Real)
    check_scalar(
        partition_days, "partition_days", Real, min_val=0, include_boundaries="neither"
    )
    names = resolve_columns(columns)
    partition_name, score, submitted, graded = (names[name] for name in _READ)
    check_table(X, [partition_name])
    partition = read_partitions(X[partition_name])
    end = np.broadcast_to(np.asarray(p, dtype=np.float64), partition.shape)
    seen = partition <= end
    shown = X.loc[seen].copy()
    if not {submitted, graded} <= set(X.columns):  # each score is known at once
        return shown
    check_table(X, [score, submitted, graded])
    known = known_partitions(
        partition, read_epochs(X[submitted]), read_epochs(X[graded]), partition_days
    )
    later = (known > end)[seen]
    if later.any():
        shown[score] = shown[score].mask(later)
        shown[graded] = shown[graded].mask(later)
    return shown
