"""ChampionWatch: keeps the production model of a registry up to date."""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from edml.exceptions import EdmlError
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
        pull: Callable[[], object] | None = None,
    ) -> None:
        self.champion: Champion | None = None
        self.problem: str | None = None  # why the last check failed
        self.pulled_at = 0.0  # when the last pull succeeded, as `time.time`
        self._registry = registry
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        self._pull = pull  # brings the registry up to date with an object store
        self._refused: tuple[object, float, str] | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._runs_in: int | None = None  # the process whose thread checks

    def look(self, *, pull: bool = True) -> None:
        """Load the current champion, if it has changed and is usable.

        Where the registry is a copy of one in an object store, pull it first.
        """
        with self._lock:
            away = None
            if pull and self._pull is not None:
                away = _problem_of(self._pull, "the registry was pulled")
                self.pulled_at = self.pulled_at if away else time.time()
            problem = _problem_of(self._read, "the registry was read")
            self._note(away or problem)

    def _read(self) -> str | None:
        return self._load(self._registry.record(PRODUCTION))

    def _load(self, record: ModelRecord) -> str | None:
        """Load a version, and return why it cannot be served."""
        identity = _identity(record)
        if self.champion is not None and _identity(self.champion.record) == identity:
            return None
        if self._refused is not None:
            refused, until, why = self._refused
            if refused == identity and time.monotonic() < until:
                return why
        try:
            scorer = Scorer(self._registry.load(record.version))
        except Exception as error:  # never serve a broken model
            wait = _RETRY_AFTER_POLLS * self._poll_seconds
            why = f"{type(error).__name__} while made-up students were scored."
            if isinstance(error, EdmlError):
                why = str(error)
            problem = f"Version {record.version} cannot be served: {why}"
            self._refused = (identity, time.monotonic() + wait, problem)
            return problem
        self.champion = Champion(self._registry.name, record, scorer)
        self._refused = None
        line = {"name": self._registry.name, "version": record.version}
        _LOGGER.info("champion", extra={"edml": line})
        if self._on_change is not None:
            self._on_change(self.champion)
        return None

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
                args=(
                    weakref.ref(self),
                    self._stop,
                    self._poll_seconds,
                    0.0 if self._pull else self._poll_seconds,
                ),
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


def _problem_of(work: Callable[[], object], while_: str) -> str | None:
    """Do what may fail; on any error the old champion stays."""
    try:
        found = work()
    except EdmlError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__} while {while_}."
    return found if isinstance(found, str) else None


def _keep_looking(
    watch: "weakref.ref[ChampionWatch]",
    stop: threading.Event,
    seconds: float,
    first_after: float,
) -> None:
    wait = first_after
    while not stop.wait(wait):
        wait = seconds
        found = watch()
        if found is None:  # its app is gone
            return
        found.look()
        del found  # the wait would keep the app alive
