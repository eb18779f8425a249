"""The connection to MLflow: its address, a client, and errors without credentials.

In the user's process MLflow keeps the user's settings: its own environment variables
set timeouts and retries. The sender process has separate settings (`_sender`).
"""

import re
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from edml._optional import import_optional
from edml.exceptions import MissingExtraError, TrackingError

LOCAL_STORE = "sqlite:///mlflow.db"
_SQLITE = "sqlite:///"
_NO_SCHEME = re.compile(r"[\w.-]+:\d+(/.*)?")  # such as localhost:5000
_PROBE_SECONDS = 20
_MAX_MESSAGE = 500  # characters; some servers answer with a whole page


def require_mlflow() -> None:
    """Raise `MissingExtraError` without MLflow, but leave its slow import for later."""
    if find_spec("mlflow") is None:
        mlflow()


def mlflow(module: str = "mlflow") -> Any:
    """Import a module of MLflow without the warnings about its own type hints."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_optional(module, extra="mlflow", purpose="edml.tracking")


def resolve_uri(tracking_uri: str | None) -> str:
    """Return the store's address, independent of the working directory."""
    uri = LOCAL_STORE if tracking_uri is None else str(tracking_uri).strip()
    if not uri or _NO_SCHEME.fullmatch(uri):
        message = (
            f"Expected a tracking URI such as 'http://localhost:5000' or "
            f"{LOCAL_STORE!r}; found {tracking_uri!r}. Add the scheme."
        )
        raise TrackingError(message)
    if uri.startswith(_SQLITE):
        path, mark, query = uri.removeprefix(_SQLITE).partition("?")
        return f"{_SQLITE}{Path(path).absolute().as_posix()}{mark}{query}"
    if "://" not in uri and not uri.startswith(("file:", "databricks", "uc")):
        return Path(uri).absolute().as_uri()
    return uri.rstrip("/")


def public_uri(uri: str) -> str:
    """Return an address without credentials, safe for messages and files.

    Database drivers also take passwords in the query, so only SQLite keeps that.
    """
    if not uri.startswith("sqlite:"):
        uri = uri.partition("?")[0]
    secret = urlsplit(uri).netloc.rpartition("@")[0]
    return uri.replace(f"{secret}@", "", 1) if secret else uri


def describe_error(error: BaseException, uri: str) -> str:
    """Describe an error of MLflow in one line, without the address's credentials."""
    root = error
    while inner := root.__cause__ or root.__context__:
        root = inner
    if isinstance(root, TimeoutError):
        return "It did not answer in time."
    if isinstance(root, ConnectionError):
        return f"{root.strerror or type(root).__name__}."
    text = " ".join(f"{type(error).__name__}: {error}".split())
    text = text.replace(uri, public_uri(uri))
    secret = urlsplit(uri).netloc.rpartition("@")[0]
    if secret:
        text = text.replace(f"{secret}@", "")
    text = text[:_MAX_MESSAGE] + ("…" if len(text) > _MAX_MESSAGE else "")
    return text if text.endswith((".", "…")) else f"{text}."


def make_client(uri: str) -> Any:
    """Return an `MlflowClient` of a reachable store; ``uri`` is from `resolve_uri`."""
    try:
        if uri.startswith(("http:", "https:")):
            _check_reachable(uri)
        client = mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except MissingExtraError:
        raise
    except Exception as error:  # of MLflow, a database or a plugin
        message = (
            f"Expected MLflow at {public_uri(uri)}; found: {describe_error(error, uri)}"
            " Start the server, or correct the address, and try again."
        )
        raise TrackingError(message) from error
    return client


def _check_reachable(uri: str) -> None:
    """Raise if nothing answers, because MLflow itself would retry for minutes."""
    try:
        urlopen(f"{public_uri(uri)}/health", timeout=_PROBE_SECONDS).close()  # noqa: S310 - http(s)
    except HTTPError:
        return  # an answer, such as a proxy's request for a password
    except URLError as error:
        if not isinstance(error.reason, ssl.SSLError):  # MLflow has settings for these
            raise


@contextmanager
def connected(tracking_uri: str | None, advice: str) -> Iterator[Any]:
    """Yield a client; errors in the block become a TrackingError with the advice."""
    uri = resolve_uri(tracking_uri)
    require_mlflow()
    client = make_client(uri)
    failure = mlflow("mlflow.exceptions").MlflowException
    try:
        yield client
    except (failure, OSError) as error:  # OSError: of requests, and of the disk
        message = f"MLflow at {public_uri(uri)} failed: {describe_error(error, uri)}"
        raise TrackingError(f"{message} {advice}") from error


def search_all(search: Callable[..., Any], *given: Any, **query: Any) -> list[Any]:
    """Return all pages of one of the client's searches, in the server's order."""
    found: list[Any] = []
    token = None
    while True:
        page = search(*given, page_token=token, **query)
        found += page
        token = page.token
        if not token:
            return found


def ensure_experiment(client: Any, name: str) -> str:
    """Return the id of an experiment, and create it if it does not exist."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except Exception:
            found = client.get_experiment_by_name(name)  # another process made it
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        message = (
            f"Expected experiment {name!r} to be active; found that it is deleted. "
            "Restore it on the server, or name another one."
        )
        raise TrackingError(message)
    return str(found.experiment_id)


def log_batches(
    client: Any,
    run_id: str,
    metrics: Sequence[Any] = (),
    params: Mapping[str, str] = MappingProxyType({}),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Log to a run; MLflow divides what is too much for one request."""
    kinds = mlflow("mlflow.entities")
    pairs = [kinds.Param(name, value) for name, value in params.items()]
    marks = [kinds.RunTag(name, value) for name, value in tags.items()]
    client.log_batch(run_id, metrics, pairs, marks, synchronous=True)
