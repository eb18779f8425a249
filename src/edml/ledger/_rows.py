"""Scores as rows of the database, and rows of the database as tables."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.ledger._moments import EARLIEST
from edml.ledger._pseudonyms import Pseudonyms
from edml.schema import (
    COURSE,
    PARTITION,
    PERIOD,
    STUDENT,
    BoolArray,
    FloatArray,
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
# CROSS JOIN: go through the runs, and find the entries of each by their key
_SELECT = """
SELECT runs.time, entries.run, runs.version, entries.student, entries.course, day,
    probability, flagged, within_capacity, reasons
FROM runs CROSS JOIN entries ON entries.run = runs.id
WHERE runs.time >= ? AND runs.time < ?
"""
_OF_STUDENT = " AND entries.student = ?"
_LAST_OF_HISTORY = """
    AND entries.student = (SELECT id FROM students WHERE student = ?)
    AND entries.course IN (SELECT id FROM courses WHERE course = ?)
ORDER BY runs.time DESC, runs.id DESC LIMIT 1
"""
_UNUSED = (  # each reads all entries
    "DELETE FROM reasons WHERE id NOT IN (SELECT reasons FROM entries)",
    "DELETE FROM courses WHERE id NOT IN (SELECT course FROM entries)",
)
_UNUSED_STUDENTS = "DELETE FROM students WHERE id NOT IN (SELECT student FROM entries)"
_FIELDS = np.dtype(
    [
        ("time", np.int64),
        ("run", np.int64),
        ("version", np.float64),
        ("student", np.int64),
        ("course", np.int64),
        ("day", np.int64),
        ("probability", np.float64),
        ("flagged", np.bool_),
        ("within_capacity", np.int8),
        ("reasons", np.int64),
    ]
)


@dataclass(frozen=True)
class Scores:
    """A checked list: distinct names, and each entry's place in them."""

    students: list[str]
    courses: list[tuple[str, str]]
    reasons: list[str]
    student: IntArray
    course: IntArray
    day: IntArray
    probability: FloatArray
    flagged: BoolArray
    within_capacity: IntArray
    reason: IntArray

    def __len__(self) -> int:
        return len(self.day)


def read_scores(
    scores: pd.DataFrame,
    columns: Mapping[str, str] | None,
    capacity: int | None,
    pseudonyms: Pseudonyms,
) -> Scores:
    """Check a table of `score_students`, and return what the entries hold."""
    if not isinstance(scores, pd.DataFrame):
        message = (
            "scores must be the DataFrame that score_students returns; found "
            f"{type(scores).__name__}."
        )
        raise TypeError(message)
    table = canonical_names(scores, resolve_columns(columns))
    check_table(table, [STUDENT, COURSE, PARTITION, "probability", "flagged"])
    n = len(table)
    for name in (STUDENT, COURSE):
        check_keys(table[name])
    histories = history_codes(table[STUDENT], table[COURSE])
    n_repeated = n - len(np.unique(histories))
    if n_repeated:
        message = (
            f"scores must hold one row for each student and course; {n_repeated} of "
            f"{n} rows repeat one. Pass what score_students returns."
        )
        raise TableError(message)
    probability = read_probabilities(table["probability"]) if n else np.empty(0)
    within = np.full(n, _UNKNOWN)
    if capacity is not None:
        order = np.argsort(-probability, kind="stable")
        courses = table[COURSE].iloc[order]
        within[order] = courses.groupby(courses, sort=False).cumcount() < capacity
    student, students = pd.factorize(table[STUDENT].to_numpy(dtype=object))
    periods = table[PERIOD].fillna("").astype(str) if PERIOD in table else [""] * n
    names = table[COURSE].to_numpy(dtype=object)  # far faster to go through
    course, units = _distinct(list(zip(names, periods, strict=True)))
    reasons = table["reason_features"] if "reason_features" in table else [()] * n
    reason, sets = _distinct([",".join(features) for features in reasons])
    return Scores(
        students=pseudonyms.spell(students),
        courses=[(spell_key(one), period) for one, period in units],
        reasons=sets,
        student=student,
        course=course,
        day=read_partitions(table[PARTITION]),
        probability=probability,
        flagged=read_flags(table["flagged"], "flagged") if n else np.empty(0, np.bool_),
        within_capacity=within,
        reason=reason,
    )


def read_histories(
    scores: pd.DataFrame,
    columns: Mapping[str, str] | None,
    pseudonyms: Pseudonyms,
) -> list[tuple[str, str]]:
    """Return the student and course of each row, as the ledger spells them."""
    table = canonical_names(scores, resolve_columns(columns))
    check_table(table, [STUDENT, COURSE])
    for name in (STUDENT, COURSE):
        check_keys(table[name])
    students = pseudonyms.spell(table[STUDENT])
    return [*zip(students, map(spell_key, table[COURSE]), strict=True)]


def _distinct(values: list[Any]) -> tuple[IntArray, list[Any]]:
    """Return each value's place among the distinct ones."""
    place = {value: k for k, value in enumerate(dict.fromkeys(values))}
    return np.array([place[value] for value in values], dtype=np.int64), [*place]


def insert(connection: sqlite3.Connection, run: int, scores: Scores) -> None:
    """Insert the entries of a run, and the names that are new."""
    if not len(scores):
        return
    students = _number(
        connection,
        "INSERT OR IGNORE INTO students (student) VALUES (?)",
        "SELECT id FROM students WHERE student = ?",
        [(name,) for name in scores.students],
    )[scores.student]
    courses = _number(
        connection,
        "INSERT OR IGNORE INTO courses (course, period) VALUES (?, ?)",
        "SELECT id FROM courses WHERE course = ? AND period = ?",
        scores.courses,
    )[scores.course]
    reasons = _number(
        connection,
        "INSERT OR IGNORE INTO reasons (names) VALUES (?)",
        "SELECT id FROM reasons WHERE names = ?",
        [(names,) for names in scores.reasons],
    )[scores.reason]
    order = np.lexsort((courses, students))  # that of the table
    columns = (
        *(np.full(len(scores), run), students, courses, scores.day),
        *(scores.probability, scores.flagged, scores.within_capacity, reasons),
    )
    connection.executemany(
        "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        zip(*(column[order].tolist() for column in columns), strict=True),
    )


def _number(
    connection: sqlite3.Connection,
    add: str,
    find: str,
    names: Sequence[tuple[str, ...]],
) -> IntArray:
    """Return the number of each name in the database; add those that are new."""
    connection.executemany(add, names)
    found = (connection.execute(find, name).fetchone()[0] for name in names)
    return np.fromiter(found, dtype=np.int64, count=len(names))


def select_runs(connection: sqlite3.Connection, since: int, until: int) -> pd.DataFrame:
    """Return the runs of a time, the earliest first."""
    found = connection.execute(
        "SELECT * FROM runs WHERE time >= ? AND time < ? ORDER BY time, id",
        (since, until),
    )
    names = [column[0] for column in found.description]
    runs = pd.DataFrame.from_records(found.fetchall(), columns=names)
    runs["time"] = to_times(runs["time"].to_numpy(dtype=np.int64))
    whole = dict.fromkeys(("version", "capacity"), "Int64")
    text = dict.fromkeys(("source", "registry", "model_hash", "events"), "str")
    return runs.rename(columns={"id": "run"}).astype(
        {**whole, **text, "threshold": np.float64}
    )


def select(
    connection: sqlite3.Connection,
    since: int,
    until: int,
    student: str | None = None,
    courses: Sequence[str] | None = None,
) -> np.ndarray[Any, Any]:
    """Return the entries of a time as numbers, the earliest and most at risk first."""
    if student is None:
        found = connection.execute(_SELECT, (since, until))
    else:
        number = find_student(connection, student) or 0  # which no student has
        found = connection.execute(_SELECT + _OF_STUDENT, (since, until, number))
    entries = np.fromiter(found, dtype=_FIELDS)
    if courses is not None:
        find = "SELECT id FROM courses WHERE course = ?"
        wanted = [
            number
            for course in courses
            for (number,) in connection.execute(find, (course,))
        ]
        entries = entries[np.isin(entries["course"], wanted)]
    order = np.lexsort((-entries["probability"], entries["run"], entries["time"]))
    return entries[order]


def select_previous(
    connection: sqlite3.Connection, keys: Sequence[tuple[str, str]], until: int
) -> np.ndarray[Any, Any]:
    """Return the last entry of each student and course before a moment, or zeros."""
    found = np.zeros(len(keys), dtype=_FIELDS)
    for place, (student, course) in enumerate(keys):
        asked = (EARLIEST, until, student, course)
        row = connection.execute(_SELECT + _LAST_OF_HISTORY, asked).fetchone()
        if row is not None:
            found[place] = row
    return found


def find_student(connection: sqlite3.Connection, student: str) -> int | None:
    """Return the number of a student, as the ledger spells the id."""
    find = "SELECT id FROM students WHERE student = ?"
    row = connection.execute(find, (student,)).fetchone()
    return None if row is None else int(row[0])


def to_table(
    connection: sqlite3.Connection, entries: np.ndarray[Any, Any]
) -> pd.DataFrame:
    """Return entries with the names of their students, courses and reasons."""
    courses = connection.execute("SELECT id, course, period FROM courses").fetchall()
    reasons = connection.execute("SELECT id, names FROM reasons").fetchall()
    students = connection.execute("SELECT id, student FROM students").fetchall()
    within = entries["within_capacity"]
    return pd.DataFrame(
        {
            "time": to_times(entries["time"]),
            "run": entries["run"],
            "version": pd.array(entries["version"], dtype="Int64"),
            "student": _take(dict(students), entries["student"]),
            "course": _take({k: name for k, name, _ in courses}, entries["course"]),
            "period": _take({k: period for k, _, period in courses}, entries["course"]),
            "day": entries["day"],
            "probability": entries["probability"],
            "flagged": entries["flagged"],
            "within_capacity": pd.arrays.BooleanArray(within == 1, within == _UNKNOWN),
            "reasons": _take(
                {k: tuple(text.split(",") if text else ()) for k, text in reasons},
                entries["reasons"],
                object,
            ),
        }
    )


def to_times(microseconds: IntArray) -> pd.DatetimeIndex:
    """Return moments of the database."""
    return pd.to_datetime(microseconds, unit="us", utc=True)


def _take(names: Mapping[int, Any], numbers: IntArray, dtype: Any = "str") -> Any:
    """Return the name of each number."""
    known = pd.Series(list(names.values()), dtype=dtype).array
    return known.take(pd.Index(list(names), dtype=np.int64).get_indexer(numbers))


def delete_student(connection: sqlite3.Connection, student: str) -> int:
    """Delete a student, and the runs of nobody else; return the number of entries."""
    number = find_student(connection, student)
    if number is None:
        return 0
    of_student = "SELECT runs.id FROM runs CROSS JOIN entries ON entries.run = runs.id "
    runs = connection.execute(
        of_student + "AND entries.student = ?", (number,)
    ).fetchall()
    done = connection.executemany(
        "DELETE FROM entries WHERE run = ? AND student = ?",
        [(run, number) for (run,) in runs],
    )
    connection.executemany(
        "DELETE FROM runs WHERE id = ? AND NOT EXISTS "
        "(SELECT 1 FROM entries WHERE run = runs.id)",
        runs,
    )
    connection.execute("DELETE FROM students WHERE id = ?", (number,))
    for statement in _UNUSED:
        connection.execute(statement)
    return done.rowcount


def delete_runs(connection: sqlite3.Connection, until: int) -> int:
    """Delete the runs before a moment; return their number."""
    connection.execute(
        "DELETE FROM entries WHERE run IN (SELECT id FROM runs WHERE time < ?)",
        (until,),
    )
    n_runs = connection.execute("DELETE FROM runs WHERE time < ?", (until,)).rowcount
    for statement in (*_UNUSED, _UNUSED_STUDENTS):
        connection.execute(statement)
    return n_runs
