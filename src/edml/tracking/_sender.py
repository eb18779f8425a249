"""The process that sends an outbox to MLflow, and how it is started and ended.

It is a process of its own, of low priority: to import MLflow takes seconds, in which
a search would stand still, and its requests may hang. Its settings, among them that
MLflow tells nobody else what is done, are then not those of the user's process.
"""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edml.tracking._delivery import Delivery, deliver, read_begin
from edml.tracking._outbox import Outbox
from edml.tracking._store import describe, open_client, public_uri

_POLL_SECONDS = 0.1
_FIRST_PAUSE = 0.3
_LONGEST_PAUSE = 30.0  # seconds between attempts to reach a server that is down
_N_LAST = 3  # attempts when the search is over
# It works in the pauses of a search: folds wait for the one that it takes time from.
_NICENESS = 19
_COMMAND = "from edml.tracking._sender import main; main()"


@dataclass
class Report:
    """What a sender has done.

    Attributes
    ----------
    n_sent : int
        Number of events that the server took.
    runs : dict of str to str
        The parent run of each search.
    known : list of str
        The searches that were on the server before.
    refused : list of str
        What the server said of events that it will never take.
    others : list of str
        The addresses that other searches in the outbox are meant for.
    error : str
        Why it ended before its time; "" if it did not.
    """

    n_sent: int = 0
    runs: dict[str, str] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    error: str = ""

    def take(self, delivery: Delivery, search: str) -> None:
        """Add what a delivery has done since it was made."""
        self.n_sent += delivery.n_sent
        self.refused += delivery.refused
        delivery.n_sent, delivery.refused = 0, []
        if delivery.run_id is not None:
            self.runs[search] = delivery.run_id
        if delivery.was_there:
            self.known.append(search)

    def warn(self, outbox: Outbox) -> None:
        """Warn of what the server refused."""
        if self.refused:
            warnings.warn(
                f"MLflow refused {len(self.refused)} events, which are kept in "
                f"{outbox.folder} as *.refused. The first: {self.refused[0]}",
                UserWarning,
                stacklevel=4,
            )


class Sender:
    """A process that sends an outbox, started at once.

    Parameters
    ----------
    outbox : Outbox
        What to send.
    uri : str
        Where to; as `resolve_uri` gives it. It is in no command line.
    search : str, default=None
        The search that is being written: the process lives until its writer is gone
        and all is sent, or cannot be. None sends once what there is.
    """

    def __init__(self, outbox: Outbox, uri: str, search: str | None = None) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(  # noqa: S603 - this Python, our own words
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"},
            encoding="utf-8",
            **_apart(),
        )
        task = {"folder": str(outbox.folder), "uri": uri, "search": search}
        if self._process.stdin is not None:
            with suppress(OSError):  # it died; what it did not say is told by wait
                self._process.stdin.write(json.dumps(task))
                self._process.stdin.close()
        self._process.stdin = None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def wait(self, seconds: float | None = None) -> Report:
        """Wait until it has ended, and end it where it takes too long.

        Parameters
        ----------
        seconds : float, default=None
            Longest wait; None waits until all is sent or cannot be.

        Returns
        -------
        report : Report
            What it has said.
        """
        late = ""
        try:
            said, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said, _ = self._process.communicate()
            late = f"It was not done after {seconds:g} seconds."
        lines = [json.loads(x) for x in said.splitlines() if x.startswith("{")]
        report = Report(**lines[-1]) if lines else Report()
        if late:
            report.error = f"{late} {report.error}".strip()
        elif not report.error and self._process.returncode:
            report.error = f"The sender ended with code {self._process.returncode}."
        return report


def _apart() -> dict[str, Any]:
    """Start it where Ctrl-C, which ends a search early, does not reach it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def main() -> None:
    """Send what standard input names; say on standard output what was done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = json.load(sys.stdin)
    if task["search"] is not None and hasattr(os, "nice"):
        os.nice(_NICENESS)
    # MLflow prints a line for each run: the pipe would fill up, or be closed
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        _work(task)
    # all is sent and said; to take MLflow down in order lasts a third of a second, in
    # which a search that is over waits
    os._exit(0)


def _work(task: dict[str, Any]) -> None:
    outbox, uri, search = Outbox(task["folder"]), task["uri"], task["search"]
    report = Report()
    try:
        if search is None:
            _send_once(outbox, uri, report)
        else:
            _Attendant(outbox, uri, search, report).run()
    except Exception as error:
        report.error = describe(error, uri)
    _say(report)


def _say(report: Report) -> None:
    with suppress(OSError):  # nobody listens any more
        print(json.dumps(vars(report)), file=sys.__stdout__, flush=True)


def _send_once(outbox: Outbox, uri: str, report: Report) -> None:
    target = public_uri(uri)
    with open_client(uri) as client:
        for delivery in deliver(client, outbox, uri, target):
            report.take(delivery, delivery.search)
    begins = [read_begin(outbox, search) for search in outbox.searches()]
    targets = {begin["target"] for begin in begins if begin is not None}
    report.others = sorted(targets - {target})


class _Attendant:
    """Sends a search while it goes on, and what earlier ones have left."""

    def __init__(self, outbox: Outbox, uri: str, search: str, report: Report) -> None:
        self._outbox = outbox
        self._uri = uri
        self._search = search
        self._report = report
        self._delivery: Delivery | None = None
        self._pause = _FIRST_PAUSE

    def run(self) -> None:
        """Send until the writer is gone, and a few times more."""
        n_last = 0
        with self._outbox.sent(self._search) as mine:
            while mine:
                is_over = not self._outbox.is_written(self._search)
                try:
                    self._attend()
                except Exception as error:
                    self._note(error)
                    n_last += is_over
                    if n_last == _N_LAST:
                        return
                    self._rest(self._pause, is_over)
                    self._pause = min(2 * self._pause, _LONGEST_PAUSE)
                    continue
                break
        if mine:
            self._send_others()

    def _attend(self) -> None:
        """Send until all is sent; raise when the server cannot be reached."""
        with open_client(self._uri) as client:
            if self._delivery is not None:
                self._delivery.reconnect(client)
            while True:
                is_over = not self._outbox.is_written(self._search)
                if self._step(client, is_over) or is_over:
                    return
                time.sleep(_POLL_SECONDS)

    def _step(self, client: Any, is_over: bool) -> bool:
        if self._delivery is None:
            begin = read_begin(self._outbox, self._search)
            if begin is None:
                return False
            self._delivery = Delivery(client, self._outbox, begin, self._uri)
        try:
            whole = self._delivery.send(is_over=is_over)
        finally:
            self._report.take(self._delivery, self._search)
        self._report.error, self._pause = "", _FIRST_PAUSE
        return whole

    def _note(self, error: Exception) -> None:
        """Say why nothing is sent; who ends this process early reads it."""
        text = describe(error, self._uri)
        if text != self._report.error:
            self._report.error = text
            _say(self._report)

    def _rest(self, seconds: float, is_over: bool) -> None:
        """Wait, but not longer than the search takes; a moment where it is over."""
        if is_over:
            time.sleep(_FIRST_PAUSE)
            return
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._outbox.is_written(self._search):
            time.sleep(_POLL_SECONDS)

    def _send_others(self) -> None:
        """Send what earlier searches have left there."""
        target = public_uri(self._uri)
        with open_client(self._uri) as client:
            for delivery in deliver(
                client, self._outbox, self._uri, target, self._search
            ):
                self._report.take(delivery, delivery.search)
