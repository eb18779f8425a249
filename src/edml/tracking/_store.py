"""The way to MLflow: the address of a store, and a client that gives up in time."""

import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edml._optional import import_optional
from edml.exceptions import MissingExtraError, TrackingError

LOCAL_STORE = "sqlite:///mlflow.db"
REQUEST_SECONDS = 20  # for each answer
_SQLITE = "sqlite:///"
_NO_SCHEME = re.compile(r"[\w.-]+:\d+(/.*)?")  # such as localhost:5000
_MAX_MESSAGE = 500  # characters; some servers answer with a page


def require_mlflow() -> None:
    """Say how to install MLflow where it is not; import it no earlier than needed.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    if find_spec("mlflow") is None:
        import_optional("mlflow", extra="mlflow", purpose="edml.tracking")


def resolve_uri(tracking_uri: str | None) -> str:
    """Give the address of a store, the same from every working directory.

    Parameters
    ----------
    tracking_uri : str or None
        As MLflow takes it; None is the file ``mlflow.db`` in the working directory.

    Returns
    -------
    uri : str
        With an absolute path where it is a local file or folder.

    Raises
    ------
    TrackingError
        If it is empty, or a host and a port without the scheme.
    """
    uri = LOCAL_STORE if tracking_uri is None else str(tracking_uri).strip()
    if not uri or _NO_SCHEME.fullmatch(uri):
        message = (
            f"tracking_uri={tracking_uri!r} is no address. Pass one such as "
            f"'http://localhost:5000' or {LOCAL_STORE!r}."
        )
        raise TrackingError(message)
    if uri.startswith(_SQLITE):
        path, mark, query = uri.removeprefix(_SQLITE).partition("?")
        return f"{_SQLITE}{Path(path).absolute().as_posix()}{mark}{query}"
    if "://" not in uri and not uri.startswith(("file:", "databricks", "uc")):
        return Path(uri).absolute().as_uri()
    return uri.rstrip("/")


def public_uri(uri: str) -> str:
    """Give an address as it may be shown and stored: without user and password.

    Parameters
    ----------
    uri : str
        As `resolve_uri` gives it.

    Returns
    -------
    uri : str
        The same for all users of a store.
    """
    secret = urlsplit(uri).netloc.rpartition("@")[0]
    return uri.replace(f"{secret}@", "", 1) if secret else uri


class _Bounds:
    """MLflow's settings for as long as somebody needs them.

    MLflow reads them from the environment alone, at each request. Left to itself it
    asks a dead server for minutes, and sends again what may have arrived.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_users = 0
        self._before: dict[str, str | None] = {}

    def enter(self, settings: dict[str, str]) -> None:
        with self._lock:
            if not self._n_users:
                self._before = {name: os.environ.get(name) for name in settings}
                os.environ.update(settings)
            self._n_users += 1

    def leave(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users:
                return
            for name, value in self._before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


_BOUNDS = _Bounds()


@contextmanager
def bounded(seconds: int = REQUEST_SECONDS) -> Iterator[None]:
    """Let MLflow ask once and wait a bounded time, and tell nobody else, meanwhile.

    Parameters
    ----------
    seconds : int, default=20
        Longest wait for an answer.
    """
    _BOUNDS.enter(
        {
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # what a command prints may be read by a program
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        }
    )
    try:
        yield
    finally:
        _BOUNDS.leave()


@contextmanager
def open_client(
    tracking_uri: str | None, *, seconds: int = REQUEST_SECONDS
) -> Iterator[Any]:
    """Give MLflow's client of a store that answers, while the block runs.

    Parameters
    ----------
    tracking_uri : str or None
        As `resolve_uri` takes it.
    seconds : int, default=20
        Longest wait for each answer, inside the block as well.

    Yields
    ------
    client : mlflow.MlflowClient
        Of runs and of registered models.

    Raises
    ------
    TrackingError
        If the store does not answer.
    MissingExtraError
        If MLflow is not installed.
    """
    require_mlflow()
    uri = resolve_uri(tracking_uri)
    with bounded(seconds):
        try:
            client = _connect(uri)
        except MissingExtraError:
            raise
        except Exception as error:  # of MLflow, of the database, of a plugin
            message = (
                f"Expected MLflow at {public_uri(uri)}; found: {describe(error, uri)} "
                "Start the server, or correct the address, and try again."
            )
            raise TrackingError(message) from error
        yield client


def _connect(uri: str) -> Any:
    with warnings.catch_warnings():
        # of what MLflow imports, and of how it uses it
        warnings.simplefilter("ignore")
        mlflow = import_optional("mlflow", extra="mlflow", purpose="edml.tracking")
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    return client


def describe(error: BaseException, uri: str) -> str:
    """Tell an error of MLflow in a line, without the address's password.

    Parameters
    ----------
    error : BaseException
        Whatever was raised.
    uri : str
        The address.

    Returns
    -------
    text : str
        Ends with a stop.
    """
    root = error
    while inner := root.__cause__ or root.__context__:
        root = inner
    if isinstance(root, TimeoutError):
        return "It did not answer in time."
    if isinstance(root, ConnectionError):
        return f"{root.strerror or type(root).__name__}."
    text = " ".join(f"{type(error).__name__}: {error}".split())
    secret = urlsplit(uri).netloc.rpartition("@")[0]
    if secret:
        text = text.replace(f"{secret}@", "")
    text = text[:_MAX_MESSAGE] + ("…" if len(text) > _MAX_MESSAGE else "")
    return text if text.endswith((".", "…")) else f"{text}."


def ensure_experiment(client: Any, name: str) -> str:
    """Give the id of an experiment, which is made where there is none.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.
    name : str
        Of the experiment.

    Returns
    -------
    experiment_id : str

    Raises
    ------
    TrackingError
        If the experiment is there, and deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name)
        except Exception:
            found = client.get_experiment_by_name(name)  # made by another one just now
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        message = (
            f"Expected experiment {name!r} to be active; found that it is deleted. "
            "Restore it on the server, or name another one."
        )
        raise TrackingError(message)
    return found.experiment_id
