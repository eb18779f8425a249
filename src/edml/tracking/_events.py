"""What a search says to MLflow: plain texts and finite numbers, in its limits."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from edml import __version__
from edml.tracking._outbox import BEGIN, END, Event

_MAX_KEY = 250  # characters, MLflow's limits
_MAX_PARAM = 6000
_MAX_TAG = 5000
_MAX_NAME = 250
_METRICS = (
    "score",
    "best_score",
    "estimate",
    "roc_auc",
    "n_folds",
    "wall_time",
    "fit_time",
    "score_time",
)
NOTE = (
    "A search of edml. Its scores chose among many candidates, so that the best one "
    "flatters its model: they rank, and are not the performance of the model. That is "
    "judged on other students."
)


def make_begin(
    search: str,
    target: str,
    experiment: str,
    run_name: str | None,
    started: int,
    history: str = "",
) -> Event:
    """Give the event that opens a search.

    Parameters
    ----------
    search : str
        Its id.
    target : str
        The server's address, without secrets.
    experiment : str
        The name of the experiment.
    run_name : str or None
        The name of the parent run.
    started : int
        When it began, in milliseconds since 1970.
    history : str, default=""
        What `hash_history` gives, where it is known.

    Returns
    -------
    event : dict
    """
    return {
        "kind": "begin",
        "search": search,
        "order": BEGIN,
        "target": target,
        "experiment": experiment,
        "name": to_text(run_name or f"search {search[:8]}", _MAX_NAME),
        "started": started,
        "history": history,
        "tags": {
            "edml.search": search,
            "edml.version": __version__,
            "mlflow.note.content": NOTE,
            "mlflow.source.name": "edml",
        },
    }


def make_candidate(search: str, row: Mapping[str, Any], began: float) -> Event:
    """Give the event of a candidate.

    Parameters
    ----------
    search : str
        The id of the search.
    row : mapping of str to object
        What `ModelTuner.fit` hands to its callback.
    began : float
        When the fit began, in seconds since 1970.

    Returns
    -------
    event : dict
        Unknown figures are left out: MLflow would draw them.
    """
    number, status = int(row["number"]), str(row["status"])
    started = began + _finite(row.get("started"), 0.0)
    ended = started + _finite(row.get("wall_time"), 0.0)
    metrics = [[name, row.get(name), 0] for name in _METRICS]
    folds = row.get("fold_scores")
    folds = [] if folds is None else list(folds)
    metrics += [["fold_score", score, fold] for fold, score in enumerate(folds)]
    algorithm = to_text(row["algorithm"], _MAX_NAME - 20)
    tags = {
        "edml.search": search,
        "edml.candidate": str(number),
        "edml.algorithm": algorithm,
        "edml.status": status,
    }
    refines = _finite(row.get("refines"), math.nan)
    if not math.isnan(refines):
        tags["edml.refines"] = str(int(refines))
    if row.get("blends"):
        tags["edml.blends"] = str(int(row["blends"]))
    if row.get("error"):
        tags["edml.error"] = to_text(row["error"], _MAX_TAG)
    return {
        "kind": "candidate",
        "search": search,
        "order": number + 1,
        "name": f"{number:04d} {algorithm}",
        "status": "FAILED" if status == "failed" else "FINISHED",
        "started": to_milliseconds(started),
        "ended": to_milliseconds(ended),
        "params": to_params(row.get("params") or {}),
        "metrics": to_metrics(metrics),
        "tags": tags,
    }


def to_milliseconds(seconds: float) -> int:
    """Give a time as MLflow counts it."""
    return round(1000 * seconds)


def to_metrics(metrics: list[list[Any]]) -> list[list[Any]]:
    """Keep the figures that are known.

    Parameters
    ----------
    metrics : list of [name, value, step]
        Values may be None, NaN or infinite.

    Returns
    -------
    metrics : list of [name, value, step]
        With finite values alone.
    """
    known = [[name, _finite(value, math.nan), step] for name, value, step in metrics]
    return [metric for metric in known if not math.isnan(metric[1])]


def _finite(value: Any, otherwise: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return otherwise
    return number if math.isfinite(number) else otherwise


def to_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Give parameters under names and with values that MLflow takes.

    Parameters
    ----------
    params : mapping of str to object
        Any names, any values.

    Returns
    -------
    params : dict of str to str
        As many as there were, in the same order.
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    for name, value in params.items():
        key = to_key(str(name))
        if key.casefold() in used:  # some databases take capitals for the same
            key = f"{key[: _MAX_KEY - 9]}_{_short_hash(str(name))}"
        used.add(key.casefold())
        found[key] = to_text(value, _MAX_PARAM)
    return found


def to_key(name: str) -> str:
    """Give a name that MLflow takes, the same where it takes it already.

    Parameters
    ----------
    name : str
        Any.

    Returns
    -------
    key : str
        Of letters, digits, ``_``, ``-``, spaces and stops, none of which leads.
    """
    key = re.sub(r"[^\w.\- ]", "_", to_text(name, 10 * _MAX_KEY))
    if not key or key[0] == ".":  # it must not look like a path
        key = f"_{key[1:]}"
    if len(key) > _MAX_KEY:
        key = f"{key[: _MAX_KEY - 9]}_{_short_hash(name)}"
    return key


def to_text(value: Any, length: int) -> str:
    """Give a value as a text of bounded length.

    Parameters
    ----------
    value : object
        Anything.
    length : int
        Longest text, in characters.

    Returns
    -------
    text : str
        Cut with a remark where it was longer.
    """
    text = str(value).replace("\x00", "�")
    text = text.encode("utf-8", "replace").decode("utf-8")  # no half characters
    if len(text) <= length:
        return text
    remark = f"… ({len(text)} characters)"
    return text[: length - len(remark)] + remark


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def read_rows(tuner: Any) -> list[dict[str, Any]]:
    """Give the rows of a fitted tuner as its callback was handed them.

    Parameters
    ----------
    tuner : ModelTuner
        Fitted.

    Returns
    -------
    rows : list of dict
    """
    rows = tuner.history_.to_dict("records")
    for number, row in enumerate(rows):
        row["number"] = number
        row["fold_scores"] = []
        if row["status"] == "evaluated":
            row["fold_scores"] = [
                float(tuner.cv_results_[f"split{fold}_test_score"][number])
                for fold in range(tuner.n_splits_)
            ]
    return rows


def hash_history(tuner: Any) -> str:
    """Give what identifies a search that is over: all that it tried, and when.

    Parameters
    ----------
    tuner : ModelTuner
        Fitted.

    Returns
    -------
    digest : str
        32 hexadecimal digits.
    """
    said = [
        [str(row[name]) for name in ("algorithm", "status", "score", "started")]
        + [str(row["wall_time"]), to_params(row["params"])]
        for row in read_rows(tuner)
    ]
    plan = str(tuner.split_plan_.hash)
    data = json.dumps([plan, said]).encode()
    return hashlib.sha256(data).hexdigest()[:32]


def make_end(
    search: str,
    status: str,
    ended: int,
    *,
    metrics: list[list[Any]] | None = None,
    params: dict[str, str] | None = None,
    tags: Mapping[str, Any] | None = None,
    artifacts: dict[str, str] | None = None,
    best: int | None = None,
) -> Event:
    """Give the event that ends a search.

    Parameters
    ----------
    search : str
        Its id.
    status : {"FINISHED", "FAILED", "KILLED"}
        How the parent run ends.
    ended : int
        When, in milliseconds since 1970.
    metrics : list of [name, value, step], default=None
        Of the parent.
    params : dict of str to str, default=None
        What `to_params` gives.
    tags : mapping of str to object, default=None
        Of the parent.
    artifacts : dict of str to str, default=None
        Names of files, and their bytes in base64.
    best : int, default=None
        The number of the chosen candidate.

    Returns
    -------
    event : dict
    """
    return {
        "kind": "end",
        "search": search,
        "order": END,
        "status": status,
        "ended": ended,
        "metrics": to_metrics(metrics or []),
        "params": params or {},
        "tags": {name: to_text(v, _MAX_TAG) for name, v in (tags or {}).items()},
        "artifacts": artifacts or {},
        "best": best,
    }
