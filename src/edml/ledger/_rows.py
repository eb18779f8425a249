"""Scores as rows of the database, and rows of the database as tables."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.ledger._pseudonyms import Pseudonyms
from edml.schema import (
    COURSE,
    PARTITION,
    PERIOD,
    STUDENT,
    IntArray,
    canonical_names,
    check_keys,
    check_table,
    history_codes,
    read_flags,
    read_partitions,
    read_probabilities,
    resolve_columns,
    spell_key,
)

_UNKNOWN = -1  # whether a student was within an unknown capacity
_INSERT = """
INSERT INTO entries VALUES (
    ?,
    (SELECT id FROM courses WHERE course = ? AND period = ?),
    (SELECT id FROM students WHERE student = ?),
    ?, ?, ?, ?,
    (SELECT id FROM reasons WHERE names = ?)
)
"""
_SELECT = """
SELECT entries.run, entries.course, entries.student, day, probability, flagged,
    within_capacity, reasons
FROM runs CROSS JOIN entries ON entries.run = runs.id
WHERE runs.time >= ? AND runs.time < ?
"""
# CROSS JOIN keeps SQLite from another order: entries first, by their index
_SELECT_STUDENT = """
SELECT entries.run, entries.course, entries.student, day, probability, flagged,
    within_capacity, reasons
FROM entries CROSS JOIN runs ON entries.run = runs.id
WHERE entries.student = ? AND runs.time >= ? AND runs.time < ?
"""
_NUMBERS = np.dtype(
    [
        ("run", np.int64),
        ("course", np.int64),
        ("student", np.int64),
        ("day", np.int64),
        ("probability", np.float64),
        ("flagged", np.bool_),
        ("within_capacity", np.int8),
        ("reasons", np.int64),
    ]
)


def read_scores(
    scores: pd.DataFrame,
    columns: Mapping[str, str] | None,
    capacity: int | None,
    pseudonyms: Pseudonyms,
) -> list[tuple[Any, ...]]:
    """Check a table of `score_students`, and return what each entry holds."""
    if not isinstance(scores, pd.DataFrame):
        message = (
            "scores must be the DataFrame that score_students returns; found "
            f"{type(scores).__name__}."
        )
        raise TypeError(message)
    table = canonical_names(scores, resolve_columns(columns))
    check_table(table, [STUDENT, COURSE, PARTITION, "probability", "flagged"])
    n = len(table)
    if not n:
        return []
    for name in (STUDENT, COURSE):
        check_keys(table[name])
    histories = history_codes(table[STUDENT], table[COURSE])
    n_repeated = n - int(histories.max()) - 1
    if n_repeated:
        message = (
            f"scores must hold one row for each student and course; {n_repeated} of "
            f"{n} rows repeat one. Pass what score_students returns."
        )
        raise TableError(message)
    probability = read_probabilities(table["probability"])
    periods = table[PERIOD].fillna("").astype(str) if PERIOD in table else [""] * n
    within = np.full(n, _UNKNOWN)
    if capacity is not None:
        order = np.argsort(-probability, kind="stable")
        courses = table[COURSE].iloc[order]
        within[order] = courses.groupby(courses, sort=False).cumcount() < capacity
    return list(
        zip(
            [spell_key(one) for one in table[COURSE]],
            periods,
            pseudonyms.spell(table[STUDENT]),
            read_partitions(table[PARTITION]).tolist(),
            probability.tolist(),
            read_flags(table["flagged"], "flagged").tolist(),
            within.tolist(),
            _reasons(table),
            strict=True,
        )
    )


def _reasons(table: pd.DataFrame) -> Iterator[str]:
    if "reason_features" not in table:
        return iter([""] * len(table))
    return (",".join(names) for names in table["reason_features"])


def insert(
    connection: sqlite3.Connection, run: int, rows: list[tuple[Any, ...]]
) -> None:
    """Insert the entries of a run, and the names that are new."""
    courses = {(course, period) for course, period, *_ in rows}
    students = {(row[2],) for row in rows}
    reasons = {(row[-1],) for row in rows}
    connection.executemany(
        "INSERT OR IGNORE INTO courses (course, period) VALUES (?, ?)", courses
    )
    connection.executemany(
        "INSERT OR IGNORE INTO students (student) VALUES (?)", students
    )
    connection.executemany("INSERT OR IGNORE INTO reasons (names) VALUES (?)", reasons)
    connection.executemany(_INSERT, ((run, *row) for row in rows))


def select_runs(connection: sqlite3.Connection, since: int, until: int) -> pd.DataFrame:
    """Return the runs of a time, the earliest first."""
    found = connection.execute(
        "SELECT * FROM runs WHERE time >= ? AND time < ? ORDER BY time, id",
        (since, until),
    )
    names = [column[0] for column in found.description]
    runs = pd.DataFrame.from_records(found.fetchall(), columns=names)
    runs["time"] = pd.to_datetime(runs["time"].astype(np.int64), unit="us", utc=True)
    whole = dict.fromkeys(("version", "capacity"), "Int64")
    text = dict.fromkeys(("source", "registry", "model_hash", "events"), "str")
    return runs.rename(columns={"id": "run"}).astype(
        {**whole, **text, "threshold": np.float64}
    )


def select_entries(
    connection: sqlite3.Connection,
    since: int,
    until: int,
    student: str | None,
    course: str | None,
) -> pd.DataFrame:
    """Return the entries of a time, the earliest and most at risk first."""
    if student is None:
        found = connection.execute(_SELECT, (since, until))
    else:
        one = "SELECT id FROM students WHERE student = ?"
        number = connection.execute(one, (student,)).fetchone() or (0,)
        found = connection.execute(_SELECT_STUDENT, (*number, since, until))
    numbers = np.fromiter(found, dtype=_NUMBERS)
    courses = connection.execute("SELECT id, course, period FROM courses").fetchall()
    if course is not None:
        wanted = [number for number, name, _ in courses if name == course]
        numbers = numbers[np.isin(numbers["course"], wanted)]
    runs = connection.execute("SELECT id, time, version FROM runs").fetchall()
    times = pd.Series({number: time for number, time, _ in runs}, dtype=np.int64)
    versions = pd.Series({number: one for number, _, one in runs}, dtype="Int64")
    time = times.loc[numbers["run"]].to_numpy()
    order = np.lexsort((-numbers["probability"], numbers["run"], time))
    numbers, time = numbers[order], time[order]
    within = numbers["within_capacity"]
    reasons = connection.execute("SELECT id, names FROM reasons").fetchall()
    students = connection.execute("SELECT id, student FROM students").fetchall()
    return pd.DataFrame(
        {
            "time": pd.to_datetime(time, unit="us", utc=True),
            "run": numbers["run"],
            "version": versions.loc[numbers["run"]].array,
            "student": _take(dict(students), numbers["student"]),
            "course": _take({k: name for k, name, _ in courses}, numbers["course"]),
            "period": _take({k: period for k, _, period in courses}, numbers["course"]),
            "day": numbers["day"],
            "probability": numbers["probability"],
            "flagged": numbers["flagged"],
            "within_capacity": pd.arrays.BooleanArray(within == 1, within == _UNKNOWN),
            "reasons": _take(
                {k: tuple(text.split(",") if text else ()) for k, text in reasons},
                numbers["reasons"],
                object,
            ),
        }
    )


def _take(names: Mapping[int, Any], numbers: IntArray, dtype: Any = "str") -> Any:
    """Return the name of each number."""
    known = pd.Series(list(names.values()), dtype=dtype).array
    return known.take(pd.Index(list(names), dtype=np.int64).get_indexer(numbers))
