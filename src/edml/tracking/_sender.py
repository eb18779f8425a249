"""The sender process, which sends the outbox to MLflow.

It has low priority. It is separate because importing MLflow would block a search for
seconds, and requests may hang. Its MLflow settings, such as telemetry turned off, do
not affect the user's process.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from edml.tracking._client import describe_error, make_client
from edml.tracking._delivery import Delivery, Report, send_pending
from edml.tracking._outbox import SearchLog, find_pending

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 1.0  # between attempts to reach the server
_N_LAST_TRIES = 3  # after the end of the search
_NICENESS = 19
_COMMAND = "from edml.tracking._sender import main; main()"
_SETTINGS = {
    # a single attempt with a timeout: a retry might send a request that has arrived
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONIOENCODING": "utf-8",
}


class Sender:
    """A process that sends a search, started at once.

    It ends when the search's writer is gone and everything is sent or cannot be sent;
    it also sends what earlier searches left. It receives the address over a pipe,
    because command lines are visible to all users.
    """

    def __init__(self, log: SearchLog, uri: str) -> None:
        self._folder = log.folder
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(  # noqa: S603 - this Python, fixed arguments
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_SETTINGS, "PYTHONPATH": paths},
            encoding="utf-8",
            **_new_group(),
        )
        task = {"folder": str(log.folder), "uri": uri, "search": log.search}
        if self._process.stdin is not None:
            with suppress(OSError):  # it has died; wait reports the exit code
                self._process.stdin.write(json.dumps(task))
                self._process.stdin.close()
        self._process.stdin = None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def wait(self, seconds: float | None = None) -> Report:
        """Return its report, and warn about records that the server rejected.

        Kill the process if it takes longer than ``seconds``.
        """
        timeout = ""
        try:
            output, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, _ = self._process.communicate()
            timeout = f"It was not done after {seconds:g} seconds."
        lines = [json.loads(x) for x in output.splitlines() if x.startswith("{")]
        report = Report(**lines[-1]) if lines else Report()
        if timeout:
            report.error = f"{timeout} {report.error}".strip()
        elif not report.error and self._process.returncode:
            report.error = f"The sender ended with code {self._process.returncode}."
        report.warn_refused(self._folder)
        return report


def _new_group() -> dict[str, Any]:
    """Keep Ctrl-C, which ends a search early, from reaching the sender."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def main() -> None:
    """Run the task from standard input, and report on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)  # do not slow down a fold on the same core
    task = json.load(sys.stdin)
    folder, uri, report = Path(task["folder"]), task["uri"], Report()
    # MLflow prints a line for each run, which would fill the pipe
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            is_complete = _follow(SearchLog(folder, task["search"]), uri, report)
            if is_complete and find_pending(folder):
                send_pending(make_client(uri), folder, uri, report)
        except Exception as error:
            report.error = describe_error(error, uri)
    _print(report)


def _print(report: Report) -> None:
    with suppress(OSError):  # the parent has stopped reading
        print(json.dumps(vars(report)), file=sys.__stdout__, flush=True)


def _follow(log: SearchLog, uri: str, report: Report) -> bool:
    """Send a search while it is being written, and return whether all of it is sent."""
    delivery, n_left = None, _N_LAST_TRIES
    with log.sender_lock():
        begin = log.begin()
        if begin is None:
            return True  # another process has sent it
        while n_left:
            is_over = not log.is_written()
            try:
                if delivery is None:
                    delivery = Delivery(make_client(uri), log, begin, uri, report)
                if delivery.send(is_over=is_over):
                    report.error = ""
                    return True
                pause, reason = _POLL_SECONDS, ""
            except Exception as error:
                delivery = None  # it is unknown what has arrived
                n_left -= is_over
                pause, reason = _PAUSE_SECONDS, describe_error(error, uri)
            if reason != report.error:  # not each time: the pipe could fill up
                report.error = reason
                _print(report)  # for a parent that kills this process early
            until = time.monotonic() + pause
            while time.monotonic() < until and (is_over or log.is_written()):
                time.sleep(_POLL_SECONDS)
    return False
