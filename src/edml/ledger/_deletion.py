"""Delete students and runs, and the names that only they used."""

import sqlite3

from edml.ledger._rows import find_student

_UNUSED = (  # each reads all entries
    "DELETE FROM reasons WHERE id NOT IN (SELECT reasons FROM entries)",
    "DELETE FROM courses WHERE id NOT IN (SELECT course FROM entries)",
)
_UNUSED_STUDENTS = "DELETE FROM students WHERE id NOT IN (SELECT student FROM entries)"


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
