"""Turn the records of a search into runs of MLflow, each exactly once.

A request may arrive although its answer is lost. Each run therefore has the search and
the number of its candidate as tags, and a sender first asks the server for existing
runs. Writing metrics and parameters twice is harmless: their times and values come from
the record.
"""

import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from filelock import Timeout

from edml.exceptions import TrackingError
from edml.tracking._client import (
    describe_error,
    ensure_experiment,
    log_batches,
    mlflow,
    public_uri,
    search_all,
)
from edml.tracking._outbox import Record, SearchLog, find_pending
from edml.tracking._records import PARENT

#: MLflow's answers to a record that it will never accept.
_REFUSALS = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}


@dataclass
class Report:
    """The result of a sender."""

    n_sent: int = 0  # records of searches that were sent completely
    runs: dict[str, str] = field(default_factory=dict)  # parent run of each search
    known: list[str] = field(default_factory=list)  # searches logged before
    refused: list[str] = field(default_factory=list)  # the server's reasons
    error: str = ""  # why the rest was not sent

    def warn_refused(self, folder: Path) -> None:
        """Warn about records that the server rejected."""
        if self.refused:
            warnings.warn(
                f"MLflow rejected {len(self.refused)} records, which are kept in "
                f"{folder} as *.rejected. The first: {self.refused[0]}",
                UserWarning,
                stacklevel=5,
            )


class Delivery:
    """Sends one search; the caller holds its sender lock.

    After an exception it is unknown what arrived; create a new instance.
    """

    def __init__(
        self, client: Any, log: SearchLog, begin: Record, uri: str, report: Report
    ) -> None:
        self._client = client
        self._log = log
        self._uri = uri
        self._report = report
        self._offset = self._n_records = 0
        self._experiment = ensure_experiment(client, begin["experiment"])
        self._runs = self._find_runs()
        known: list[Any] = []
        if begin["history"]:  # a callback may have logged it under another id
            known = self._search("edml.history", begin["history"])
        self._known = next(filter(_has_ended, known), None)
        if self._known is not None:
            report.known.append(log.search)
            report.runs[log.search] = self._known.info.run_id

    def send(self, *, is_over: bool) -> bool:
        """Send the records written since the last call; return whether all are sent.

        ``is_over`` means that the writer was gone before this call.
        """
        records, self._offset = self._log.read(self._offset)
        if self._known is None:
            for record in records:
                self._send_record(record)
            self._n_records += len(records)
            if is_over:
                self._finish()
        if is_over:
            self._log.remove()
            self._report.n_sent += self._n_records
        return is_over

    def _send_record(self, record: Record) -> None:
        """Send a record, or set it aside if the server will never accept it."""
        reason = "Its line is damaged."
        if "key" in record:
            try:
                self._log_record(record)
                return
            except Exception as error:
                if getattr(error, "error_code", "") not in _REFUSALS:
                    raise
                reason = describe_error(error, self._uri)
        self._log.set_aside(record, reason)
        self._report.refused.append(reason)

    def _log_record(self, record: Record) -> None:
        key, at, status = record["key"], record.get("ended", 0), record.get("status")
        tags = dict(record.get("tags", {}))
        parent, run = self._runs.get(PARENT), self._runs.get(key)
        if run is None:
            if "name" not in record:
                return  # the server has refused to create its run
            if parent is not None:
                tags["mlflow.parentRunId"] = parent.info.run_id
            run = self._runs[key] = self._client.create_run(
                self._experiment,
                start_time=record["started"],
                tags=tags,
                run_name=record["name"],
            )
            tags = {}
        run_id = run.info.run_id
        if key == PARENT:
            self._report.runs[self._log.search] = run_id
        if not _is_active(run) or (status and _has_ended(run)):
            return
        metrics = _to_metrics(record.get("metrics", []), at)
        log_batches(self._client, run_id, metrics, record.get("params", {}), tags)
        if parent is not None:  # before the run ends, which marks its record as sent
            metrics = _to_metrics(record.get("of_parent", []), at)
            log_batches(self._client, parent.info.run_id, metrics)
        if status:
            self._client.set_terminated(run_id, status, at)

    def _finish(self) -> None:
        """Remove duplicates a last time, and end the parent run of a killed search."""
        parent = self._find_runs().get(PARENT)
        if parent is not None and _is_active(parent) and not _has_ended(parent):
            self._client.set_terminated(parent.info.run_id, "KILLED")

    def _find_runs(self) -> dict[str, Any]:
        """Return the search's runs by key, and delete duplicates from late requests."""
        runs = self._search("edml.search", self._log.search)
        parents = {run.data.tags.get("mlflow.parentRunId") for run in runs}

        def rank(run: Any) -> tuple[bool, bool, bool, str]:
            """Sort the run to keep first: active, with children, ended."""
            run_id = run.info.run_id
            is_childless = run_id not in parents
            return not _is_active(run), is_childless, not _has_ended(run), run_id

        kept: dict[str, Any] = {}
        for run in sorted(runs, key=rank):
            key = run.data.tags.get("edml.candidate", PARENT)
            if kept.setdefault(key, run) is not run and _is_active(run):
                self._client.delete_run(run.info.run_id)
        return kept

    def _search(self, tag: str, value: str) -> list[Any]:
        """Return the runs with a tag, including those that were deleted by hand."""
        return search_all(
            self._client.search_runs,
            [self._experiment],
            filter_string=f"tags.`{tag}` = '{value}'",
            run_view_type=mlflow("mlflow.entities").ViewType.ALL,
        )


def _to_metrics(metrics: list[Any], at: int) -> list[Any]:
    kind = mlflow("mlflow.entities").Metric
    return [kind(name, value, at, step) for name, value, step in metrics]


def _is_active(run: Any) -> bool:
    """Check that the run is not deleted."""
    return bool(run.info.lifecycle_stage == "active")


def _has_ended(run: Any) -> bool:
    return run.info.status in ("FINISHED", "FAILED", "KILLED")


def send_pending(client: Any, folder: Path, uri: str, report: Report) -> None:
    """Send what earlier searches left for a server."""
    for log in find_pending(folder):
        begin, is_over = log.begin(), not log.is_written()
        if begin is None or begin["target"] != public_uri(uri):
            continue
        try:
            with log.sender_lock().acquire(timeout=0):
                Delivery(client, log, begin, uri, report).send(is_over=is_over)
        except Timeout:
            continue  # another process sends it
        except TrackingError as error:  # concerns only this search's experiment
            report.refused.append(str(error))


def resend(client: Any, folder: Path, uri: str) -> int:
    """Send what searches left, and return the number of records sent.

    Searches for another server stay, with a warning.
    """
    report = Report()
    with redirect_stdout(StringIO()):  # MLflow prints a line for each run
        send_pending(client, folder, uri, report)
    report.warn_refused(folder)
    targets = {(log.begin() or {}).get("target") for log in find_pending(folder)}
    others = sorted(filter(None, targets - {public_uri(uri)}))
    if others:
        warnings.warn(
            f"{folder} also holds searches for {', '.join(others)}; they stay. Sync "
            "with that address to send them.",
            UserWarning,
            stacklevel=3,
        )
    return report.n_sent
