"""Ledger: what was told about each student, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import pandas as pd

from edml.exceptions import LedgerError
from edml.ledger._database import Database
from edml.ledger._moments import EARLIEST, LATEST, read_moment
from edml.ledger._pseudonyms import Pseudonyms
from edml.ledger._rows import insert, read_scores, select_entries, select_runs
from edml.schema import fingerprint, spell_key

_RUN = """
INSERT INTO runs (
    time, source, registry, version, model_hash, events, threshold, capacity, n_entries
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
Moment = str | datetime | timedelta


class Ledger:
    """A file to which every list of scores is appended, and in which none changes.

    It answers what was told about a student and when, by which model, and how scores
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
            self._check_key(writes=False)

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
            SHA-256 of the model's file, which tells two registries apart.
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
        rows = read_scores(scores, columns, capacity, self._pseudonyms)
        moment = read_moment(datetime.now(UTC) if time is None else time, "time")
        digest = fingerprint(events) if isinstance(events, pd.DataFrame) else events
        described = (
            *(moment, source, registry, version, model_hash, digest),
            *(threshold, capacity, len(rows)),
        )
        self._database.create(self._pseudonyms.check)
        self._check_key(writes=True)
        with self._database.writing() as connection:
            run = int(connection.execute(_RUN, described).lastrowid or 0)
            insert(connection, run, rows)
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
            return select_entries(
                connection,
                *_span(since, until),
                student=name,
                course=None if course is None else spell_key(course),
            )

    def _find(self, student: object) -> str:
        """Spell a student's id as the ledger does."""
        self._check_key(writes=True)
        return self._pseudonyms.spell([student])[0]

    def _check_key(self, *, writes: bool) -> None:
        """Check that the key is the ledger's; without one it can only be read."""
        with self._database.reading() as connection:
            found = "SELECT value FROM settings WHERE name = 'key'"
            stored: Any = connection.execute(found).fetchone()[0]
        given = self._pseudonyms.check
        if given == stored or not (given or writes):
            return
        if not stored:
            problem = "a key, but its ids are no pseudonyms. Leave the key out"
        elif not given:
            problem = "no key, and its ids are pseudonyms. Pass the key"
        else:
            problem = "another key. Pass the one that it was begun with"
        message = (
            f"Expected the key of the ledger {self.path}; found {problem}, or begin "
            "another file."
        )
        raise LedgerError(message)


def _span(since: Moment | None, until: Moment | None) -> tuple[int, int]:
    return (
        EARLIEST if since is None else read_moment(since, "since"),
        LATEST if until is None else read_moment(until, "until"),
    )
