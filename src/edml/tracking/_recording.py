"""Recording: one search on its way into the outbox, and the process that sends it."""

import os
import time
import uuid
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from edml.tracking._events import make_begin, make_candidate, to_milliseconds
from edml.tracking._outbox import Event, Outbox
from edml.tracking._sender import Report, Sender
from edml.tracking._store import public_uri

_LAST_WAIT = 5.0  # seconds, for a search of which nobody said that it is over


class Recording:
    """Writes the events of a search, while another process sends them.

    Parameters
    ----------
    outbox : Outbox
        Where the events wait.
    uri : str
        The store's address, as `resolve_uri` gives it.
    experiment : str
        The name of the experiment.
    run_name : str or None
        The name of the parent run.
    began : float
        When the search began, in seconds since 1970.
    history : str, default=""
        What `hash_history` gives, for a search that is over; also its id then.

    Attributes
    ----------
    search : str
        The id of the search.
    numbers : set of int
        The candidates that were written.

    Raises
    ------
    OSError
        If the outbox cannot be written, or no process started.
    """

    def __init__(
        self,
        outbox: Outbox,
        uri: str,
        experiment: str,
        run_name: str | None,
        began: float,
        history: str = "",
    ) -> None:
        self.search = history or uuid.uuid4().hex
        self.began = began
        self.numbers: set[int] = set()
        self._outbox = outbox
        self._writing = ExitStack()
        self._writing.enter_context(outbox.written(self.search))
        try:
            outbox.add(
                make_begin(
                    *(self.search, public_uri(uri), experiment, run_name),
                    to_milliseconds(began),
                    history,
                )
            )
            sender = Sender(outbox, uri, self.search)
        except BaseException:
            self._writing.close()
            raise
        self._sender: Sender | None = sender
        # where nobody says that the search is over, at the end of the program
        self._at_exit = weakref.finalize(
            self, _leave, self._writing, sender, os.getpid()
        )

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a candidate.

        Parameters
        ----------
        row : mapping of str to object
            What `ModelTuner.fit` hands to its callback.

        Raises
        ------
        OSError
            If the disk is full or fails.
        """
        self._outbox.add(make_candidate(self.search, row, self.began))
        self.numbers.add(int(row["number"]))

    def end(self, event: Event | None, seconds: float | None) -> Report:
        """Write the end, and wait until all is sent or cannot be.

        Parameters
        ----------
        event : dict or None
            The end; None where it is there.
        seconds : float or None
            Longest wait.

        Returns
        -------
        report : Report
            Of the sender.

        Raises
        ------
        OSError
            If the disk is full or fails.
        """
        try:
            if event is not None:
                self._outbox.add(event)
        finally:
            self._writing.close()
        self._at_exit.detach()
        sender, self._sender = self._sender, None
        return Report() if sender is None else sender.wait(seconds)

    def n_left(self) -> int:
        """Count its events that the server does not have."""
        return len(self._outbox.events(self.search))


def _leave(writing: ExitStack, sender: Sender, pid: int) -> None:
    if os.getpid() != pid:
        return  # in a fork, where to let go of the lock would free it for both
    writing.close()
    sender.wait(_LAST_WAIT)


def now() -> float:
    """Give the time, in seconds since 1970."""
    return time.time()
