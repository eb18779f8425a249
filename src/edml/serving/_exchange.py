"""Exchange: what happens to a request, from its token to its answer."""

import time
from typing import Any

import flask
import orjson
from werkzeug.exceptions import HTTPException

from edml.registry import ModelRegistry
from edml.schema import REQUIRED_COLUMNS
from edml.serving import _metrics
from edml.serving._answer import LANGUAGES, check_time, predict_events
from edml.serving._champion import Champion, ChampionWatch
from edml.serving._documents import describe_endpoint
from edml.serving._limits import Limits
from edml.serving._logs import LOGGER, request_id
from edml.serving._payload import JSON, read_events, refuse_body
from edml.serving._problem import MEDIA_TYPE, Problem
from edml.serving._tokens import TokenBook

REQUEST_ID = "X-Request-ID"
_CHUNK = 2**18  # bytes of a body between two looks at the clock
_TRUTHS = {"1": True, "true": True, "0": False, "false": False}
_NAMED = {404: "not-found", 405: "method", 408: "too-slow", 413: "too-large"}
_REMEDIES = {
    404: "Expected a path of this endpoint; found another. Look at /openapi.json.",
    405: "Expected another method for this path. Look at the header Allow.",
}


class Exchange:
    """Answers the requests of one blueprint.

    Parameters
    ----------
    registry : ModelRegistry
        Where the champion is.
    book : TokenBook
        Who is let in.
    limits : Limits
        How much one request may ask.
    poll_seconds : float
        How often to look for another champion.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        book: TokenBook,
        limits: Limits,
        poll_seconds: float,
    ) -> None:
        self.metrics = _metrics.Metrics()
        self.watch = ChampionWatch(registry, poll_seconds, self.metrics.changed)
        self._book = book
        self._limits = limits
        self._retry = str(max(1, round(poll_seconds)))
        self.watch.look()

    # -- before and behind every request ---------------------------------------------

    def begin(self) -> None:
        """Note when a request came, and see to it that the registry is watched."""
        flask.g.edml_begun = time.monotonic()
        flask.g.edml_id = request_id(flask.request.headers.get(REQUEST_ID))
        flask.g.edml_told = {}
        self.watch.start()

    def _begin_late(self) -> None:
        """Begin, where the app around has answered before we were asked."""
        if "edml_begun" not in flask.g:
            self.begin()

    def end(self, response: flask.Response) -> flask.Response:
        """Count and log a request.

        Parameters
        ----------
        response : flask.Response
            Its answer.

        Returns
        -------
        response : flask.Response
            With the request's id.
        """
        self._begin_late()
        seconds = time.monotonic() - flask.g.edml_begun
        route = flask.request.endpoint or ""
        route = route.rpartition(".")[2] or "other"
        response.headers[REQUEST_ID] = flask.g.edml_id
        response.headers["Cache-Control"] = "no-store"
        self.metrics.answered(route, response.status_code, seconds)
        told = {
            "request_id": flask.g.edml_id,
            "route": route,
            "status": response.status_code,
            "ms": round(1000 * seconds, 2),
            **flask.g.edml_told,
        }
        LOGGER.info("request", extra={"edml": told})
        return response

    def refuse(self, problem: Problem) -> flask.Response:
        """Answer a request that is refused.

        Parameters
        ----------
        problem : Problem
            Why.

        Returns
        -------
        response : flask.Response
            Its document.
        """
        self._begin_late()
        flask.g.edml_told["code"] = problem.code
        document = problem.to_dict(flask.g.edml_id)
        response = _answer(document, MEDIA_TYPE, problem.status)
        response.headers.update(problem.headers)
        return response

    def refuse_http(self, error: HTTPException) -> flask.Response:
        """Answer a request that Flask refuses.

        Parameters
        ----------
        error : HTTPException
            Why.

        Returns
        -------
        response : flask.Response
            As for `refuse`.
        """
        status = error.code or 500
        detail = _REMEDIES.get(status, "The request cannot be read. Send it again.")
        allow = getattr(error, "valid_methods", None)
        headers = {"Allow": ", ".join(sorted(allow))} if allow else {}
        code = _NAMED.get(status, "request")
        return self.refuse(Problem(status, code, detail, headers=headers))

    def fail(self, error: Exception) -> flask.Response:
        """Answer a request at which edml itself failed.

        Parameters
        ----------
        error : Exception
            Of any kind; it is logged without its text, which may hold values.

        Returns
        -------
        response : flask.Response
            As for `refuse`.
        """
        self._begin_late()
        told = {"request_id": flask.g.edml_id}
        LOGGER.error("failure", exc_info=error, extra={"edml": told})
        if isinstance(error, MemoryError):
            detail = "The body takes more memory than there is. Send fewer students."
            return self.refuse(Problem(413, "too-large", detail))
        detail = "The endpoint failed. Tell its operator the request_id."
        return self.refuse(Problem(500, "failure", detail))

    def allow(self, scope: str) -> None:
        """Let a request in.

        Parameters
        ----------
        scope : {"predict", "read"}
            What it wants.

        Raises
        ------
        Problem
            If its token may not.
        """
        if self._book.open:
            return
        kind, _, secret = flask.request.headers.get("Authorization", "").partition(" ")
        scopes = self._book.find(secret.strip())
        if kind.lower() != "bearer" or scopes is None:
            detail = (
                "Expected a known token in the header 'Authorization: Bearer TOKEN'; "
                "found none, or another. Ask the operator for one."
            )
            headers = {"WWW-Authenticate": 'Bearer realm="edml"'}
            raise Problem(401, "no-token", detail, headers=headers)
        if scope not in scopes:
            detail = (
                f"Expected a token with the scope {scope!r}; found one without it. Ask "
                "the operator for another."
            )
            why = f'error="insufficient_scope", scope="{scope}"'
            headers = {"WWW-Authenticate": f'Bearer realm="edml", {why}'}
            raise Problem(403, "scope", detail, headers=headers)

    def champion(self) -> Champion:
        """Give the model that answers.

        Returns
        -------
        champion : Champion
            It stays the same for this request.

        Raises
        ------
        Problem
            If there is none yet.
        """
        champion = self.watch.champion
        if champion is None:
            detail = (
                "Expected a champion in the registry; found none that can be loaded. "
                "Promote a version, or look into the log of the endpoint."
            )
            headers = {"Retry-After": self._retry}
            raise Problem(503, "no-champion", detail, headers=headers)
        return champion

    # -- the routes --------------------------------------------------------------------

    def predict(self) -> flask.Response:
        """Score the events of the body."""
        self.allow("predict")
        deadline = flask.g.edml_begun + self._limits.timeout_seconds
        explain, language = _read_query()
        champion = self.champion()
        body = self._read_body(deadline)
        X = read_events(
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
            explain=explain,
            language=language,
            deadline=deadline,
        )
        n_students = len(answer["predictions"])
        self.metrics.predicted(len(X), n_students)
        flask.g.edml_told.update(
            rows=len(X), students=n_students, version=champion.version
        )
        return _answer(answer)

    def health(self) -> flask.Response:
        """Tell that the process answers."""
        return _answer({"status": "ok"})

    def ready(self) -> flask.Response:
        """Tell whether there is a champion."""
        self.champion()
        return _answer({"status": "ready"})

    def model(self) -> flask.Response:
        """Give the record of the champion."""
        self.allow("read")
        champion = self.champion()
        return _answer({"name": champion.name, **champion.record.to_dict()})

    def openapi(self) -> flask.Response:
        """Describe the endpoint."""
        self.allow("read")
        champion = self.watch.champion
        columns = (
            dict(zip(REQUIRED_COLUMNS, REQUIRED_COLUMNS, strict=True))
            if champion is None
            else champion.scorer.columns
        )
        tokens = not self._book.open
        return _answer(describe_endpoint(columns, self._limits, tokens=tokens))

    def figures(self) -> flask.Response:
        """Give the figures of this process."""
        self.allow("read")
        text = self.metrics.expose(healthy=self.watch.problem is None)
        return flask.Response(text, content_type=_metrics.CONTENT_TYPE)

    def _read_body(self, deadline: float) -> bytes:
        encoding = flask.request.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() != "identity":
            detail = (
                "Expected a body that is not compressed; found the header "
                "Content-Encoding. Send Parquet, which is compressed in itself."
            )
            raise Problem(415, "content-encoding", detail)
        most = self._limits.max_body_bytes
        if (flask.request.content_length or 0) > most:
            raise refuse_body(self._limits)
        chunks, size = [], 0
        while chunk := flask.request.stream.read(min(_CHUNK, most + 1 - size)):
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                raise refuse_body(self._limits)
            if time.monotonic() > deadline:
                detail = (
                    f"Expected the body within {self._limits.timeout_seconds:g} "
                    "seconds; found that it came too slowly. Send it again, or less."
                )
                raise Problem(408, "too-slow", detail)
        return b"".join(chunks)


def _read_query() -> tuple[bool, str]:
    """Read the parameters of a prediction; what is not known is refused."""
    given = flask.request.args.to_dict(flat=False)
    explain = given.pop("explain", ["0"])
    language = given.pop("language", ["en"])
    if given or len(explain) != 1 or explain[0] not in _TRUTHS:
        detail = (
            "Expected the parameters explain (1, 0, true or false) and language, once "
            "each; found another parameter or value. Mend the query."
        )
        raise Problem(400, "query", detail)
    if len(language) != 1 or language[0] not in LANGUAGES:
        detail = f"Expected language as one of {LANGUAGES}; found another. Choose one."
        raise Problem(400, "query", detail)
    return _TRUTHS[explain[0]], language[0]


def _answer(
    document: dict[str, Any], media_type: str = JSON, status: int = 200
) -> flask.Response:
    return flask.Response(orjson.dumps(document), status, content_type=media_type)
