"""log_search: log a finished search as MLflow runs."""

import time
import warnings
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from edml.exceptions import TrackingError
from edml.tracking._client import public_uri, require_mlflow, resolve_uri
from edml.tracking._outbox import DEFAULT_FOLDER, Record, SearchLog
from edml.tracking._records import (
    hash_history,
    make_begin,
    make_candidate,
    make_end,
    read_rows,
)
from edml.tracking._sender import Sender


def log_search(
    tuner: Any,
    experiment: str = "edml",
    tracking_uri: str | None = None,
    *,
    run_name: str | None = None,
) -> str:
    """Log a finished search to MLflow.

    The search is a parent run, and each candidate a child run with its parameters, the
    score of each fold, times, and the error if it failed. The parent run has the course
    of the best score, fingerprints of the split plan and the data, and the tuner's
    parameters. The scores were used to choose among candidates, and do not estimate
    performance.

    No data of the table is sent. What could not be sent waits in the folder
    ``.edml-outbox`` of the working directory.

    Parameters
    ----------
    tuner : ModelTuner
        Fitted.
    experiment : str, default="edml"
        Name of the experiment, which is created if it does not exist.
    tracking_uri : str, default=None
        Address of the server; None is the file ``mlflow.db`` in the working
        directory.
    run_name : str, default=None
        Name of the parent run; None generates one.

    Returns
    -------
    run_id : str
        Id of the parent run. A search that is already on the server, from a
        `MlflowCallback` or an earlier call, is not logged again.

    Raises
    ------
    NotFittedError
        If the tuner is not fitted.
    TrackingError
        If the tracking URI is invalid, or the server does not accept everything; the
        rest waits in the outbox.
    MissingExtraError
        If MLflow is not installed.

    Warns
    -----
    UserWarning
        If the search was logged before, or the server rejected a part of it.

    See Also
    --------
    MlflowCallback : Log a search while it runs.

    Examples
    --------
    >>> from edml.tracking import log_search
    >>> log_search(tuner, tracking_uri="http://localhost:5000")  # doctest: +SKIP
    '0b3bd0c5e5a24a3b9bb1c9d3b2c7f3a1'
    """
    require_mlflow()
    check_is_fitted(tuner, "history_")
    uri = resolve_uri(tracking_uri)
    history = hash_history(tuner)
    spent = (tuner.history_["started"] + tuner.history_["wall_time"]).max()
    began = time.time() - float(spent) - float(tuner.refit_time_)
    log = SearchLog(DEFAULT_FOLDER, history)
    log.path.unlink(missing_ok=True)  # of an earlier attempt
    log.append(
        make_begin(history, public_uri(uri), experiment, run_name, began, history),
        *(make_candidate(history, row, began) for row in read_rows(tuner)),
        *describe_search(tuner, history),
    )
    report = Sender(log, uri).wait()
    if log.path.exists() or history not in report.runs:
        raise TrackingError(explain_pending(log.folder, uri, report.error))
    if history in report.known:
        warnings.warn(
            f"This search was logged before, as run {report.runs[history]}; nothing "
            "was logged again.",
            UserWarning,
            stacklevel=2,
        )
    return report.runs[history]


def explain_pending(folder: Path, uri: str, reason: str) -> str:
    """Explain where the rest of a search waits, and how to send it."""
    address = public_uri(uri)
    return (
        f"Expected MLflow at {address} to take the whole search; the rest waits in "
        f"{folder}. {reason}".strip()
        + f" Send it with: edml registry sync --mlflow {address}"
    )


def describe_search(tuner: Any, history: str) -> tuple[Record, Record]:
    """Return the records that end a search: the best candidate, and everything else."""
    table = tuner.history_
    metrics = [
        ("search/chosen_score", tuner.best_score_, 0),
        ("search/n_candidates", len(table), 0),
        ("search/n_models", len(tuner.candidates_), 0),
        ("search/seconds", (table["started"] + table["wall_time"]).max(), 0),
        ("search/refit_seconds", tuner.refit_time_, 0),
    ]
    counts = table["status"].value_counts()
    metrics += [(f"search/n_{status}", n, 0) for status, n in counts.items()]
    best = {f"best.{name}": value for name, value in tuner.best_params_.items()}
    model = getattr(tuner, "best_estimator_", None)
    end = make_end(
        "FINISHED",
        metrics=metrics,
        params={**tuner.get_params(deep=False), **best},
        tags={
            "edml.history": history,
            "edml.split_plan": tuner.split_plan_.hash,
            "edml.data_fingerprint": getattr(model, "data_fingerprint_", ""),
            "edml.best_candidate": str(tuner.best_index_),
            "edml.interrupted": str(bool(tuner.interrupted_)).lower(),
        },
    )
    return {"key": str(tuner.best_index_), "tags": {"edml.best": "true"}}, end
