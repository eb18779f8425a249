"""Ledger: every list of scores that was made, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import pandas as pd

from edml.ledger._changes import lead_times, read_failing, weekly_changes
from edml.ledger._database import Database
from edml.ledger._moments import Moment, read_moment, read_span
from edml.ledger._pseudonyms import Pseudonyms
from edml.ledger._rows import (
    delete_runs,
    delete_student,
    insert,
    read_histories,
    read_scores,
    select,
    select_previous,
    select_runs,
    to_table,
)
from edml.schema import fingerprint, spell_key

_RUN = """
INSERT INTO runs (
    time, source, registry, version, model_hash, events, threshold, capacity, n_entries
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Ledger:
    """A file to which every list of scores is appended, and in which none changes.

    It answers what was said about a student and when, by which model, and how scores
    move from week to week. It is an SQLite database: several processes may append at
    once, and a run that is interrupted leaves nothing behind.

    Parameters
    ----------
    path : str or path-like
        The file. The first `append` creates it, readable by its owner only.
    key : bytes, default=None
        A secret of at least 16 bytes, preferably 32 random ones. Students' ids are then
        stored as their HMAC-SHA256 under this key, and the file does not say who they
        are. Without the key it can be read, but no student can be found in it.
    timeout : float, default=30.0
        Seconds to wait for other processes that write.

    Raises
    ------
    LedgerError
        If the file is no ledger, of a later format or damaged, or its ids are
        pseudonyms under another key.

    Notes
    -----
    An entry holds the student's and the course's id, the period, the course day, the
    probability, whether the student was flagged and within the contact capacity, and
    the names of the features behind the reasons. It holds no grade, date or name of a
    student.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from edml.ledger import Ledger
    >>> scores = pd.DataFrame(  # as RiskClassifier.score_students returns them
    ...     {
    ...         "user_uuid": ["ann", "ben", "cho"],
    ...         "course_uuid": "algebra",
    ...         "particion": 20,
    ...         "probability": [0.9, 0.4, 0.1],
    ...         "flagged": [True, False, False],
    ...     }
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     ledger = Ledger(Path(folder, "ledger.db"))
    ...     run = ledger.append(scores, version=3, capacity=2, threshold=0.5)
    ...     runs, entries = ledger.runs(), ledger.entries(student="ben")
    >>> runs[["run", "version", "threshold", "capacity", "n_entries"]]
       run  version  threshold  capacity  n_entries
    0    1        3        0.5         2          3
    >>> entries[["day", "probability", "flagged", "within_capacity"]]
       day  probability  flagged  within_capacity
    0   20          0.4    False             True
    """

    __module__ = "edml.ledger"

    def __init__(
        self,
        path: str | PathLike[str],
        key: bytes | None = None,
        *,
        timeout: float = 30.0,
    ) -> None:
        self.path = Path(fspath(path))
        self._pseudonyms = Pseudonyms(key)
        self._database = Database(self.path, timeout)
        if self.path.exists():
            self._check_key(needs_ids=False)

    def __repr__(self) -> str:
        kind = ", with pseudonyms" if self._pseudonyms.check else ""
        return f"Ledger({str(self.path)!r}{kind})"

    def append(
        self,
        scores: pd.DataFrame,
        *,
        version: int | None,
        registry: str | None = None,
        model_hash: str | None = None,
        events: pd.DataFrame | str | None = None,
        threshold: float | None = None,
        capacity: int | None = None,
        columns: Mapping[str, str] | None = None,
        source: str = "python",
        time: Moment | None = None,
    ) -> int:
        """Append a run: all of its entries, or none.

        Parameters
        ----------
        scores : DataFrame of shape (n_entries, n_columns)
            What `RiskClassifier.score_students` returned: one row for each student and
            course. A column ``period`` is kept as well.
        version : int or None
            The model's version in its registry; None if it has none.
        registry : str, default=None
            The registry's name.
        model_hash : str, default=None
            SHA-256 of the model's file, which differs between two registries.
        events : DataFrame or str, default=None
            The events that were scored, or their `edml.schema.fingerprint`. Only the
            fingerprint is stored.
        threshold : float, default=None
            The probability at and above which students were flagged.
        capacity : int, default=None
            How many students of a course can be contacted. Those with the highest
            probabilities are within it; ties go to the first in the list.
        columns : mapping of str to str, default=None
            The names of the key columns in ``scores``, by canonical name, if they
            differ.
        source : str, default="python"
            What made the list, such as "predict".
        time : str, datetime or timedelta, default=None
            When the list was made, in UTC if it has no time zone; None is now.

        Returns
        -------
        run : int
            The number of the run. It is on the disk: neither a kill nor a power
            failure loses it.

        Raises
        ------
        TableError
            If ``scores`` lacks a column, or repeats a student in a course.
        ValueError
            If ``capacity`` or ``time`` is invalid.
        LedgerError
            If the file cannot be written, or the key is not the ledger's. Nothing of
            the run is stored then.
        """
        if capacity is not None and (
            not isinstance(capacity, Integral) or capacity < 0
        ):
            message = f"capacity must be a whole number from 0 on; found {capacity!r}."
            raise ValueError(message)
        read = read_scores(scores, columns, capacity, self._pseudonyms)
        moment = read_moment(datetime.now(UTC) if time is None else time, "time")
        digest = fingerprint(events) if isinstance(events, pd.DataFrame) else events
        described = (
            *(moment, source, registry, version, model_hash, digest),
            *(threshold, capacity, len(read)),
        )
        self._database.create(self._pseudonyms.check)
        self._check_key(needs_ids=True)
        with self._database.writing() as connection:
            run = int(connection.execute(_RUN, described).lastrowid or 0)
            insert(connection, run, read)
        return run

    def runs(
        self, since: Moment | None = None, until: Moment | None = None
    ) -> pd.DataFrame:
        """Return one row for each run, the earliest first.

        Parameters
        ----------
        since, until : str, datetime or timedelta, default=None
            Runs from ``since`` on, and before ``until``. A timedelta counts back from
            now; a date without a time zone is in UTC.

        Returns
        -------
        runs : DataFrame of shape (n_runs, 10)
            ``run``, ``time`` (UTC), ``source``, ``registry``, ``version``,
            ``model_hash``, ``events``, ``threshold``, ``capacity`` and ``n_entries``,
            which counts those that were erased later, too.

        Raises
        ------
        LedgerError
            If there is no such file, or it cannot be read.
        """
        with self._database.reading() as connection:
            return select_runs(connection, *read_span(since, until))

    def entries(
        self,
        since: Moment | None = None,
        until: Moment | None = None,
        *,
        student: object = None,
        course: object = None,
    ) -> pd.DataFrame:
        """Return one row for each student, course and run, the earliest first.

        Parameters
        ----------
        since, until : str, datetime or timedelta, default=None
            Entries from ``since`` on, and before ``until``, as for `runs`.
        student, course : str or int, default=None
            Only those of this id.

        Returns
        -------
        entries : DataFrame of shape (n_entries, 11)
            ``time`` (UTC), ``run``, ``version``, ``student``, ``course``, ``period``
            ("" if unknown), ``day`` of the course, ``probability``, ``flagged``,
            ``within_capacity`` (null without a capacity), and ``reasons``, a tuple of
            the features' names. Within a run, the highest probability is first.

        Raises
        ------
        LedgerError
            If there is no such file, or a student is asked for without the key.
        """
        name = None if student is None else self._find(student)
        with self._database.reading() as connection:
            entries = select(
                connection,
                *read_span(since, until),
                student=name,
                courses=_spell(course),
            )
            return to_table(connection, entries)

    def previous(
        self,
        scores: pd.DataFrame,
        before: Moment | None = None,
        *,
        columns: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return what was last said about the students of a list, some time ago.

        Parameters
        ----------
        scores : DataFrame of shape (n_rows, n_columns)
            A list of `RiskClassifier.score_students`, or any table with its two keys.
        before : str, datetime or timedelta, default=None
            Only what was said before this moment, or so long ago. None is 6.5 days,
            which finds last week's list, even if it was made some hours later.
        columns : mapping of str to str, default=None
            The names of the keys in ``scores``, by canonical name, if they differ.

        Returns
        -------
        previous : DataFrame of shape (n_rows, 7)
            ``time``, ``run``, ``version``, ``day``, ``probability``, ``flagged`` and
            ``within_capacity`` as in `entries`, with the index of ``scores``; null
            where nothing was said.

        Raises
        ------
        TableError
            If ``scores`` lacks a key.
        LedgerError
            If there is no such file, or the key is missing.
        """
        moment = read_moment(
            timedelta(days=6.5) if before is None else before, "before"
        )
        keys = read_histories(scores, columns, self._pseudonyms)
        self._check_key(needs_ids=True)
        with self._database.reading() as connection:
            entries = select_previous(connection, keys, moment)
            table = to_table(connection, entries)
        table = table.drop(columns=["student", "course", "period", "reasons"])
        table = table.astype({"run": "Int64", "day": "Int64", "flagged": "boolean"})
        return table.mask(table["run"] == 0).set_index(scores.index)

    def changes(
        self,
        since: Moment | None = None,
        until: Moment | None = None,
        *,
        course: object = None,
    ) -> pd.DataFrame:
        """Return how scores and flags moved, one row per week.

        Of each student and course, the last entry of a week counts. It is compared with
        that of the week before.

        Parameters
        ----------
        since, until : str, datetime or timedelta, default=None
            Entries from ``since`` on, and before ``until``, as for `runs`.
        course : str, int or list of these, default=None
            Only this course, or these.

        Returns
        -------
        changes : DataFrame of shape (n_weeks, 12)
            ``week``, its Monday in UTC; ``n_students``, each counted once per course;
            ``n_versions`` of models; ``flagged_share``; ``mean``, ``lower_quartile``,
            ``median`` and ``upper_quartile`` of the probabilities; ``n_compared``, the
            students with an entry in the week before as well, and of these the
            ``flip_rate`` (the share whose flag changed), ``mean_change`` and
            ``mean_absolute_change`` of the probability. Shares are fractions.

        Raises
        ------
        LedgerError
            If there is no such file, or it cannot be read.
        """
        with self._database.reading() as connection:
            entries = select(
                connection, *read_span(since, until), courses=_spell(course)
            )
        return weekly_changes(entries)

    def lead_time(
        self,
        outcomes: pd.DataFrame,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> pd.DataFrame:
        """Return how long before the end each failing student was flagged.

        Parameters
        ----------
        outcomes : DataFrame
            One row for each student and course, with the columns ``student``,
            ``course``, ``fails`` (0 or 1), and if it is known the ``date`` on which the
            course ended or the student left; without one, the end is the last entry.
        since, until : str, datetime or timedelta, default=None
            Entries from ``since`` on, and before ``until``, as for `runs`.

        Returns
        -------
        lead : DataFrame of shape (n_failing, 8)
            ``student``, ``course``, ``n_told`` (entries up to the end),
            ``first_flagged`` and ``first_within_capacity`` (UTC), ``end``, and
            ``lead_days_flagged`` and ``lead_days_within_capacity``, the days from these
            to the end; null where it never was.

        Raises
        ------
        TableError
            If ``outcomes`` lacks a column, or repeats a student in a course.
        LedgerError
            If there is no such file, or the key is missing.
        """
        failing = read_failing(outcomes)
        ids = failing["student"]
        self._check_key(needs_ids=True)
        spelled = failing.assign(student=self._pseudonyms.spell(ids))
        return lead_times(spelled, self.entries(since, until)).assign(student=ids)

    def export(self, student: object) -> dict[str, Any]:
        """Return everything that is stored about a student, for example on request.

        Parameters
        ----------
        student : str or int
            The student's id.

        Returns
        -------
        stored : dict
            In JSON form: the ``student`` as stored, and the ``entries``, each with what
            `entries` returns and the ``source``, ``registry``, ``model_hash``,
            ``events``, ``threshold`` and ``capacity`` of its run.

        Raises
        ------
        LedgerError
            If there is no such file, or the key is missing.
        """
        name = self._find(student)
        with self._database.reading() as connection:
            entries = to_table(
                connection, select(connection, *read_span(), student=name)
            )
            runs = select_runs(connection, *read_span())
        described = entries.merge(
            runs.drop(columns=["time", "version", "n_entries"]), on="run"
        )
        described["time"] = [time.isoformat() for time in described["time"]]
        described["reasons"] = described["reasons"].map(list)
        plain = described.drop(columns="student").astype(object)
        return {
            "student": name,
            "entries": plain.where(plain.notna(), None).to_dict("records"),
        }

    def erase(self, student: object) -> int:
        """Erase a student, so that no file of the ledger holds a byte of the id.

        Runs that were about nobody else are erased as well. The whole file is
        rewritten, which needs free space of twice its size.

        Parameters
        ----------
        student : str or int
            The student's id.

        Returns
        -------
        n_entries : int
            How many entries were erased.

        Raises
        ------
        LedgerError
            If there is no such file, the key is missing, or another process keeps
            reading the old bytes. Repeat the call then, also after a kill.
        """
        name = self._find(student)
        with self._database.writing() as connection:
            n_entries = delete_student(connection, name)
        self._database.wipe()
        return n_entries

    def prune(self, older_than: Moment) -> int:
        """Erase the runs before a moment, and students without later ones.

        Parameters
        ----------
        older_than : str, datetime or timedelta
            A moment, in UTC without a time zone; or the age of the runs to keep.

        Returns
        -------
        n_runs : int
            How many runs were erased.

        Raises
        ------
        LedgerError
            If there is no such file, or another process keeps reading the old bytes.
            Repeat the call then, also after a kill.
        """
        moment = read_moment(older_than, "older_than")
        self._check_key(needs_ids=False)
        with self._database.writing() as connection:
            n_runs = delete_runs(connection, moment)
        self._database.wipe()
        return n_runs

    def _find(self, student: object) -> str:
        """Spell a student's id as the ledger does."""
        self._check_key(needs_ids=True)
        return self._pseudonyms.spell([student])[0]

    def _check_key(self, *, needs_ids: bool) -> None:
        with self._database.reading() as connection:
            found = "SELECT value FROM settings WHERE name = 'key'"
            stored: Any = connection.execute(found).fetchone()[0]
        self._pseudonyms.compare(stored, self.path, needs_ids)


def _spell(course: object) -> list[str] | None:
    if course is None:
        return None
    return [*map(spell_key, course if isinstance(course, list) else [course])]
