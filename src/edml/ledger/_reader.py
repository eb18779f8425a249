"""LedgerReader: what was told, and how it changed."""

from collections.abc import Mapping
from datetime import timedelta
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import pandas as pd

from edml._messages import coded
from edml.exceptions import LedgerError
from edml.ledger._changes import lead_times, read_failing, weekly_changes
from edml.ledger._database import Database
from edml.ledger._moments import EARLIEST, LATEST, Moment, read_moment
from edml.ledger._pseudonyms import Pseudonyms
from edml.ledger._rows import (
    read_histories,
    select,
    select_previous,
    select_runs,
    to_table,
)
from edml.schema import spell_key


class LedgerReader:
    """The methods of `Ledger` that change nothing."""

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
            return select_runs(connection, *_span(since, until))

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
                *_span(since, until),
                student=name,
                courses=_spell(course),
            )
            return to_table(connection, entries)

    def previous(
        self,
        scores: pd.DataFrame,
        before: Moment = timedelta(days=6.5),
        *,
        columns: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return what was last said about the students of a list, some time ago.

        Parameters
        ----------
        scores : DataFrame of shape (n_rows, n_columns)
            A list of `RiskClassifier.score_students`, or any table with its two keys.
        before : str, datetime or timedelta, default=timedelta(days=6.5)
            Only what was said before this moment, or so long ago. The default finds
            last week's list, even if it was made some hours later in the day.
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
        keys = read_histories(scores, columns, self._pseudonyms)
        self._check_key(needs_ids=True)
        with self._database.reading() as connection:
            entries = select_previous(connection, keys, read_moment(before, "before"))
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
            entries = select(connection, *_span(since, until), courses=_spell(course))
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
            entries = to_table(connection, select(connection, *_span(), student=name))
            runs = select_runs(connection, *_span())
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

    def _find(self, student: object) -> str:
        """Spell a student's id as the ledger does."""
        self._check_key(needs_ids=True)
        return self._pseudonyms.spell([student])[0]

    def _check_key(self, *, needs_ids: bool) -> None:
        """Check that the key is the ledger's; without one, ids cannot be used."""
        with self._database.reading() as connection:
            found = "SELECT value FROM settings WHERE name = 'key'"
            stored: Any = connection.execute(found).fetchone()[0]
        given = self._pseudonyms.check
        if given == stored or not (given or needs_ids):
            return
        expected = f"Expected the key of the ledger {self.path}; found"
        if not stored:
            problem = "a key, but its ids are no pseudonyms. Leave the key out"
            message = f"{expected} {problem}, or begin another file."
            raise LedgerError(coded("ledger_without_key", message))
        if not given:
            problem = "no key, and its ids are pseudonyms. Pass the key"
            message = f"{expected} {problem}, or begin another file."
            raise LedgerError(coded("no_ledger_key", message))
        problem = "another key. Pass the one that it was begun with"
        message = f"{expected} {problem}, or begin another file."
        raise LedgerError(coded("other_ledger_key", message))


def _spell(course: object) -> list[str] | None:
    if course is None:
        return None
    return [
        spell_key(one) for one in (course if isinstance(course, list) else [course])
    ]


def _span(since: Moment | None = None, until: Moment | None = None) -> tuple[int, int]:
    return (
        EARLIEST if since is None else read_moment(since, "since"),
        LATEST if until is None else read_moment(until, "until"),
    )
