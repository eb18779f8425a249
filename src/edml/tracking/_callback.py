"""MlflowCallback: log a search to MLflow while it runs."""

import os
import time
import uuid
import warnings
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from edml.tracking._client import public_uri, require_mlflow, resolve_uri
from edml.tracking._outbox import DEFAULT_FOLDER, Record, SearchLog
from edml.tracking._records import (
    hash_history,
    make_begin,
    make_candidate,
    make_end,
    read_rows,
)
from edml.tracking._search import describe_search, explain_pending
from edml.tracking._sender import Sender


class MlflowCallback:
    """Log a search to MLflow while it runs.

    Pass it to `ModelTuner.fit` as ``callback``, and call `finish` with the fitted
    tuner. The search is a parent run, and each candidate a child run with its
    parameters, the score of each fold, times, and the error if it failed.

    Each candidate is first written to a folder, the outbox, from which a low-priority
    process sends it. A slow or unavailable server therefore neither stops nor slows the
    search, and a killed search keeps its records. The next search or ``edml registry
    sync`` sends what could not be sent, each run exactly once. The parent run of a
    killed search ends as KILLED. No data of the table is sent, and nothing is sent
    anywhere but to the server.

    Parameters
    ----------
    experiment : str, default="edml"
        Name of the experiment, which is created if it does not exist.
    tracking_uri : str, default=None
        Address of the server; None is the file ``mlflow.db`` in the working
        directory.
    run_name : str, default=None
        Name of the parent run; None generates one.
    outbox : str or Path, default=None
        The folder for unsent records; None is ``.edml-outbox`` in the working
        directory.

    Raises
    ------
    TrackingError
        If the tracking URI is invalid.
    MissingExtraError
        If MLflow is not installed.

    See Also
    --------
    log_search : Log a finished search.

    Examples
    --------
    >>> from edml.tracking import MlflowCallback
    >>> with MlflowCallback(tracking_uri="http://localhost:5000") as callback:
    ...     tuner.fit(X, y, callback=callback)
    ...     run_id = callback.finish(tuner)  # doctest: +SKIP
    """

    __module__ = "edml.tracking"

    def __init__(
        self,
        experiment: str = "edml",
        tracking_uri: str | None = None,
        *,
        run_name: str | None = None,
        outbox: str | os.PathLike[str] | None = None,
    ) -> None:
        require_mlflow()
        self._uri = resolve_uri(tracking_uri)
        self._experiment = experiment
        self._run_name = run_name
        self._folder = Path(DEFAULT_FOLDER if outbox is None else outbox).absolute()
        self._recording: _Recording | None = None
        self._has_warned = False

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Record a candidate, without ever stopping the search or raising an error.

        Parameters
        ----------
        row : mapping of str to object
            The argument that `ModelTuner.fit` passes to its callback.
        """
        try:
            spent = float(row["started"]) + float(row["wall_time"])
            if self._recording and int(row["number"]) in self._recording.numbers:
                self._end("KILLED", 0.0)  # another fit has begun
            recording = self._recording or self._begin(time.time() - spent)
            if not recording.numbers:
                recording.began = time.time() - spent
            recording.add(row)
        except Exception as error:  # the search matters more than its record
            self._warn_incomplete(error)

    def finish(self, tuner: Any, *, timeout: float = 30.0) -> str | None:
        """Log the end of the search, and wait until the server has everything.

        Parameters
        ----------
        tuner : ModelTuner
            Fitted with this callback; candidates that the callback missed are added.
        timeout : float, default=30.0
            Longest wait, in seconds. What is left then stays in the outbox, with a
            warning.

        Returns
        -------
        run_id : str or None
            Id of the parent run; None if the server does not have it yet.

        Raises
        ------
        NotFittedError
            If the tuner is not fitted.
        ValueError
            If ``timeout`` is negative.
        """
        check_scalar(timeout, "timeout", Real, min_val=0)
        check_is_fitted(tuner, "history_")
        try:
            began = time.time() - float(tuner.history_["wall_time"].sum())
            recording = self._recording or self._begin(began)
            for row in read_rows(tuner):
                if row["number"] not in recording.numbers:
                    recording.add(row)
            end = describe_search(tuner, hash_history(tuner))
        except OSError as error:
            self._warn_incomplete(error)
            return None
        return self._close(timeout, *end)

    def __enter__(self) -> Self:
        """Start the sender process early, so that it is ready in time."""
        if self._recording is None:
            try:
                self._begin(time.time())
            except OSError as error:
                self._warn_incomplete(error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the parent run, unless `finish` has done so."""
        if kind is None:
            self._end("FINISHED", 30.0)
        else:
            status = "FAILED" if issubclass(kind, Exception) else "KILLED"
            self._end(status, 5.0, kind.__name__)

    def _begin(self, began: float) -> "_Recording":
        log = SearchLog(self._folder, uuid.uuid4().hex)
        self._recording = _Recording(
            log, self._uri, self._experiment, self._run_name, began
        )
        return self._recording

    def _end(self, status: str, timeout: float, error: str = "") -> None:
        if self._recording is not None:
            tags = {"edml.error": error} if error else {}
            self._close(timeout, make_end(status, tags=tags))

    def _close(self, timeout: float, *end: Record) -> str | None:
        """Write the end, wait, and warn about the rest; return the parent's run id."""
        recording, self._recording = self._recording, None
        assert recording is not None  # noqa: S101 - for the type checker
        try:
            recording.close(*end)
        except OSError as error:
            self._warn_incomplete(error)
            return None
        report = recording.sender.wait(timeout)
        if recording.log.path.exists():
            message = explain_pending(self._folder, self._uri, report.error)
            warnings.warn(message, UserWarning, stacklevel=3)
        return report.runs.get(recording.log.search)

    def _warn_incomplete(self, error: Exception) -> None:
        """Warn once that the record of the search has gaps."""
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"The search cannot be logged completely to {self._folder}: "
                f"{type(error).__name__}: {error}. The search goes on. Free some disk "
                "space, or name another folder with outbox=, and log the search with "
                "log_search when it has ended.",
                UserWarning,
                stacklevel=3,
            )


class _Recording:
    """One search that is written to the outbox, and its sender process.

    Without `close`, the sender ends it as killed when this process releases the lock.
    """

    def __init__(
        self,
        log: SearchLog,
        uri: str,
        experiment: str,
        run_name: str | None,
        began: float,
    ) -> None:
        self.log = log
        self.began = began  # seconds since 1970
        self.numbers: set[int] = set()  # candidates already written
        self._lock = log.writer_lock()
        self._lock.acquire()
        try:
            target = public_uri(uri)
            log.append(make_begin(log.search, target, experiment, run_name, began))
            self.sender = Sender(log, uri)
        except BaseException:
            self._lock.release()
            raise

    def add(self, row: Mapping[str, Any]) -> None:
        self.log.append(make_candidate(self.log.search, row, self.began))
        self.numbers.add(int(row["number"]))

    def close(self, *end: Record) -> None:
        """Write the end, and signal the sender that nothing follows."""
        try:
            self.log.append(*end)
        finally:
            self._lock.release()
