"""A piece of work on a server: whatever goes wrong there is told in one way."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edml._optional import import_optional
from edml.exceptions import TrackingError
from edml.tracking._store import describe, open_client, public_uri, resolve_uri


@contextmanager
def working(tracking_uri: str | None, left: str) -> Iterator[Any]:
    """Give MLflow's client while the block runs.

    Parameters
    ----------
    tracking_uri : str or None
        As `resolve_uri` takes it.
    left : str
        What is left when it fails, and what to do then: a sentence.

    Yields
    ------
    client : mlflow.MlflowClient
        Of a store that answers.

    Raises
    ------
    TrackingError
        If the store does not answer, or refuses what it is asked.
    """
    with open_client(tracking_uri) as client:
        failure = mlflow("mlflow.exceptions").MlflowException
        try:
            yield client
        except (failure, OSError) as error:  # OSError: of requests, and of the disk
            uri = resolve_uri(tracking_uri)
            message = f"MLflow at {public_uri(uri)} failed: {describe(error, uri)}"
            raise TrackingError(f"{message} {left}") from error


def mlflow(module: str = "mlflow") -> Any:
    """Import a module of MLflow, or say which extra brings it.

    Parameters
    ----------
    module : str, default="mlflow"
        Its dotted name.

    Returns
    -------
    module : module
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints
        return import_optional(module, extra="mlflow", purpose="edml.tracking")


def every(search: Callable[..., Any], **query: Any) -> list[Any]:
    """Give all that a search finds, page after page.

    Parameters
    ----------
    search : callable
        A search of MLflow's client.
    **query : object
        What it is asked.

    Returns
    -------
    found : list
        In the order in which the server gives them.
    """
    found: list[Any] = []
    token = None
    while True:
        page = search(page_token=token, **query)
        found += page
        token = page.token
        if not token:
            return found
