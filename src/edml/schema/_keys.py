"""Read keys, histories, snapshots, and when a score becomes known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edml.exceptions import TableError
from edml.schema._columns import COURSE, PARTITION, SNAPSHOT_KEYS, STUDENT, check_table
from edml.schema._dtypes import factorize, row_error
from edml.schema._readers import LARGEST_PARTITION, read_partitions
from edml.schema._types import FloatArray, IntArray

SECONDS_PER_DAY = 86_400


def check_keys(column: pd.Series) -> None:
    """Raise a `TableError` if a key is null."""
    null = column.isna().to_numpy()
    if null.any():
        remedy = "Drop them, or fix the join."
        raise row_error(column, null, "have no value", remedy, code="no_value")


def count_spellings(column: pd.Series) -> tuple[int, int]:
    """Count the ids that are another one but for how they are spelled, and all ids.

    White space around an id, its case, leading zeros and a final '.0' are spelling.
    """
    ids = pd.Series(column.dropna().unique()).astype("str")
    return len(ids) - plain_spellings(ids).nunique(), len(ids)


def plain_spellings(ids: pd.Series) -> pd.Series:
    """Return ids as text without what is spelling, as `count_spellings` says."""
    plain = ids.str.strip().str.casefold().str.removesuffix(".0")
    return plain.str.replace(r"^0+(?=\d+$)", "", regex=True)


def factorize_keys(column: pd.Series) -> IntArray:
    """Encode keys as numbers from 0, without gaps; a null is an error.

    In a column of texts and numbers, as spreadsheets have, '1004' and 1004 are one key.
    """
    return _factorize(column)[0]


def rank_keys(column: pd.Series) -> IntArray:
    """Encode keys as `factorize_keys` does, but in their sorted order.

    The numbers therefore do not depend on the order of the rows.
    """
    codes, found = _factorize(column)
    # As objects, ids sort identically whether stored as text, str or categories.
    keys = np.fromiter(found, dtype=object, count=len(found))
    rank, _ = pd.factorize(keys, sort=True)
    return rank.astype(np.int64)[codes]


def _factorize(column: pd.Series) -> tuple[IntArray, list[Any]]:
    codes, found = factorize(column)
    if len(codes) and codes.min() < 0:
        check_keys(column)
    if len({isinstance(key, str) for key in found}) > 1:
        joined, texts = pd.factorize(np.array([spell_key(key) for key in found]))
        codes, found = joined.astype(np.int64)[codes], list(texts)
    return codes, found


def spell_key(key: object) -> str:
    """Write a key as text: 1004 and 1004.0 are '1004'."""
    if isinstance(key, float) and key.is_integer():
        return str(int(key))  # a column with nulls holds 1004 as 1004.0
    return str(key)


def combine_codes(first: IntArray, second: IntArray) -> IntArray:
    """Join two columns of codes into one; equal pairs get equal codes."""
    width = int(second.max()) + 1 if len(second) else 1
    return first.astype(np.int64) * width + second


def distinct_codes(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct codes, ascending, and the place of each code in them."""
    bound = int(codes.max()) + 1 if len(codes) else 0
    if bound > 8 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)
    present = np.zeros(bound, dtype=bool)  # a flag per code is faster than sorting
    present[codes] = True
    place = np.cumsum(present)[codes]
    place -= 1
    return np.flatnonzero(present), place


def history_codes(students: pd.Series, courses: pd.Series) -> IntArray:
    """Encode the histories, each a student in a course, from 0 without gaps."""
    pairs = combine_codes(factorize_keys(students), factorize_keys(courses))
    return distinct_codes(pairs)[1]


def snapshot_codes(X: pd.DataFrame, columns: Mapping[str, str]) -> IntArray:
    """Encode the snapshots, each a student, course and partition.

    ``columns`` holds the actual names of the three key columns.
    """
    check_table(X, [columns[key] for key in SNAPSHOT_KEYS])
    partitions, _ = pd.factorize(read_partitions(X[columns[PARTITION]]))
    history = history_codes(X[columns[STUDENT]], X[columns[COURSE]])
    return combine_codes(history, partitions)


def first_rows(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first row of each code, ascending, and each row's place in them."""
    place, _ = pd.factorize(codes)  # numbered by appearance, hence in order
    rows = np.flatnonzero(np.diff(np.maximum.accumulate(place), prepend=-1))
    return rows, place.astype(np.int64, copy=False)


def latest_rows(X: pd.DataFrame, columns: Mapping[str, str]) -> IntArray:
    """Return the first row of each history's latest snapshot, as a position.

    They are ordered by student and then by course, as these first appear. ``columns``
    holds the actual names of the key columns.
    """
    partition = read_partitions(X[columns[PARTITION]])
    history = history_codes(X[columns[STUDENT]], X[columns[COURSE]])
    return latest_positions(history, partition)


def latest_positions(history: IntArray, partition: IntArray) -> IntArray:
    """Return what `latest_rows` does, from the rows' history codes and partitions."""
    last = np.zeros(int(history.max()) + 1 if len(history) else 0, dtype=np.int64)
    np.maximum.at(last, history, partition)
    candidates = np.flatnonzero(partition == last[history])
    _, first = np.unique(history[candidates], return_index=True)
    rows: IntArray = candidates[first]
    return rows


def check_outcomes(y: ArrayLike, rows: IntArray, place: IntArray) -> None:
    """Raise a `TableError` if a snapshot has rows of two outcomes.

    ``rows`` and ``place`` are those of `first_rows`.
    """
    outcome, _ = pd.factorize(np.asarray(y))
    torn = np.unique(place[outcome != outcome[rows][place]])
    if len(torn):
        message = (
            f"{len(torn)} of {len(rows)} snapshots (a student, a course and a "
            "partition) have rows of two outcomes. A student has one outcome in a "
            "course: give each run of a course its own course_uuid, or correct y."
        )
        raise TableError(message)


def known_partitions(
    partition: IntArray,
    submitted: FloatArray,
    graded: FloatArray,
    partition_days: float,
) -> IntArray:
    """Return the partition from which each row's score is known.

    That is the row's own partition plus the UTC calendar days from submission to
    grading, both in epoch seconds, if both are given and grading came later.
    """
    days = graded // SECONDS_PER_DAY - submitted // SECONDS_PER_DAY
    # A fraction of a partition counts as a whole one.
    wait = np.ceil(np.nan_to_num(np.maximum(days, 0.0)) / partition_days)
    return partition + np.minimum(wait, LARGEST_PARTITION).astype(np.int64)
