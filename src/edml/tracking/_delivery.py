"""Delivery: the events of one search become runs of MLflow, each exactly once.

A request may arrive without its answer coming back. So each run carries the search
and the number of its candidate as tags; whoever begins to send, or was interrupted,
first asks the server which runs there are. Metrics and parameters may be written
twice, for their times and values are those of the event.
"""

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edml._optional import import_optional
from edml.exceptions import TrackingError
from edml.tracking._outbox import BEGIN, Event, Outbox
from edml.tracking._store import describe, ensure_experiment

_PARENT = ""  # the key of the parent run; a candidate's is its number
_BATCH = 90  # parameters; MLflow takes 100 at a time
_PAGE = 500
_REFUSALS = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}


class Delivery:
    """Sends the events of one search; holds that nobody else does.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store; its requests end in bounded time, and are not repeated.
    outbox : Outbox
        Where the events are.
    begin : dict
        The event that opens the search.
    uri : str
        The store's address.

    Attributes
    ----------
    search : str
        Which.
    run_id : str or None
        The parent run's, once it is known.
    was_there : bool
        Whether the whole search was on the server before.
    n_sent : int
        Number of events that the server has now.
    refused : list of str
        What the server said of the events that it will never take.
    """

    def __init__(self, client: Any, outbox: Outbox, begin: Event, uri: str) -> None:
        self._client = client
        self._entities = import_optional(
            "mlflow.entities", extra="mlflow", purpose="edml.tracking"
        )
        self._outbox = outbox
        self._begin = begin
        self.search = str(begin["search"])
        self._uri = uri
        self._runs: dict[str, Any] | None = None
        self._experiment = ""
        self.run_id: str | None = None
        self.was_there = False
        self.n_sent = 0
        self.refused: list[str] = []

    def reconnect(self, client: Any) -> None:
        """Go on with another client, and trust nothing that was known before.

        Parameters
        ----------
        client : mlflow.MlflowClient
            Of the same store.
        """
        self._client = client
        self._runs = None

    def send(self, *, is_over: bool) -> bool:
        """Send what the outbox holds now.

        Parameters
        ----------
        is_over : bool
            Whether the writer of the search was gone before.

        Returns
        -------
        whole : bool
            Whether all of the search is sent, and its end.

        Raises
        ------
        Exception
            Of MLflow, where the server cannot be reached; what was not sent stays.
        """
        try:
            return self._send(is_over)
        except BaseException:
            self._runs = None  # what arrived is not known: ask again
            raise

    def _send(self, is_over: bool) -> bool:
        self._open()
        events = self._outbox.events(self.search)
        if self.was_there:
            for event in events:
                self._outbox.done(event)
            self._outbox.forget(self.search)
            return True
        end = None
        for event in events:
            if event["kind"] == "candidate":
                self._try(event, self._send_candidate)
            elif event["kind"] == "end":
                end = event
        if end is None and not is_over:
            return False
        self._look_up()  # no run is there twice, and the end finds its best one
        if end is None:
            self._end_parent("KILLED", None)
        else:
            self._try(end, self._send_end)
        self._outbox.done(self._begin)
        self.n_sent += 1
        self._outbox.forget(self.search)
        return True

    def _try(self, event: Event, send: Any) -> None:
        """Send an event; set it aside where the server will never take it."""
        try:
            send(event)
        except Exception as error:
            if getattr(error, "error_code", "") not in _REFUSALS:
                raise
            path = self._outbox.set_aside(event)
            self.refused.append(f"{path.name}: {describe(error, self._uri)}")
            return
        self._outbox.done(event)
        self.n_sent += 1

    def _open(self) -> None:
        """Find the runs that are there, and make the parent if it is not."""
        if self._runs is not None:
            return
        self._experiment = ensure_experiment(self._client, self._begin["experiment"])
        self._look_up()
        runs = self._runs or {}
        if _PARENT not in runs:
            # a callback may have logged it while it went on, under another id
            history = str(self._begin.get("history", ""))
            known = next(self._find("edml.history", history), None) if history else None
            if known is not None:
                self.run_id, self.was_there = known.info.run_id, True
                return
            runs[_PARENT] = self._client.create_run(
                self._experiment,
                start_time=self._begin["started"],
                tags=self._begin["tags"],
                run_name=self._begin.get("name"),
            )
            self._runs = runs
        parent = runs[_PARENT]
        self.run_id = parent.info.run_id
        # one that is logged when it is over ends once; of others the end may be left
        self.was_there = bool(self._begin.get("history")) and self._is_ended(parent)

    def _look_up(self) -> None:
        """Ask which runs of the search there are, and leave one of each."""
        found: dict[str, list[Any]] = {}
        parents = set()
        for run in self._find("edml.search", self.search):
            key = run.data.tags.get("edml.candidate", _PARENT)
            found.setdefault(key, []).append(run)
            parents.add(run.data.tags.get("mlflow.parentRunId"))

        def rank(run: Any) -> tuple[bool, bool, bool, str]:
            """Order runs of one candidate: the first is the one to be kept."""
            run_id = run.info.run_id
            return (
                not self._is_active(run),
                run_id not in parents,  # one without children
                not self._is_ended(run),
                run_id,
            )

        self._runs = {}
        for key, runs in found.items():
            runs.sort(key=rank)
            self._runs[key] = runs[0]
            for run in runs[1:]:
                if self._is_active(run):
                    self._client.delete_run(run.info.run_id)

    def _is_active(self, run: Any) -> bool:
        """Tell whether nobody has deleted it."""
        return bool(run.info.lifecycle_stage == "active")

    def _is_ended(self, run: Any) -> bool:
        return run.info.status in ("FINISHED", "FAILED", "KILLED")

    def _find(self, tag: str, value: str) -> Iterator[Any]:
        """Give the runs with a tag, those that were deleted by hand among them."""
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                filter_string=f"tags.`{tag}` = '{value}'",
                run_view_type=self._entities.ViewType.ALL,
                max_results=_PAGE,
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _send_candidate(self, event: Event) -> None:
        runs = self._runs or {}
        key = str(event["order"] - 1)
        run = runs.get(key)
        if run is not None and (self._is_ended(run) or not self._is_active(run)):
            return
        if run is None:
            run = runs[key] = self._client.create_run(
                self._experiment,
                start_time=event["started"],
                tags={**event["tags"], "mlflow.parentRunId": self.run_id},
                run_name=event["name"],
            )
        run_id, at = run.info.run_id, event["ended"]
        self._log(run_id, event.get("metrics", []), event.get("params", {}), {}, at)
        best = [m for m in event.get("metrics", []) if m[0] == "best_score"]
        best = [["search/best_score", value, int(key)] for _, value, _ in best]
        if best:
            self._log(str(self.run_id), best, {}, {}, at)
        self._client.set_terminated(run_id, event["status"], at)
        runs[key] = run

    def _send_end(self, event: Event) -> None:
        at = event["ended"]
        runs = self._runs or {}
        parts = [event.get(name, {}) for name in ("metrics", "params", "tags")]
        tags = {**parts[2], **self._send_pictures(event.get("artifacts", {}))}
        self._log(str(self.run_id), parts[0] or [], parts[1], tags, at)
        best = runs.get(str(event.get("best")))
        if best is not None and self._is_active(best):
            self._client.set_tag(best.info.run_id, "edml.best", "true")
        self._end_parent(event["status"], at)

    def _send_pictures(self, artifacts: dict[str, str]) -> dict[str, str]:
        """Send files; without the server's own means for them, tell so in a tag."""
        if not artifacts:
            return {}
        try:
            with tempfile.TemporaryDirectory() as folder:
                for name, data in artifacts.items():
                    (Path(folder) / Path(name).name).write_bytes(base64.b64decode(data))
                self._client.log_artifacts(str(self.run_id), folder, "search")
        except Exception as error:
            self._client.get_run(str(self.run_id))  # raises where it is not reached
            return {"edml.artifacts_error": describe(error, self._uri)}
        return {}

    def _end_parent(self, status: str, at: int | None) -> None:
        parent = (self._runs or {}).get(_PARENT)
        if parent is None or (self._is_active(parent) and not self._is_ended(parent)):
            self._client.set_terminated(str(self.run_id), status, at)

    def _log(
        self,
        run_id: str,
        metrics: list[list[Any]],
        params: dict[str, str],
        tags: dict[str, str],
        at: int,
    ) -> None:
        """Log in batches of a size that MLflow takes; what is there already is so."""
        kinds = self._entities
        marks = [kinds.RunTag(name, value) for name, value in tags.items()]
        texts = [kinds.Param(name, value) for name, value in params.items()]
        figures = [kinds.Metric(name, value, at, step) for name, value, step in metrics]
        self._client.log_batch(run_id, figures, texts[:_BATCH], marks)
        for first in range(_BATCH, len(texts), _BATCH):
            self._client.log_batch(run_id, params=texts[first : first + _BATCH])


def deliver(
    client: Any, outbox: Outbox, uri: str, target: str, own: str | None = None
) -> Iterator[Delivery]:
    """Send the searches of dead writers that are meant for a store, one by one.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.
    outbox : Outbox
        Where they are.
    uri, target : str
        The store's address, with and without secrets.
    own : str, default=None
        A search that is left out.

    Yields
    ------
    delivery : Delivery
        Of a search that was sent as far as it could be.
    """
    for search in outbox.searches():
        if search == own:
            continue
        with outbox.sent(search) as mine:
            if not mine:
                continue
            is_over = not outbox.is_written(search)
            begin = read_begin(outbox, search)
            if begin is None:
                if is_over:  # damaged: nobody knows where the others should go
                    for event in outbox.events(search):
                        outbox.set_aside(event)
                continue
            if begin["target"] != target:
                continue
            delivery = Delivery(client, outbox, begin, uri)
            try:
                delivery.send(is_over=is_over)
            except TrackingError as error:  # of this search alone
                delivery.refused.append(str(error))
            yield delivery


def read_begin(outbox: Outbox, search: str) -> Event | None:
    """Give the event that opens a search.

    Parameters
    ----------
    outbox : Outbox
        Where it is.
    search : str
        Which.

    Returns
    -------
    begin : dict or None
        None where it is damaged or gone.
    """
    events = outbox.events(search)
    found = [event for event in events if event["kind"] == "begin"]
    return found[0] if found and found[0]["order"] == BEGIN else None
