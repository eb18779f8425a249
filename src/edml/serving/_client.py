"""RiskClient: a DataFrame of events in, a DataFrame of students out."""

import re
from collections.abc import Callable
from http import HTTPStatus
from numbers import Integral, Real
from typing import Any, Self

import pandas as pd
from sklearn.utils import check_scalar

from edml import __version__
from edml._messages import coded
from edml._optional import import_optional
from edml.exceptions import ServingError
from edml.serving._problem import MEDIA_TYPE
from edml.serving._wire import JSON, encode, parse, read_answer, refusal

_CONNECT_SECONDS = 10.0
_LONGEST_WAIT = 60  # seconds, whatever Retry-After says
_TOKEN = re.compile(r"[!-~]+", flags=re.ASCII)


class RiskClient:
    """A client for an endpoint of `create_app` or ``edml-serve``.

    If the endpoint is busy (503), unreachable or drops the connection, the request is
    repeated after a pause that doubles each time, or that the endpoint specifies.
    Requests are idempotent. Threads may share a client.

    Parameters
    ----------
    url : str
        Address of the endpoint, such as "https://risk.example.org".
    token : str, default=None
        Bearer token. It appears in no output, and is sent to this address only:
        redirects are not followed.
    timeout : float, default=30.0
        Seconds to wait for each answer, above 0. A request that timed out is not
        repeated.
    retries : int, default=5
        Maximum number of retries, at least 0.
    certificate : str, default=None
        PEM file of trusted certificates, for an endpoint with a private one; None
        trusts the system's.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the address has a user and a password.
    MissingExtraError
        If the extra ``serve`` is not installed.

    See Also
    --------
    create_app : Create the endpoint.

    Examples
    --------
    >>> from edml.serving import RiskClient
    >>> with RiskClient("https://risk.example.org", "a-secret") as client:
    ...     client
    RiskClient('https://risk.example.org')
    """

    __module__ = "edml.serving"

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 5,
        certificate: str | None = None,
    ) -> None:
        urllib3 = import_optional("urllib3", extra="serve", purpose="RiskClient")
        check_scalar(timeout, "timeout", Real, min_val=0, include_boundaries="neither")
        check_scalar(retries, "retries", Integral, min_val=0)
        self._urllib3 = urllib3
        self._url = _checked_url(urllib3, url)
        self._headers = _make_headers(token)
        self._retry = _retry(urllib3, int(retries))
        self._http = urllib3.PoolManager(
            num_pools=1,
            maxsize=16,  # one connection for each of the threads that share a client
            timeout=urllib3.Timeout(
                connect=min(float(timeout), _CONNECT_SECONDS), read=float(timeout)
            ),
            ca_certs=certificate,
        )

    def __repr__(self) -> str:
        return f"RiskClient({self._url!r})"  # never the token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client opens new ones on its next use."""
        self._http.clear()

    def predict(
        self,
        X: pd.DataFrame,
        explain: bool = False,
        language: str = "en",
        *,
        at: int | None = None,
    ) -> pd.DataFrame:
        """Request the risk of students.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            All known events of the students, sent as Parquet where pyarrow is
            installed, else as JSON, without a final grade.
        explain : bool, default=False
            Whether to request reasons and facts too.
        language : {"en", "es"}, default="en"
            Language of the reasons and facts.
        at : int, default=None
            Predict at the end of this course day, at least 0; None predicts at each
            student's latest.

        Returns
        -------
        students : DataFrame of shape (n_histories, n_columns)
            One row per student and course at the latest partition, the highest
            probability first, bit-identical to
            `edml.classifier.DeployedClassifier.score_students`: ``user_uuid``,
            ``course_uuid``, ``particion``, ``probability``, ``flagged``, ``threshold``,
            ``model_version``, and on request ``reasons`` and ``facts``, both lists of
            str.

        Raises
        ------
        ServingError
            If the endpoint rejects the table, is unreachable or has no champion.
        TypeError
            If ``X`` is not a DataFrame, or ``at`` not a whole number.
        ValueError
            If ``at`` is negative.

        Warns
        -----
        UserWarning
            If the endpoint inferred something about the table, such as the unit of
            dates, or left students out who have no event up to ``at``.
        """
        if not isinstance(X, pd.DataFrame):
            raise TypeError(
                f"Expected a DataFrame of events; found {type(X).__name__}. Read the "
                "events with pandas first."
            )
        body, content_type = encode(X)
        asked = {"explain": "1", "language": language} if explain else {}
        if at is not None:
            check_scalar(at, "at", Integral, min_val=0)
            asked["at"] = str(int(at))
        answer = self._read(self._send("POST", "/predict", body, content_type, asked))
        return read_answer(answer, explain)

    def model(self) -> dict[str, Any]:
        """Return the record of the served model.

        Returns
        -------
        record : dict
            The champion's record: its version, threshold, parameters and more.

        Raises
        ------
        ServingError
            If the endpoint rejects the request, is unreachable or has no champion.
        """
        record: dict[str, Any] = self._read(self._send("GET", "/model"))
        return record

    def ready(self) -> bool:
        """Check whether the endpoint has a champion, without retries.

        Returns
        -------
        ready : bool
            Whether it can predict.

        Raises
        ------
        ServingError
            If it is unreachable, or the address is not that of an edml endpoint.
        """
        response = self._send("GET", "/ready", retry=False)
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return False
        self._read(response)
        return True

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str | None = None,
        asked: dict[str, str] | None = None,
        retry: bool = True,
    ) -> Any:
        query = "?" + "&".join(f"{k}={v}" for k, v in asked.items()) if asked else ""
        try:
            return self._http.request(
                method,
                f"{self._url}{path}{query}",
                body=body,
                headers=self._headers(content_type),
                retries=self._retry if retry else self._retry.new(total=0),
                redirect=False,
            )
        except self._urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            message = coded(
                "no_answer",
                f"Expected an answer from {self._url}; found {_without_place(reason)}. "
                "Check the address, and that the endpoint runs.",
                url=self._url,
            )
            raise ServingError(message) from None  # its traceback holds the token

    def _read(self, response: Any) -> Any:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        if response.status == HTTPStatus.OK and kind == JSON:
            answer = parse(response.data)
            if isinstance(answer, dict):
                return answer
        if kind == MEDIA_TYPE and isinstance(problem := parse(response.data), dict):
            raise ServingError(refusal(self._url, response.status, problem))
        message = coded(
            "not_endpoint",
            f"Expected the answer of an edml endpoint at {self._url}; found status "
            f"{response.status} and {kind or 'no content type'}. Check the address, "
            "and the proxy before it.",
            url=self._url,
            status=response.status,
        )
        raise ServingError(message)


def _make_headers(token: str | None) -> Callable[[str | None], dict[str, str]]:
    """Return the function of a request's headers, whose repr hides the token."""
    common = {"Accept": f"{JSON}, {MEDIA_TYPE}", "User-Agent": f"edml/{__version__}"}
    if token is not None:
        if not (isinstance(token, str) and _TOKEN.fullmatch(token)):
            raise ValueError(
                "Expected a token of visible ASCII characters; found another form. "
                "Strip the white space around it."
            )
        common["Authorization"] = f"Bearer {token}"
    return lambda kind: common if kind is None else {**common, "Content-Type": kind}


def _checked_url(urllib3: Any, url: str) -> str:
    try:
        parts = urllib3.util.parse_url(url)
    except urllib3.exceptions.HTTPError:
        parts = urllib3.util.Url()
    more = parts.auth or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.host or more:
        raise ValueError(
            "Expected an address such as 'https://risk.example.org', without user, "
            "password or query; found another form. Pass a token as token=."
        )
    whole: str = parts.url
    return whole.rstrip("/")


def _retry(urllib3: Any, retries: int) -> Any:
    class Retry(urllib3.Retry):
        """Retries, except after a timeout: the same request would time out again."""

        def increment(self, *args: Any, **kwargs: Any) -> Any:
            error = kwargs.get("error")
            if isinstance(error, urllib3.exceptions.ReadTimeoutError):
                raise error
            return super().increment(*args, **kwargs)

        def parse_retry_after(self, retry_after: str) -> float:
            try:
                return super().parse_retry_after(retry_after)
            except urllib3.exceptions.InvalidHeader:
                return 0.0  # use the default pause

    return Retry(
        total=retries,
        allowed_methods=None,  # all methods: requests are idempotent
        status_forcelist=(HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE),
        backoff_factor=0.1,
        backoff_max=10,
        backoff_jitter=0.1,
        retry_after_max=_LONGEST_WAIT,
        raise_on_status=False,
    )


def _without_place(reason: object) -> str:
    """Remove the object with its memory address from the start of urllib3's message."""
    text = re.sub(r"^<?[\w.]*(Connection|Pool)\([^)]*\)>?: ", "", str(reason))
    return text.rstrip(".")
