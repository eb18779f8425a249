"""The routes of the endpoint, and the hooks before and after each request."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import flask
import orjson
from werkzeug.exceptions import HTTPException

from edml.ledger import Ledger
from edml.registry import ModelRegistry
from edml.schema import REQUIRED_COLUMNS
from edml.serving import _metrics
from edml.serving._champion import Champion, ChampionWatch
from edml.serving._docs import make_docs
from edml.serving._limits import Limits
from edml.serving._logs import LOGGER, request_id
from edml.serving._openapi import describe_endpoint
from edml.serving._origins import Origins
from edml.serving._payload import JSON, read_body
from edml.serving._problem import MEDIA_TYPE, Problem
from edml.serving._query import read_query
from edml.serving._receive import Receiver
from edml.serving._recorder import Recorder
from edml.serving._scorer import check_time, predict_events
from edml.serving._tokens import TokenBook

EXTENSION = "edml.serving"
REQUEST_ID = "X-Request-ID"
POLL_SECONDS = 2.0  # between looks at a registry on this machine
_CODES = {404: "not-found", 405: "method", 408: "too-slow", 413: "too-large"}
_DETAILS = {
    404: "Expected a path of this endpoint; found another. See /openapi.json.",
    405: "Expected another method for this path. See the header Allow.",
}


def make_blueprint(
    registry: ModelRegistry,
    book: TokenBook,
    limits: Limits,
    poll_seconds: float = POLL_SECONDS,
    name: str = "edml",
    origins: Iterable[str] = (),
    pull: Callable[[], object] | None = None,
    ledger: Ledger | None = None,
) -> flask.Blueprint:
    """Make the blueprint of `create_blueprint`.

    The app that registers it finds the endpoint in
    ``app.extensions["edml.serving"][name]``. ``pull`` is called before each look at
    the registry, in a thread that `start` starts.
    """
    origin = Origins(origins)
    endpoint = _Endpoint(registry, book, limits, poll_seconds, origin, pull, ledger)
    blueprint = flask.Blueprint(name, "edml.serving")
    blueprint.before_request(endpoint.begin)
    blueprint.after_request(endpoint.end)
    blueprint.register_error_handler(Problem, endpoint.refuse)
    blueprint.register_error_handler(HTTPException, endpoint.refuse_http)
    blueprint.register_error_handler(Exception, endpoint.fail)
    blueprint.add_url_rule("/predict", "predict", endpoint.predict, methods=["POST"])
    for path, route, view in (
        ("/health", "health", endpoint.health),
        ("/ready", "ready", endpoint.ready),
        ("/model", "model", endpoint.model),
        ("/openapi.json", "openapi", endpoint.openapi),
        ("/docs", "docs", endpoint.docs),
        ("/metrics", "metrics", endpoint.expose_metrics),
    ):
        blueprint.add_url_rule(path, route, view)

    def remember(state: flask.blueprints.BlueprintSetupState) -> None:
        state.app.extensions.setdefault(EXTENSION, {})[state.name] = endpoint

    blueprint.record(remember)
    return blueprint


def make_app(blueprint: flask.Blueprint) -> flask.Flask:
    """Create an app with one blueprint, with the same errors for unknown paths."""
    app = flask.Flask("edml.serving", static_folder=None)
    app.register_blueprint(blueprint)
    (endpoint,) = app.extensions[EXTENSION].values()

    def refuse(error: HTTPException) -> flask.Response:
        response: flask.Response = endpoint.end(endpoint.refuse_http(error))
        return response

    app.register_error_handler(HTTPException, refuse)
    return app


class _Endpoint:
    """Answers the requests of one blueprint."""

    def __init__(
        self,
        registry: ModelRegistry,
        book: TokenBook,
        limits: Limits,
        poll_seconds: float,
        origins: Origins,
        pull: Callable[[], object] | None,
        ledger: Ledger | None,
    ) -> None:
        self.metrics = _metrics.Metrics()
        changed = self.metrics.changed
        self.watch = ChampionWatch(registry, poll_seconds, changed, pull)
        self._book = book
        self._limits = limits
        self._origins = origins
        self._receiver = Receiver(limits)
        self.recorder = None
        if ledger is not None:
            self.recorder = Recorder(ledger, self.metrics.not_recorded)
        self._retry_after = str(max(1, round(poll_seconds)))
        self.watch.look(pull=False)

    # -- before and after every request ------------------------------------------------

    def begin(self) -> None:
        flask.g.edml_begun = time.monotonic()
        flask.g.edml_id = request_id(flask.request.headers.get(REQUEST_ID))
        flask.g.edml_log = {}
        self.watch.start()

    def _begin_late(self) -> None:
        """Begin a request that the surrounding app answered before the blueprint."""
        if "edml_begun" not in flask.g:
            self.begin()

    def end(self, response: flask.Response) -> flask.Response:
        """Count and log a request, and add its id to the response."""
        self._begin_late()
        seconds = time.monotonic() - flask.g.edml_begun
        # the route's name, so that clients cannot create labels with arbitrary paths
        route = (flask.request.endpoint or "").rpartition(".")[2] or "other"
        response.headers[REQUEST_ID] = flask.g.edml_id
        response.headers["Cache-Control"] = "no-store"
        self._origins.allow(response)
        self.metrics.answered(route, response.status_code, seconds)
        line = {
            "request_id": flask.g.edml_id,
            "route": route,
            "status": response.status_code,
            "ms": round(1000 * seconds, 2),
            **flask.g.edml_log,
        }
        LOGGER.info("request", extra={"edml": line})
        return response

    def refuse(self, problem: Problem) -> flask.Response:
        self._begin_late()
        flask.g.edml_log["code"] = problem.code
        document = problem.to_dict(flask.g.edml_id)
        response = _answer(document, MEDIA_TYPE, problem.status)
        response.headers.update(problem.headers)
        return response

    def refuse_http(self, error: HTTPException) -> flask.Response:
        """Convert an HTTP error of Flask to an RFC 9457 response."""
        status = error.code or 500
        detail = _DETAILS.get(status, "The request cannot be read. Send it again.")
        allow = getattr(error, "valid_methods", None)
        headers = {"Allow": ", ".join(sorted(allow))} if allow else {}
        code = _CODES.get(status, "request")
        return self.refuse(Problem(status, code, detail, headers=headers))

    def fail(self, error: Exception) -> flask.Response:
        """Respond to an internal error; its message may hold values."""
        self._begin_late()
        extra = {"edml": {"request_id": flask.g.edml_id}}
        LOGGER.error("failure", exc_info=error, extra=extra)
        if isinstance(error, MemoryError):
            detail = "The body takes more memory than there is. Send fewer students."
            return self.refuse(Problem(413, "too-large", detail))
        detail = "The endpoint failed. Send the request_id to its operator."
        return self.refuse(Problem(500, "failure", detail))

    def _authorize(self, scope: str) -> None:
        """Reject a request whose token does not allow the scope."""
        if self._book.open:
            return
        kind, _, secret = flask.request.headers.get("Authorization", "").partition(" ")
        scopes = self._book.find(secret.strip())
        if kind.lower() != "bearer" or scopes is None:
            detail = (
                "Expected a known token in the header 'Authorization: Bearer TOKEN'; "
                "found none, or an unknown one. Ask the operator for a token."
            )
            headers = {"WWW-Authenticate": 'Bearer realm="edml"'}
            raise Problem(401, "no-token", detail, headers=headers)
        if scope not in scopes:
            detail = (
                f"Expected a token with the scope {scope!r}; found one without it. Ask "
                "the operator for another token."
            )
            why = f'error="insufficient_scope", scope="{scope}"'
            headers = {"WWW-Authenticate": f'Bearer realm="edml", {why}'}
            raise Problem(403, "scope", detail, headers=headers)

    def _champion(self) -> Champion:
        champion = self.watch.champion
        if champion is None:
            detail = (
                "Expected a champion in the registry; found none that can be loaded. "
                "Promote a version, or read the endpoint's log."
            )
            headers = {"Retry-After": self._retry_after}
            raise Problem(503, "no-champion", detail, headers=headers)
        return champion

    # -- the routes --------------------------------------------------------------------

    def predict(self) -> flask.Response:
        self._authorize("predict")
        deadline = flask.g.edml_begun + self._limits.timeout_seconds
        query = read_query(flask.request.args.lists())
        champion = self._champion()  # the same one until the request ends
        with self._receiver.receive(deadline) as body:
            X = read_body(
                body,
                flask.request.headers.get("Content-Type", ""),
                limits=self._limits,
                columns=champion.scorer.columns,
            )
        check_time(deadline)
        answer = predict_events(
            champion.scorer,
            X,
            version=champion.version,
            name=champion.name,
            deadline=deadline,
            **query._asdict(),
        )
        n_students = len(answer["predictions"])
        read = champion.scorer.columns.values()
        self.metrics.predicted(X, read, answer["predictions"])
        flask.g.edml_log.update(
            rows=len(X), students=n_students, version=champion.version
        )
        if self.recorder is not None:
            self.recorder.record(champion, X, answer["predictions"])
        return _answer(answer)

    def health(self) -> flask.Response:
        return _answer({"status": "ok"})

    def ready(self) -> flask.Response:
        self._champion()
        return _answer({"status": "ready"})

    def model(self) -> flask.Response:
        self._authorize("read")
        champion = self._champion()
        return _answer({"name": champion.name, **champion.record.to_dict()})

    def openapi(self) -> flask.Response:
        self._authorize("read")
        return _answer(self._describe(own_columns=True))

    def docs(self) -> flask.Response:
        """Show the page to everyone: a browser sends no token.

        Where tokens are required it has the default columns, not those of the model.
        """
        page, headers = make_docs(self._describe(own_columns=self._book.open))
        return flask.Response(page, headers=headers, content_type="text/html")

    def _describe(self, *, own_columns: bool) -> dict[str, Any]:
        champion = self.watch.champion if own_columns else None
        columns = {name: name for name in REQUIRED_COLUMNS}
        if champion is not None:
            columns = champion.scorer.columns
        # the path of the request, without that of its route
        path = f"{flask.request.script_root}{flask.request.path}".rpartition("/")[0]
        return describe_endpoint(
            columns,
            self._limits,
            tokens=not self._book.open,
            prefix=path,
        )

    def expose_metrics(self) -> flask.Response:
        self._authorize("read")
        text = self.metrics.expose(
            healthy=self.watch.problem is None, pulled_at=self.watch.pulled_at
        )
        return flask.Response(text, content_type=_metrics.CONTENT_TYPE)


def _answer(
    document: dict[str, Any], media_type: str = JSON, status: int = 200
) -> flask.Response:
    return flask.Response(orjson.dumps(document), status, content_type=media_type)
