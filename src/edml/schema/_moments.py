"""Who and when: keys, histories, snapshots, and when a score is known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edml.exceptions import TableError
from edml.schema._codes import combine_codes, distinct_codes
from edml.schema._columns import COURSE, PARTITION, SNAPSHOT_KEYS, STUDENT, check_table
from edml.schema._dtypes import factorize, plain, row_error
from edml.schema._readers import LARGEST_PARTITION, read_partitions
from edml.schema._types import FloatArray, IntArray

SECONDS_PER_DAY = 86_400


def check_keys(column: pd.Series) -> None:
    """Check that a key column has no null.

    Parameters
    ----------
    column : Series
        The column of students or courses.

    Raises
    ------
    TableError
        If a key is null.
    """
    values = plain(column)
    if isinstance(values, np.ndarray) and (
        pd.api.types.infer_dtype(values, skipna=False) == "string"
    ):
        return  # no null among them: three times faster than looking for one
    null = column.isna().to_numpy()
    if null.any():
        raise row_error(column, null, "have no value", "Drop them, or mend the join.")


def factorize_keys(column: pd.Series) -> IntArray:
    """Give each value of a key column a number.

    Parameters
    ----------
    column : Series
        The column of students or courses.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        Equal for equal values, and only then; from 0, without gaps.

    Raises
    ------
    TableError
        If a key is null.
    """
    codes, _ = factorize(column)
    if len(codes) and codes.min() < 0:
        check_keys(column)
    return codes


def rank_keys(column: pd.Series) -> IntArray:
    """Give each value of a key column its rank among the sorted keys.

    Parameters
    ----------
    column : Series
        The column of students or courses.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        From 0, without gaps. The order of the rows plays no part.

    Raises
    ------
    TableError
        If a key is null.
    """
    codes = factorize_keys(column)
    found = column[~pd.Series(codes).duplicated().to_numpy()]
    # As objects, ids sort alike whether they came as text, str or categories.
    rank, _ = pd.factorize(found.to_numpy(dtype=object), sort=True)
    return rank.astype(np.int64)[codes]


def known_partitions(
    partition: IntArray,
    submitted: FloatArray,
    graded: FloatArray,
    partition_days: float,
) -> IntArray:
    """Give the partition from which each score is known.

    That is the row's own partition, plus the UTC calendar days from submission
    to grading where both dates are given and grading came later.

    Parameters
    ----------
    partition : ndarray of shape (n_rows,)
        The rows' own partitions.
    submitted, graded : ndarray of shape (n_rows,)
        Epoch seconds, NaN where missing.
    partition_days : float
        Length of a partition in days; a part of a partition counts as one.

    Returns
    -------
    known : ndarray of shape (n_rows,)
    """
    days = graded // SECONDS_PER_DAY - submitted // SECONDS_PER_DAY
    wait = np.ceil(np.nan_to_num(np.maximum(days, 0.0)) / partition_days)
    return partition + np.minimum(wait, LARGEST_PARTITION).astype(np.int64)


def snapshot_codes(X: pd.DataFrame, columns: Mapping[str, str]) -> IntArray:
    """Give each snapshot of an event table a number.

    Parameters
    ----------
    X : DataFrame
        An event table, or what `FeatureEngineer` gives.
    columns : mapping of str to str
        Actual names of the three key columns, by canonical name.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        Equal for two rows of one student, course and partition, and only then.
    """
    check_table(X, [columns[key] for key in SNAPSHOT_KEYS])
    partitions, _ = pd.factorize(read_partitions(X[columns[PARTITION]]))
    history = history_codes(X[columns[STUDENT]], X[columns[COURSE]])
    return combine_codes(history, partitions)


def first_rows(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Find the first row of each code.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Such as `snapshot_codes` gives.

    Returns
    -------
    rows : ndarray of shape (n_codes,)
        Positions of the first rows, ascending.
    place : ndarray of shape (n_rows,)
        For each row, the place of its code in ``rows``.
    """
    place, _ = pd.factorize(codes)  # numbered by appearance, hence in order
    rows = np.flatnonzero(~pd.Series(place).duplicated().to_numpy())
    return rows, place.astype(np.int64, copy=False)


def check_outcomes(y: ArrayLike, rows: IntArray, place: IntArray) -> None:
    """Check that all rows of a snapshot have one outcome.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        The outcome of each row.
    rows, place : ndarray
        What `first_rows` gave for the snapshots.

    Raises
    ------
    TableError
        If a snapshot has two outcomes.
    """
    outcome, _ = pd.factorize(np.asarray(y))
    torn = np.unique(place[outcome != outcome[rows][place]])
    if len(torn):
        message = (
            f"{len(torn)} of {len(rows)} snapshots (a student, a course and a "
            "partition) have rows of two outcomes. A student has one outcome in a "
            "course: give each run of a course its own course_uuid, or mend y."
        )
        raise TableError(message)


def history_codes(students: pd.Series, courses: pd.Series) -> IntArray:
    """Give each history, a student in a course, a number from 0, without gaps.

    Parameters
    ----------
    students, courses : Series
        The two key columns.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
    """
    return join_histories(factorize_keys(students), factorize_keys(courses))


def join_histories(students: IntArray, courses: IntArray) -> IntArray:
    """Give each history a number, as `history_codes` does, from the keys' codes."""
    return distinct_codes(combine_codes(students, courses))[1]


def latest_rows(X: pd.DataFrame, columns: Mapping[str, str]) -> IntArray:
    """Return the first row of each history's latest snapshot, as a position.

    The histories come in the order of their first appearance; ``columns`` holds the
    actual names of the key columns.
    """
    partition = read_partitions(X[columns[PARTITION]])
    history = history_codes(X[columns[STUDENT]], X[columns[COURSE]])
    return latest_positions(history, partition)


def latest_positions(history: IntArray, partition: IntArray) -> IntArray:
    """Return what `latest_rows` does, from the rows' history codes and partitions."""
    last = np.zeros(int(history.max()) + 1 if len(history) else 0, dtype=np.int64)
    np.maximum.at(last, history, partition)
    candidates = np.flatnonzero(partition == last[history])
    # codes are numbered by first appearance, and unique sorts by them
    _, first = np.unique(history[candidates], return_index=True)
    rows: IntArray = candidates[first]
    return rows
