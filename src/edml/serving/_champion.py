"""ChampionWatch: keeps the production model of a registry up to date."""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from edml.exceptions import EdmlError, RegistryError
from edml.registry import PRODUCTION, ModelRecord, ModelRegistry
from edml.serving._scorer import Scorer

_LOGGER = logging.getLogger("edml.serving")
_RETRY_AFTER_POLLS = 15  # retry a rejected model: its file may be restored


@dataclass(frozen=True)
class Champion:
    """A served model, with the registry's name and its record."""

    name: str
    record: ModelRecord
    scorer: Scorer

    @property
    def version(self) -> int:
        return self.record.version


class ChampionWatch:
    """Holds the champion, and loads the next one as soon as it is promoted.

    A request uses the same champion from start to end. Whatever happens to the
    registry, the last good champion stays.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        poll_seconds: float,
        on_change: Callable[[Champion], None] | None = None,
    ) -> None:
        self.champion: Champion | None = None
        self.problem: str | None = None  # why the last check failed
        self._registry = registry
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        self._refused: tuple[object, float] | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._runs_in: int | None = None  # the process whose thread checks

    def look(self) -> None:
        """Load the current champion, if it has changed and is usable."""
        with self._lock:
            try:
                self._load(self._registry.record(PRODUCTION))
            except RegistryError as error:
                self._note(str(error))
            except Exception as error:  # on any error the old champion stays
                self._note(f"{type(error).__name__} while the registry was read.")

    def _load(self, record: ModelRecord) -> None:
        identity = _identity(record)
        if self.champion is not None and _identity(self.champion.record) == identity:
            self._note(None)
            return
        if self._refused is not None:
            refused, until = self._refused
            if refused == identity and time.monotonic() < until:
                return
        try:
            scorer = Scorer(self._registry.load(record.version))
        except Exception as error:  # never serve a broken model
            wait = _RETRY_AFTER_POLLS * self._poll_seconds
            self._refused = (identity, time.monotonic() + wait)
            why = f"{type(error).__name__} while made-up students were scored."
            if isinstance(error, EdmlError):
                why = str(error)
            self._note(f"Version {record.version} cannot be served: {why}")
            return
        self.champion = Champion(self._registry.name, record, scorer)
        self._refused = None
        self._note(None)
        line = {"name": self._registry.name, "version": record.version}
        _LOGGER.info("champion", extra={"edml": line})
        if self._on_change is not None:
            self._on_change(self.champion)

    def _note(self, problem: str | None) -> None:
        """Store the result of a check, and log a problem once."""
        if problem is not None and problem != self.problem:
            version = None if self.champion is None else self.champion.version
            line = {"problem": problem, "version_served": version}
            _LOGGER.warning("registry", extra={"edml": line})
        self.problem = problem

    def start(self) -> None:
        """Start the checking thread of this process, once."""
        if self._runs_in == os.getpid():  # a fork does not inherit its parent's threads
            return
        with self._lock:
            if self._runs_in == os.getpid():
                return
            self._runs_in = os.getpid()
            threading.Thread(
                target=_keep_looking,
                args=(weakref.ref(self), self._stop, self._poll_seconds),
                name="edml-champion",
                daemon=True,
            ).start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()


def _identity(record: ModelRecord) -> object:
    """Return a unique identity of a model, also for a replaced registry."""
    hashes = sorted((name, str(file)) for name, file in record.files.items())
    return record.version, record.created_at, hashes


def _keep_looking(
    watch: "weakref.ref[ChampionWatch]", stop: threading.Event, seconds: float
) -> None:
    while not stop.wait(seconds):
        found = watch()
        if found is None:  # its app is gone
            return
        found.look()
        del found  # the wait would keep the app alive
