"""What is judged: the snapshots of an event table, or the rows of another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml._sklearn import num_samples
from edml.schema import (
    STUDENT,
    IntArray,
    check_outcomes,
    factorize_keys,
    first_rows,
    is_event_table,
    snapshot_codes,
)
from edml.schema import latest_rows as latest_rows  # noqa: PLC0414 - users move soon


@dataclass(frozen=True)
class Units:
    """The rows that stand for the units of a table.

    Attributes
    ----------
    rows : ndarray of shape (n_units,)
        Positions, ascending: the first row of each snapshot, or every row.
    students : ndarray of shape (n_rows,) or None
        The student of every row of the table, from 0: by the column, or else by
        ``groups``; None where it is not told.
    groups : ndarray of shape (n_rows,) or None
        What was given as ``groups``, from 0.
    events : bool
        Whether it is an event table.
    described : bool
        Whether each row describes its history already, so that a row can be scored
        without the others.
    """

    rows: IntArray
    students: IntArray | None
    groups: IntArray | None
    events: bool
    described: bool


def read_units(
    X: Any, names: Mapping[str, str], groups: Any, fails: IntArray, *, described: bool
) -> Units:
    """Find the units of a table.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        An event table, or any other.
    names : mapping of str to str
        The actual names of the canonical columns.
    groups : array-like of shape (n_rows,) or None
        The students, taken instead of the column.
    fails : ndarray of shape (n_rows,)
        The outcomes, 0 or 1.
    described : bool
        Whether the steps that describe histories run before the folds.

    Returns
    -------
    units : Units

    Raises
    ------
    TableError
        If a key is null, or a snapshot has two outcomes.
    """
    events = is_event_table(X, names)
    together = None
    if groups is not None:
        together = factorize_keys(pd.Series(np.asarray(groups), name="groups"))
    students = together
    if isinstance(X, pd.DataFrame) and names[STUDENT] in X.columns:
        students = factorize_keys(X[names[STUDENT]])
    if events:
        rows, place = first_rows(snapshot_codes(X, names))
        check_outcomes(fails, rows, place)
    else:
        rows = np.arange(num_samples(X))
    return Units(rows, students, together, events, described or not events)
