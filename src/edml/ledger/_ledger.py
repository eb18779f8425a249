"""Ledger: what was told about each student, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime
from numbers import Integral

import pandas as pd

from edml.ledger._deletion import delete_runs, delete_student
from edml.ledger._moments import Moment, read_moment
from edml.ledger._reader import LedgerReader
from edml.ledger._rows import insert, read_scores
from edml.schema import fingerprint

_RUN = """
INSERT INTO runs (
    time, source, registry, version, model_hash, events, threshold, capacity, n_entries
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Ledger(LedgerReader):
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
