"""The groups of an Evaluation: the values of a column, as labels."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.inspection._units import EvaluationUnits
from edml.schema import PERIOD, STUDENT, IntArray, read_periods, snapshot_codes

MISSING = "missing"  # the group of the units whose group is null


def read_group(
    units: EvaluationUnits, column: Hashable, limit: int
) -> tuple[IntArray, list[str]]:
    """Read the group of each unit from a column of ``X``.

    Return codes of shape (n_units,) into labels, in the order of the values, "missing"
    last. Raise for a column of more than ``limit`` groups, each of one student.
    """
    X, names = units.X, units.columns
    if not isinstance(X, pd.DataFrame):
        message = (
            f"by names columns of a DataFrame; X is of type {type(X).__name__}. Pass "
            "the table with its columns."
        )
        raise TableError(message)
    if list(X.columns).count(column) != 1:
        message = (
            f"by names the column {column!r}, which X needs once; it has "
            f"{list(X.columns)}. Name one of them."
        )
        raise TableError(message)
    if column in {names[STUDENT], names["legajo"]}:
        raise TableError(_names_students(column))
    if column == names[PERIOD]:  # in either of its two forms
        every, found, _ = read_periods(X[column])
    else:
        every, found = pd.factorize(X[column])
    if units.course is not None:
        _check_constant(column, every, snapshot_codes(X, names))
    codes = every[units.rows]
    pairs = pd.DataFrame({"group": codes, "student": units.students})
    if len(np.unique(codes)) > limit and _is_one_to_one(pairs.drop_duplicates()):
        raise TableError(_names_students(column))
    return _sort_groups(codes, list(found))


def _names_students(column: Hashable) -> str:
    return (
        f"by names the column {column!r}, whose values are single students. Name a "
        "column of groups, such as the period, the campus or the degree."
    )


def _is_one_to_one(pairs: pd.DataFrame) -> bool:
    return bool(pairs["group"].is_unique and pairs["student"].is_unique)


def _check_constant(column: Hashable, codes: IntArray, snapshots: IntArray) -> None:
    pairs = pd.DataFrame({"snapshot": snapshots, "group": codes}).drop_duplicates()
    changing = int(pairs["snapshot"].duplicated().sum())
    if changing:
        message = (
            f"A snapshot is in one group; the column {column!r} of by= has several "
            f"values, or values and nulls, in {changing} of them. Name a column of the "
            "student, the course or the day, or fill it."
        )
        raise TableError(message)


def _sort_groups(codes: IntArray, found: list[Any]) -> tuple[IntArray, list[str]]:
    held = sorted(set(codes[codes >= 0].tolist()))
    try:
        held.sort(key=lambda code: found[code])
    except TypeError:  # values of mixed types
        held.sort(key=lambda code: (type(found[code]).__name__, str(found[code])))
    labels = [str(found[code]) for code in held]
    if (codes < 0).any():
        # A group that is itself called "missing" keeps its name.
        labels.append(MISSING if MISSING not in labels else f"{MISSING} (null)")
    place = np.full(len(found) + 1, len(held), dtype=np.int64)
    place[held] = np.arange(len(held))
    return place[codes], labels  # null is code -1: the last place
