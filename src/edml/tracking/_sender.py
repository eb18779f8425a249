"""The process that sends the outbox to MLflow.

It is a process of low priority: importing MLflow takes seconds, in which a search would
stand still, and its requests may hang. Its settings of MLflow, one of which is that
MLflow reports its use to nobody, do not touch the user's process.
"""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from filelock import Timeout

from edml.exceptions import TrackingError
from edml.tracking._client import describe_error, make_client, public_uri, resolve_uri
from edml.tracking._delivery import Delivery, Report
from edml.tracking._outbox import DEFAULT_FOLDER, SearchLog, find_pending

_POLL_SECONDS = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 30.0  # seconds between tries to reach the server
_N_LAST_TRIES = 3  # once the search is over
_NICENESS = 19
_COMMAND = "from edml.tracking._sender import main; main()"
_SETTINGS = {
    # one try of bounded length: a second one might send what has arrived already
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONIOENCODING": "utf-8",
}


class Sender:
    """A process that sends an outbox, started at once.

    With ``search`` it sends that search until its writer is gone and everything has
    arrived or cannot arrive, then what earlier searches have left; without, the latter
    only. The address goes over a pipe: command lines are visible to everybody.
    """

    def __init__(self, folder: Path, uri: str, search: str | None = None) -> None:
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
        task = {"folder": str(folder), "uri": uri, "search": search}
        if self._process.stdin is not None:
            with suppress(OSError):  # it has died; wait says with which code
                self._process.stdin.write(json.dumps(task))
                self._process.stdin.close()
        self._process.stdin = None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def wait(self, seconds: float | None = None) -> Report:
        """Return its report; kill it if it takes longer than so many seconds."""
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
        return report


def _new_group() -> dict[str, Any]:
    """Keep Ctrl-C, which ends a search early, from reaching the sender."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def send_pending(
    folder: str | os.PathLike[str] | None = None, tracking_uri: str | None = None
) -> int:
    """Send what earlier searches left in an outbox, and return how many records.

    What belongs to another server stays, with a warning. What the server does not
    take stays too, with a `TrackingError`.
    """
    uri = resolve_uri(tracking_uri)
    place = Path(DEFAULT_FOLDER if folder is None else folder).absolute()
    if not find_pending(place):
        return 0
    report = Sender(place, uri).wait()
    report.warn_refused(place)
    target = public_uri(uri)
    targets = [begin["target"] for log in find_pending(place) if (begin := log.begin())]
    if report.error:
        message = (
            f"Expected MLflow at {target} to take the searches in {place}; "
            f"{targets.count(target)} searches are left. {report.error}"
        )
        raise TrackingError(message)
    others = sorted({*targets} - {target})
    if others:
        warnings.warn(
            f"{place} also holds searches for {', '.join(others)}; they stay. Sync "
            "with that address to send them.",
            UserWarning,
            stacklevel=3,
        )
    return report.n_sent


def main() -> None:
    """Do the task on standard input, and report on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = json.load(sys.stdin)
    folder, uri, search = Path(task["folder"]), task["uri"], task["search"]
    if search is not None and hasattr(os, "nice"):
        os.nice(_NICENESS)  # a fold waits for the process that it shares a core with
    report = Report()
    # MLflow prints a line for each run, which would fill the pipe
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            if search is None or _follow(SearchLog(folder, search), uri, report):
                _send_others(folder, uri, report)
        except Exception as error:
            report.error = describe_error(error, uri)
    _print(report)


def _print(report: Report) -> None:
    with suppress(OSError):  # nobody listens any more
        print(json.dumps(vars(report)), file=sys.__stdout__, flush=True)


def _follow(log: SearchLog, uri: str, report: Report) -> bool:
    """Send a search while it is written, and return whether all of it arrived."""
    delivery, pause, n_failed = None, _FIRST_PAUSE, 0
    with log.sender_lock():
        while n_failed < _N_LAST_TRIES:
            is_over = not log.is_written()
            try:
                begin = log.begin() if delivery is None else None
                if begin is not None:
                    delivery = Delivery(make_client(uri), log, begin, uri, report)
                if delivery is None:
                    is_complete = is_over
                else:
                    is_complete = delivery.send(is_over=is_over)
            except Exception as error:
                delivery = None  # it cannot know what has arrived
                n_failed += is_over
                reason = describe_error(error, uri)
                if reason != report.error:
                    report.error = reason
                    _print(report)  # for a parent that ends this process early
                _rest(log, _FIRST_PAUSE if is_over else pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            report.error, pause = "", _FIRST_PAUSE
            if is_complete:
                return True
            time.sleep(_POLL_SECONDS)
    return False


def _rest(log: SearchLog, seconds: float) -> None:
    """Wait, but not much longer than the search is written."""
    until = time.monotonic() + seconds
    time.sleep(min(seconds, _FIRST_PAUSE))
    while time.monotonic() < until and log.is_written():
        time.sleep(_POLL_SECONDS)


def _send_others(folder: Path, uri: str, report: Report) -> None:
    """Send what earlier searches have left for this server."""
    client = None
    for log in find_pending(folder):
        begin, is_over = log.begin(), not log.is_written()
        if begin is None and is_over:
            log.quarantine()  # nobody knows where it should go
        if begin is None or begin["target"] != public_uri(uri):
            continue
        client = client or make_client(uri)
        try:
            with log.sender_lock().acquire(timeout=0):
                Delivery(client, log, begin, uri, report).send(is_over=is_over)
        except Timeout:
            continue  # another process sends it
        except TrackingError as error:  # of this search's experiment only
            report.refused.append(str(error))
