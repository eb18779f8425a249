"""Recorder: appends answers to a ledger, and never delays or fails one."""

import atexit
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from edml.exceptions import LedgerError
from edml.schema import COURSE, PARTITION, STUDENT
from edml.serving._champion import Champion
from edml.serving._logs import LOGGER

if TYPE_CHECKING:
    from edml.ledger import Ledger

_MOST_ANSWERS = 256  # that wait to be written
_MOST_ROWS = 100_000  # of events in them, about 50 MB
_SECONDS_TO_END = 10.0


class _Answer(NamedTuple):
    champion: Champion
    X: pd.DataFrame
    predictions: Sequence[Mapping[str, Any]]
    time: datetime


class Recorder:
    """Writes to a ledger in a thread; what cannot be written is counted and logged."""

    def __init__(self, ledger: "Ledger", lost: Callable[[int], None]) -> None:
        self._ledger = ledger
        self._lost = lost  # receives how many students were not recorded
        self._waiting: queue.Queue[_Answer | None] = queue.Queue(_MOST_ANSWERS)
        self._rows = 0
        self._problem: str | None = None
        self._lock = threading.Lock()
        self._runs_in: int | None = None
        self._thread: threading.Thread | None = None

    def record(
        self,
        champion: Champion,
        X: pd.DataFrame,
        predictions: Sequence[Mapping[str, Any]],
    ) -> None:
        """Let an answer be written soon, if there is room."""
        if not predictions:
            return
        self._start()
        with self._lock:
            # one answer may exceed the limit, or it could never be written
            full = self._rows > 0 and self._rows + len(X) > _MOST_ROWS
        if not full:
            try:
                now = datetime.now(UTC)
                self._waiting.put_nowait(_Answer(champion, X, predictions, now))
            except queue.Full:
                full = True
            else:
                with self._lock:
                    self._rows += len(X)
        if full:
            self._lose(len(predictions), "Too many answers wait to be written.")

    def close(self, seconds: float = _SECONDS_TO_END) -> None:
        """Write what waits, within some seconds."""
        if self._thread is not None and self._runs_in == os.getpid():
            with suppress(queue.Full):
                self._waiting.put(None, timeout=seconds)
            self._thread.join(seconds)

    def _start(self) -> None:
        """Start the thread of this process, once: a fork inherits none."""
        if self._runs_in == os.getpid():
            return
        with self._lock:
            if self._runs_in == os.getpid():
                return
            self._runs_in = os.getpid()
            self._thread = threading.Thread(
                target=self._write_all, name="edml-ledger", daemon=True
            )
            self._thread.start()
            atexit.register(self.close)

    def _write_all(self) -> None:
        while (answer := self._waiting.get()) is not None:
            try:
                self._write(answer)
                self._problem = None
            except LedgerError as error:
                self._lose(len(answer.predictions), str(error))
            except Exception as error:  # the next answer may be written
                why = f"{type(error).__name__} while an answer was recorded."
                self._lose(len(answer.predictions), why)
            with self._lock:
                self._rows -= len(answer.X)

    def _write(self, answer: _Answer) -> None:
        champion, found = answer.champion, pd.DataFrame(answer.predictions)
        names = {"user_uuid": STUDENT, "course_uuid": COURSE, "partition": PARTITION}
        self._ledger.append(
            found.rename(columns=names),
            version=champion.version,
            registry=champion.name,
            model_hash=champion.record.model_hash,
            events=answer.X,
            threshold=float(found["threshold"].iloc[0]),
            source="serve",
            time=answer.time,
        )

    def _lose(self, n_students: int, why: str) -> None:
        self._lost(n_students)
        if why != self._problem:  # once, and not for every request
            self._problem = why
            LOGGER.error("ledger", extra={"edml": {"problem": why}})
