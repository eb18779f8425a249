"""Outbox: what is to be sent to MLflow, on the disk until the server has it."""

import json
import os
import re
import secrets
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from edml.exceptions import TrackingError
from edml.tracking._store import public_uri, resolve_uri

DEFAULT_FOLDER = ".edml-outbox"
FORMAT = 1
_LOCK_SECONDS = 5.0
_TEMPORARY = ".tmp-"
_ABANDONED_SECONDS = 3600
BEGIN, END = 0, 999_999_999  # the order of a search's first and last event
_NAME = re.compile(r"([0-9a-f]{32})-(\d{9})\.json")
_FIELDS: dict[str, dict[str, type]] = {
    "begin": {"target": str, "experiment": str, "started": int, "tags": dict},
    "candidate": {"name": str, "status": str, "started": int, "ended": int},
    "end": {"status": str, "ended": int},
}

Event = dict[str, Any]


class Outbox:
    """A folder of events, one file each, which are there whole or not at all.

    An event is a mapping that JSON can hold, with the ``kind`` "begin", "candidate"
    or "end", the ``search`` it belongs to, 32 hexadecimal digits, and its ``order``
    in it. It holds what a search tried and scored, and nothing of its table.

    Parameters
    ----------
    folder : str or Path
        Made when the first event is added.
    """

    __module__ = "edml.tracking"

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).absolute()

    def __repr__(self) -> str:
        return f"Outbox({str(self.folder)!r})"

    def add(self, event: Event) -> Path:
        """Write an event through to the disk.

        Parameters
        ----------
        event : dict
            One of the same search and order is replaced.

        Returns
        -------
        path : Path
            Its file.

        Raises
        ------
        OSError
            If the disk is full or fails.
        ValueError
            If it is no event.
        """
        _check(event)
        data = json.dumps({"format": FORMAT, **event}, allow_nan=False)
        self._make_folder()
        path = self._path(event)
        temporary = self.folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        return path

    def events(self, search: str | None = None) -> list[Event]:
        """Read what was not sent yet.

        Parameters
        ----------
        search : str, default=None
            Of this search alone.

        Returns
        -------
        events : list of dict
            By search and order. A file that cannot be read, or holds something else,
            is set aside and left out.
        """
        found = []
        for name in self._names():
            if search is not None and not name.startswith(search):
                continue
            event = self._read(self.folder / name)
            if event is not None:
                found.append(event)
        return found

    def done(self, event: Event) -> None:
        """Remove an event that the server has.

        Parameters
        ----------
        event : dict
            As `events` gives it; may be gone already.
        """
        self._path(event).unlink(missing_ok=True)

    def set_aside(self, event: Event) -> Path:
        """Keep an event that the server will never take, under another name.

        Parameters
        ----------
        event : dict
            As `events` gives it.

        Returns
        -------
        path : Path
            Where it is now; it ends in ``.refused``.
        """
        path = self._path(event)
        with suppress(FileNotFoundError):
            return path.replace(path.with_suffix(".refused"))
        return path

    def searches(self) -> list[str]:
        """Give the searches of which something was not sent."""
        return sorted({name[:32] for name in self._names()})

    @contextmanager
    def written(self, search: str) -> Iterator[None]:
        """Tell other processes that a search goes on, while the block runs.

        However the process ends, it has then ended for the others too.

        Parameters
        ----------
        search : str
            Which.

        Raises
        ------
        Timeout
            If another one writes it.
        """
        self._make_folder()
        # others hold it for an instant, to see whether it is held
        with FileLock(self._lock_path(search, "writer"), timeout=_LOCK_SECONDS):
            yield

    def is_written(self, search: str) -> bool:
        """Tell whether the process of a search is alive, and not done with it."""
        return self._is_held(search, "writer")

    @contextmanager
    def sent(self, search: str) -> Iterator[bool]:
        """Give whether this process is the one that may send a search.

        Parameters
        ----------
        search : str
            Which.

        Yields
        ------
        mine : bool
            False if another one sends it; true for as long as the block runs.
        """
        self._make_folder()
        lock = FileLock(self._lock_path(search, "sender"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def forget(self, search: str) -> None:
        """Remove the locks of a search that is sent whole."""
        for role in ("writer", "sender"):
            with suppress(OSError):  # Windows removes no file that is open
                self._lock_path(search, role).unlink(missing_ok=True)

        self._tidy()

    def _tidy(self) -> None:
        """Remove what writers left that were killed while they wrote."""
        for path in self.folder.glob(f"{_TEMPORARY}*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink(missing_ok=True)

    def _is_held(self, search: str, role: str) -> bool:
        path = self._lock_path(search, role)
        if not path.exists():
            return False
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
        return False

    def _lock_path(self, search: str, role: str) -> Path:
        return self.folder / f"{search}.{role}.lock"

    def _path(self, event: Event) -> Path:
        return self.folder / f"{event['search']}-{event['order']:09d}.json"

    def _make_folder(self) -> None:
        # errors and parameters are nobody else's business
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.folder) as entries:
                names = [entry.name for entry in entries]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if _NAME.fullmatch(name))

    def _read(self, path: Path) -> Event | None:
        try:
            event: Event = json.loads(path.read_text(encoding="utf-8"))
            _check(event)
            if self._path(event) != path or event.get("format") != FORMAT:
                raise ValueError
        except FileNotFoundError:  # somebody else has sent it
            return None
        except (ValueError, RecursionError):
            with suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
            return None
        return event


def _check(event: Any) -> None:
    """Refuse what is no event; its values are looked at when it is sent."""
    kind = event.get("kind") if isinstance(event, dict) else None
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        message = f"An event has one of the kinds {sorted(_FIELDS)}."
        raise ValueError(message)
    needed = {"search": str, "order": int, **fields}
    wrong = [name for name, kind in needed.items() if type(event.get(name)) is not kind]
    if wrong or not _NAME.fullmatch(f"{event['search']}-{event['order']:09d}.json"):
        message = f"An event needs a search, an order, and {list(fields)}: see {wrong}."
        raise ValueError(message)


def resend(
    folder: str | os.PathLike[str] | None = None, tracking_uri: str | None = None
) -> int:
    """Send to a server what could not be sent to it before.

    Parameters
    ----------
    folder : str or Path, default=None
        The outbox; None is ``.edml-outbox`` in the working directory.
    tracking_uri : str, default=None
        The server; None is the file ``mlflow.db`` in the working directory. What was
        meant for another one stays.

    Returns
    -------
    n_events : int
        How many events were sent.

    Raises
    ------
    TrackingError
        If the server does not take all; the rest stays.
    """
    from edml.tracking._sender import Sender  # noqa: PLC0415 - it imports this file

    uri = resolve_uri(tracking_uri)
    outbox = Outbox(DEFAULT_FOLDER if folder is None else folder)
    searches = outbox.searches()
    if not searches:
        return 0
    report = Sender(outbox, uri).wait()
    report.warn(outbox)
    if report.error:
        n_left = len(outbox.events())
        message = (
            f"Expected MLflow at {public_uri(uri)} to take what is in {outbox.folder}; "
            f"{n_left} events are left. {report.error}"
        )
        raise TrackingError(message)
    if report.others:
        warnings.warn(
            f"{outbox.folder} also holds searches for {', '.join(report.others)}; "
            "they stay. Sync with that address to send them.",
            UserWarning,
            stacklevel=2,
        )
    return report.n_sent
