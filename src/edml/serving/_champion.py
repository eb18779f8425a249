"""ChampionWatch: the production model of a registry, looked at again and again."""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from edml.exceptions import RegistryError
from edml.registry import ModelRecord, ModelRegistry
from edml.serving._scorer import Scorer

_LOGGER = logging.getLogger("edml.serving")
_PRODUCTION = "production"
_RETRY_AFTER_POLLS = 15  # a refused model is tried again, for its file may be mended


@dataclass(frozen=True)
class Champion:
    """A model that is served, and what is known of it.

    Parameters
    ----------
    name : str
        Of the registry.
    record : ModelRecord
        Of the version.
    scorer : Scorer
        The model, ready.
    """

    name: str
    record: ModelRecord
    scorer: Scorer

    @property
    def version(self) -> int:
        """Its number in the registry."""
        return self.record.version


class _Identity(NamedTuple):
    """What tells a model from all others, of one registry or of its successor."""

    version: int
    created_at: str
    files: str

    @classmethod
    def of(cls, record: ModelRecord) -> "_Identity":
        hashes = sorted((name, str(file)) for name, file in record.files.items())
        return cls(record.version, record.created_at, str(hashes))


class ChampionWatch:
    """Holds the champion, and takes the next one as soon as it is promoted.

    A request takes the champion that is there when it begins, and keeps it to its
    end. Whatever happens to the registry (it is deleted, damaged, unreadable, or
    without a champion), the last good one is served on.

    Parameters
    ----------
    registry : ModelRegistry
        Where the champion is.
    poll_seconds : float
        How often to look, > 0.
    on_change : callable, default=None
        Called with the new champion.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        poll_seconds: float,
        on_change: Callable[[Champion], None] | None = None,
    ) -> None:
        self.name = registry.name
        self._registry = registry
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        self._champion: Champion | None = None
        self._held: _Identity | None = None
        self._refused: tuple[_Identity, float] | None = None
        self._problem: str | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._runs_in: int | None = None  # the process whose thread looks

    @property
    def champion(self) -> Champion | None:
        """The model that is served, None before there is one."""
        return self._champion

    @property
    def problem(self) -> str | None:
        """Why the last look did not go well, None if it did."""
        return self._problem

    def look(self) -> None:
        """Take the present champion, if it is another one and in order."""
        with self._lock:
            try:
                record = self._registry.record(_PRODUCTION)
                self._take(record)
            except RegistryError as error:
                self._note(str(error))
            except Exception as error:  # whatever it is: the old one is served on
                self._note(f"{type(error).__name__} while the registry was read.")

    def _take(self, record: ModelRecord) -> None:
        identity = _Identity.of(record)
        if identity == self._held:
            self._note(None)
            return
        if self._refused is not None:
            refused, until = self._refused
            if refused == identity and time.monotonic() < until:
                return
        try:
            scorer = Scorer(self._registry.load(record.version))
        except Exception as error:  # whatever it is: a broken one is not served
            wait = _RETRY_AFTER_POLLS * self._poll_seconds
            self._refused = (identity, time.monotonic() + wait)
            why = str(error) if isinstance(error, RegistryError) else _kind(error)
            self._note(f"Version {record.version} is refused: {why}")
            return
        champion = Champion(self.name, record, scorer)
        self._champion, self._held, self._refused = champion, identity, None
        self._note(None)
        _LOGGER.info(
            "champion", extra={"edml": {"name": self.name, "version": record.version}}
        )
        if self._on_change is not None:
            self._on_change(champion)

    def _note(self, problem: str | None) -> None:
        """Remember how a look went, and log it once."""
        if problem is not None and problem != self._problem:
            version = None if self._champion is None else self._champion.version
            _LOGGER.warning(
                "registry",
                extra={"edml": {"problem": problem, "version_served": version}},
            )
        self._problem = problem

    def start(self) -> None:
        """Look from now on in a thread of this process, once."""
        if self._runs_in == os.getpid():  # a fork has no threads of its parent
            return
        with self._lock:
            if self._runs_in == os.getpid():
                return
            self._runs_in = os.getpid()
            threading.Thread(
                target=_look_on,
                args=(weakref.ref(self), self._stop, self._poll_seconds),
                name="edml-champion",
                daemon=True,
            ).start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()


def _look_on(
    watch: "weakref.ref[ChampionWatch]", stop: threading.Event, seconds: float
) -> None:
    while not stop.wait(seconds):
        found = watch()
        if found is None:  # its app is gone
            return
        found.look()
        del found  # while it waits, nothing keeps the app


def _kind(error: Any) -> str:
    return f"{type(error).__name__} while made-up students were scored."
