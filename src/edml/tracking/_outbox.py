"""The outbox: a folder with one file for each search that is not yet in MLflow.

A search is a file of JSON lines. Its writer appends to it and holds a lock while alive,
so that others notice a killed writer; the sender holds another lock. The file is
removed when the server has everything.
"""

import errno
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

DEFAULT_FOLDER = ".edml-outbox"
_ID = re.compile(r"[0-9a-f]{32}")
_LOCK_SECONDS = 5.0
_BEGIN = {"target": str, "experiment": str, "history": str}

Record = dict[str, Any]


class SearchLog:
    """The records of one search on the disk.

    A record is a JSON object (`_records`), and a search's id has 32 hexadecimal digits.
    """

    def __init__(self, folder: str | os.PathLike[str], search: str) -> None:
        self.folder = Path(folder).absolute()
        self.search = search
        self.path = self.folder / f"{search}.jsonl"

    def append(self, *records: Record, suffix: str = ".jsonl") -> None:
        """Append records and sync them to the disk, all or none."""
        lines = [json.dumps(record, allow_nan=False) for record in records]
        data = "".join(f"{line}\n" for line in lines).encode()
        self._make_folder()
        with self.path.with_suffix(suffix).open("ab", buffering=0) as file:
            start = file.tell()
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(start)
                raise

    def read(self, start: int = 0) -> tuple[list[Record], int]:
        """Return the records from a byte offset on, and the offset of the next one.

        An unfinished line is left for later. A damaged line is returned as a record
        with the single key "damaged".
        """
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                data = file.read()
        except FileNotFoundError:  # another process has sent it
            return [], start
        whole = data[: data.rfind(b"\n") + 1]
        return [_from_line(line) for line in whole.splitlines()], start + len(whole)

    def begin(self) -> Record | None:
        """Return the record that opens the search; None if it is missing or damaged."""
        try:
            with self.path.open("rb") as file:
                first = _from_line(file.readline())
        except FileNotFoundError:
            return None
        known = all(type(first.get(name)) is kind for name, kind in _BEGIN.items())
        return first if known else None

    def set_aside(self, record: Record, reason: str) -> None:
        """Keep a record that the server will never accept, with the reason."""
        self.append({"reason": reason, "record": record}, suffix=".rejected")

    def writer_lock(self) -> FileLock:
        """Return the lock that the process of the search holds while alive."""
        return self._lock("writer", _LOCK_SECONDS)  # others test it for an instant

    def sender_lock(self) -> FileLock:
        """Return the lock of the single process that may send the search."""
        return self._lock("sender", -1)

    def is_written(self) -> bool:
        """Check whether the process of the search is still writing."""
        if not self._lock_path("writer").exists():
            return False
        try:
            with self._lock("writer", 0):
                return False
        except Timeout:
            return True

    def remove(self) -> None:
        """Remove the file and its locks."""
        self.path.unlink(missing_ok=True)
        for role in ("writer", "sender"):
            with suppress(OSError):  # Windows cannot remove an open file
                self._lock_path(role).unlink(missing_ok=True)

    def _make_folder(self) -> None:
        # parameters and errors are private
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _lock(self, role: str, timeout: float) -> FileLock:
        self._make_folder()
        # a search may end in a different thread
        return FileLock(self._lock_path(role), timeout=timeout, thread_local=False)

    def _lock_path(self, role: str) -> Path:
        return self.folder / f"{self.search}.{role}.lock"


def find_pending(folder: str | os.PathLike[str]) -> list[SearchLog]:
    """Return the searches in a folder that were not sent completely.

    A file with a damaged first record is left alone: its server is unknown.
    """
    paths = sorted(Path(folder).glob("*.jsonl"))
    logs = [SearchLog(folder, one.stem) for one in paths if _ID.fullmatch(one.stem)]
    return [log for log in logs if log.begin() is not None]


def _from_line(line: bytes) -> Record:
    with suppress(ValueError, RecursionError):
        record = json.loads(line)
        if isinstance(record, dict):
            return record
    return {"damaged": line.decode("utf-8", "replace")}
