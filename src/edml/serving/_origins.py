"""Origins: the web pages of other addresses that may read answers (CORS)."""

import re
from collections.abc import Iterable

import flask

from edml.exceptions import ServingError

_ORIGIN = re.compile(
    r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?", flags=re.ASCII
)
_SENT = "Authorization, Content-Encoding, Content-Type, X-Request-ID"
_READ = "Retry-After, X-Request-ID"
_REMEMBERED = "600"  # seconds


class Origins:
    """The origins whose pages may call the endpoint; by default none."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._known = frozenset([origins] if isinstance(origins, str) else origins)
        if not all(_ORIGIN.fullmatch(str(origin)) for origin in self._known):
            raise ServingError(
                "Expected origins such as 'https://tutors.example.org', in lower case "
                "and without a path; found another form. Name every origin: '*' would "
                "let any page use the token of whoever opens it."
            )

    def allow(self, response: flask.Response) -> None:
        """Add the headers by which a browser decides to an answer."""
        if not self._known:
            return
        response.vary.add("Origin")
        origin = flask.request.headers.get("Origin")
        if origin not in self._known:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _READ
        if flask.request.method == "OPTIONS":  # the browser asks before it sends
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = _SENT
            response.headers["Access-Control-Max-Age"] = _REMEMBERED
