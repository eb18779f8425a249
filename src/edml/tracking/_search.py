"""log_search: a search that is over, as runs of MLflow."""

import base64
import warnings
from io import BytesIO
from typing import Any

from sklearn.utils.validation import check_is_fitted

from edml._optional import import_optional
from edml.exceptions import MissingExtraError, TrackingError
from edml.tracking._events import (
    hash_history,
    make_end,
    read_rows,
    to_milliseconds,
    to_params,
)
from edml.tracking._outbox import DEFAULT_FOLDER, Event, Outbox
from edml.tracking._recording import Recording, now
from edml.tracking._store import public_uri, require_mlflow, resolve_uri
from edml.tuning import ConvergenceDisplay, ParameterImportanceDisplay

_DPI = 120


def log_search(
    tuner: Any,
    experiment: str = "edml",
    tracking_uri: str | None = None,
    *,
    run_name: str | None = None,
) -> str:
    """Log a search that is over to MLflow.

    One parent run stands for the search, and one child run for each candidate: its
    parameters, the score of each fold, times, and the error of what failed. The
    parent has the convergence and which parameters mattered as pictures, the
    fingerprints of the split plan and of the data, and the tuner's parameters. What
    it calls scores chose among candidates, and is no performance.

    Nothing of the table is sent. What could not be sent waits in the folder
    ``.edml-outbox`` of the working directory.

    Parameters
    ----------
    tuner : ModelTuner
        Fitted.
    experiment : str, default="edml"
        Name of the experiment; made where there is none.
    tracking_uri : str, default=None
        Address of the server; None is the file ``mlflow.db`` in the working
        directory.
    run_name : str, default=None
        Name of the parent run; None makes one up.

    Returns
    -------
    run_id : str
        Of the parent run. A search that is on the server already, from a
        `MlflowCallback` or an earlier call, is not logged again.

    Raises
    ------
    NotFittedError
        If the tuner is not fitted.
    TrackingError
        If the server does not take all; the rest waits.
    MissingExtraError
        If MLflow is not installed.

    See Also
    --------
    MlflowCallback : Logs while the search goes on.

    Examples
    --------
    >>> from edml.tracking import log_search
    >>> log_search(tuner, tracking_uri="http://localhost:5000")  # doctest: +SKIP
    '0b3bd0c5e5a24a3b9bb1c9d3b2c7f3a1'
    """
    require_mlflow()
    check_is_fitted(tuner, "history_")
    uri = resolve_uri(tracking_uri)
    outbox = Outbox(DEFAULT_FOLDER)
    history = hash_history(tuner)
    spent = (tuner.history_["started"] + tuner.history_["wall_time"]).max()
    began = now() - float(spent) - float(tuner.refit_time_)
    recording = Recording(outbox, uri, experiment, run_name, began, history)
    for row in read_rows(tuner):
        recording.add(row)
    report = recording.end(describe_search(tuner, history), None)
    report.warn(outbox)
    n_left = recording.n_left()
    if n_left or history not in report.runs:
        raise TrackingError(explain_left(n_left, outbox, uri, report.error))
    if history in report.known:
        warnings.warn(
            f"This search was logged before, as run {report.runs[history]}; nothing "
            "was logged again.",
            UserWarning,
            stacklevel=2,
        )
    return report.runs[history]


def explain_left(n_left: int, outbox: Outbox, uri: str, reason: str) -> str:
    """Say what was not sent, where it waits, and how it gets there.

    Parameters
    ----------
    n_left : int
        Number of events.
    outbox : Outbox
        Where they are.
    uri : str
        Where they should go.
    reason : str
        Why they did not; may be empty.

    Returns
    -------
    message : str
    """
    address = public_uri(uri)
    return (
        f"Expected MLflow at {address} to take the whole search; {n_left} of its "
        f"events wait in {outbox.folder}. {reason}".strip()
        + f" Send them with: edml registry sync --mlflow {address}"
    )


def describe_search(tuner: Any, history: str, search: str | None = None) -> Event:
    """Give the event that ends a search: what it found, labelled as such.

    Parameters
    ----------
    tuner : ModelTuner
        Fitted.
    history : str
        What `hash_history` gives.
    search : str, default=None
        The id of the search; None is ``history``.

    Returns
    -------
    event : dict
    """
    table = tuner.history_
    counts = table["status"].value_counts()
    statuses = ("evaluated", "dropped", "stopped", "failed")
    metrics = [
        ["search/chosen_score", tuner.best_score_, 0],
        ["search/n_candidates", len(table), 0],
        ["search/n_models", len(tuner.candidates_), 0],
        ["search/seconds", (table["started"] + table["wall_time"]).max(), 0],
        ["search/refit_seconds", tuner.refit_time_, 0],
    ]
    metrics += [[f"search/n_{name}", counts.get(name, 0), 0] for name in statuses]
    best = {f"best.{name}": value for name, value in tuner.best_params_.items()}
    model = getattr(tuner, "best_estimator_", None)
    return make_end(
        search or history,
        "FINISHED",
        to_milliseconds(now()),
        metrics=metrics,
        params=to_params({**tuner.get_params(deep=False), **best}),
        tags={
            "edml.history": history,
            "edml.split_plan": tuner.split_plan_.hash,
            "edml.data_fingerprint": getattr(model, "data_fingerprint_", ""),
            "edml.best_candidate": str(tuner.best_index_),
            "edml.interrupted": str(bool(tuner.interrupted_)).lower(),
        },
        artifacts={**_draw(tuner), "history.csv": _encode(_table(tuner))},
        best=int(tuner.best_index_),
    )


def _table(tuner: Any) -> bytes:
    return tuner.history_.to_csv(index_label="number").encode("utf-8", "replace")


def _draw(tuner: Any) -> dict[str, str]:
    """Draw the search, as far as there is something to draw, and what draws it."""
    pictures = {}
    displays: dict[str, Any] = {
        "convergence.png": ConvergenceDisplay,
        "importance.png": ParameterImportanceDisplay,
    }
    for name, display in displays.items():
        try:
            figures = import_optional(
                "matplotlib.figure", extra="plot", purpose="Plotting"
            )
            # no figure of pyplot's, which a notebook or a window would show
            figure = figures.Figure(figsize=(8, 6), layout="constrained")
            display.from_tuner(tuner, ax=figure.subplots())
        except (MissingExtraError, ValueError):  # of too few candidates
            continue
        data = BytesIO()
        figure.savefig(data, format="png", dpi=_DPI)
        pictures[name] = _encode(data.getvalue())
    return pictures


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
