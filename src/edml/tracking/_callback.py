"""MlflowCallback: a search in MLflow while it goes on."""

import os
import warnings
from collections.abc import Mapping
from numbers import Real
from types import TracebackType
from typing import Any, Self

from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from edml.tracking._events import hash_history, make_end, read_rows, to_milliseconds
from edml.tracking._outbox import DEFAULT_FOLDER, Event, Outbox
from edml.tracking._recording import Recording, now
from edml.tracking._search import describe_search, explain_left
from edml.tracking._store import require_mlflow, resolve_uri


class MlflowCallback:
    """Log a search to MLflow while it goes on.

    Hand it to `ModelTuner.fit` as ``callback``, and call `finish` with the fitted
    tuner. One parent run stands for the search, and one child run for each candidate:
    its parameters, the score of each fold, times, and the error of what failed.

    Each candidate is first written to a folder, the outbox, from which a process of
    low priority sends it. So a server that is slow or down neither stops nor slows
    the search, and a search that is killed leaves what it had. What could not be sent
    is sent by the next search, or by ``edml registry sync``, each run exactly once.
    The parent run of a killed search ends as KILLED. Nothing of the table is sent,
    and nothing to anybody but the server.

    Parameters
    ----------
    experiment : str, default="edml"
        Name of the experiment; made where there is none.
    tracking_uri : str, default=None
        Address of the server; None is the file ``mlflow.db`` in the working
        directory.
    run_name : str, default=None
        Name of the parent run; None makes one up.
    outbox : str or Path, default=None
        The folder of what is not sent yet; None is ``.edml-outbox`` in the working
        directory.

    Raises
    ------
    TrackingError
        If the address is none.
    MissingExtraError
        If MLflow is not installed.

    See Also
    --------
    log_search : Logs a search that is over.

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
        self._outbox = Outbox(DEFAULT_FOLDER if outbox is None else outbox)
        self._recording: Recording | None = None
        self._is_warned = False

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Note a candidate; never ends a search, nor lets it fail.

        Parameters
        ----------
        row : mapping of str to object
            What `ModelTuner.fit` hands to its callback.
        """
        try:
            spent = float(row["started"]) + float(row["wall_time"])
            if self._recording and int(row["number"]) in self._recording.numbers:
                self._end("KILLED", 0.0)  # another fit has begun
            if self._recording is None:
                self._begin(now() - spent)
            elif not self._recording.numbers:
                self._recording.began = now() - spent
            self._recording.add(row)  # type: ignore[union-attr]
        except Exception as error:  # a search is worth more than its record
            self._warn_lost(error)

    def finish(self, tuner: Any, *, timeout: float = 30.0) -> str | None:
        """Log how the search ended, and wait until the server has it all.

        Parameters
        ----------
        tuner : ModelTuner
            Fitted with this callback; candidates that it was not told of are added.
        timeout : float, default=30.0
            Longest wait, in seconds. What is then left stays in the outbox, and a
            warning says so.

        Returns
        -------
        run_id : str or None
            Of the parent run; None if the server does not have it yet.

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
            if self._recording is None:
                self._begin(now() - float(tuner.history_["wall_time"].sum()))
            recording = self._recording
            assert recording is not None  # noqa: S101 - for the type checker
            for row in read_rows(tuner):
                if row["number"] not in recording.numbers:
                    recording.add(row)
            end = describe_search(tuner, hash_history(tuner), recording.search)
        except OSError as error:
            self._warn_lost(error)
            return None
        return self._close(end, timeout)

    def __enter__(self) -> Self:
        """Start the process that sends, so that it is ready in time."""
        if self._recording is None:
            try:
                self._begin(now())
            except OSError as error:
                self._warn_lost(error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the parent run, where `finish` has not."""
        if self._recording is None:
            return
        if kind is None:
            self._end("FINISHED", 30.0)
        elif issubclass(kind, Exception):
            self._end("FAILED", 5.0, kind.__name__)
        else:
            self._end("KILLED", 5.0, kind.__name__)

    def _begin(self, began: float) -> None:
        self._recording = Recording(
            self._outbox, self._uri, self._experiment, self._run_name, began
        )

    def _end(self, status: str, timeout: float, error: str = "") -> None:
        if self._recording is not None:
            search = self._recording.search
            tags = {"edml.error": error} if error else {}
            at = to_milliseconds(now())
            self._close(make_end(search, status, at, tags=tags), timeout)

    def _close(self, end: Event, timeout: float) -> str | None:
        """Write the end, and wait; say what is left."""
        recording, self._recording = self._recording, None
        assert recording is not None  # noqa: S101 - for the type checker
        try:
            report = recording.end(end, timeout)
        except OSError as error:
            self._warn_lost(error)
            return None
        report.warn(self._outbox)
        n_left = recording.n_left()
        if n_left:
            message = explain_left(n_left, self._outbox, self._uri, report.error)
            warnings.warn(message, UserWarning, stacklevel=3)
        return report.runs.get(recording.search)

    def _warn_lost(self, error: Exception) -> None:
        """Say once that the record of the search has holes."""
        if not self._is_warned:
            self._is_warned = True
            warnings.warn(
                f"The search cannot be logged to {self._outbox.folder} as a whole: "
                f"{type(error).__name__}: {error}. The search goes on. Make room, or "
                "name another folder with outbox=, and log it with log_search when it "
                "has ended.",
                UserWarning,
                stacklevel=3,
            )
