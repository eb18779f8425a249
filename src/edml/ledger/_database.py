"""The SQLite file of a ledger: its tables, transactions and errors."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from edml import _files
from edml._messages import coded
from edml.exceptions import LedgerError

FORMAT = 1  # raise it when tables change, and read the earlier ones
_APPLICATION = 0x65444C67  # "eDLg", in the file's header
_ONLY_OWNER = 0o600
_POLL_SECONDS = 0.05

# Ids, courses and sets of reasons are stored once; entries hold their numbers. The key
# of entries finds a student by one step per run; another index would double the file,
# and have each run write to all of it.
_TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    source TEXT NOT NULL,
    registry TEXT,
    version INTEGER,
    model_hash TEXT,
    events TEXT,
    threshold REAL,
    capacity INTEGER,
    n_entries INTEGER NOT NULL
);
CREATE INDEX runs_by_time ON runs (time);
CREATE TABLE students (id INTEGER PRIMARY KEY, student TEXT NOT NULL UNIQUE);
CREATE TABLE courses (
    id INTEGER PRIMARY KEY,
    course TEXT NOT NULL,
    period TEXT NOT NULL,
    UNIQUE (course, period)
);
CREATE TABLE reasons (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE entries (
    run INTEGER NOT NULL,
    student INTEGER NOT NULL,
    course INTEGER NOT NULL,
    day INTEGER NOT NULL,
    probability REAL NOT NULL,
    flagged INTEGER NOT NULL,
    within_capacity INTEGER NOT NULL,
    reasons INTEGER NOT NULL,
    PRIMARY KEY (run, student, course)
) WITHOUT ROWID;
"""


class Database:
    """A file of a known format; each transaction opens a connection.

    Connections are therefore never shared by threads, nor inherited by a fork.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.timeout = timeout  # seconds to wait for other processes

    def create(self, key: str) -> None:
        """Create the file with its tables, unless it is there; never a part of it."""
        if self.path.exists():
            return
        with self._errors():
            _files.make_folder(self.path.parent)
            draft = _files.temporary_path(self.path.parent)
            try:
                _files.write_file(draft, b"", _ONLY_OWNER)
                with closing(sqlite3.connect(draft, isolation_level=None)) as made:
                    made.execute("PRAGMA journal_mode = WAL")
                    made.executescript(_TABLES)
                    made.execute("INSERT INTO settings VALUES ('key', ?)", (key,))
                    made.execute(f"PRAGMA user_version = {FORMAT}")
                    made.execute(f"PRAGMA application_id = {_APPLICATION}")
                with suppress(FileExistsError):  # another process was first
                    _files.publish(draft, self.path)
            finally:
                draft.unlink(missing_ok=True)
            _files.sync_folder(self.path.parent)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open the file, whose format is checked, and read one state of it."""
        if not self.path.exists():
            message = f"There is no ledger {self.path}. Check the path."
            raise LedgerError(coded("no_ledger", message, name=self.path.name))
        with self._errors(), closing(self._connect()) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; on return it has reached the disk."""
        with self._errors(), closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection  # closing without a commit rolls back
            connection.execute("COMMIT")

    def wipe(self) -> None:
        """Write the file without the bytes of what was deleted, here and in its log."""
        with self._errors(), closing(self._connect()) as connection:
            connection.execute("VACUUM")
            end = time.monotonic() + self.timeout
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > end:  # a reader still needs the log
                    message = (
                        f"Deleted, but the bytes are still in {self.path}-wal: another "
                        "process has been reading the ledger for "
                        f"{self.timeout:g} seconds. Repeat the command when it is done."
                    )
                    raise LedgerError(coded("ledger_not_wiped", message))
                time.sleep(_POLL_SECONDS)

    def _connect(self) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            address, self.timeout, uri=True, isolation_level=None
        )
        try:
            self._check_format(connection)
            # both hold for a connection: zero what is deleted, and sync each commit
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_format(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != _APPLICATION:
            message = (
                f"Expected a ledger; {self.path} is another kind of file. Check the "
                "path."
            )
            raise LedgerError(coded("not_ledger", message, name=self.path.name))
        if found > FORMAT:
            message = (
                f"Expected a ledger of format {FORMAT}; {self.path} has format "
                f"{found}, of a later edml. Update edml."
            )
            raise LedgerError(coded("later_ledger", message, name=self.path.name))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise LedgerError(self._explain(error)) from error
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            message = (
                f"The ledger {self.path} could not be written: {reason}. Check the "
                "path and your permissions, and free disk space."
            )
            raise LedgerError(coded("ledger_not_written", message)) from error

    def _explain(self, error: sqlite3.DatabaseError) -> str:
        name = getattr(error, "sqlite_errorname", None) or type(error).__name__
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            message = (
                f"Expected the ledger {self.path} to be free within {self.timeout:g} "
                "seconds; another process is still writing. Try again later."
            )
            return coded("ledger_in_use", message)
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            message = (
                f"The ledger {self.path} is damaged, or another kind of file. Check "
                "the path, or restore the file from a backup."
            )
            return coded("damaged_ledger", message, name=self.path.name)
        message = (
            f"The ledger {self.path} could not be read or written ({name}); what it "
            "holds is unchanged. Free disk space, or check the permissions of the file "
            "and its folder."
        )
        return coded("ledger_failed", message)
