"""The records of a search: strings and finite numbers, within MLflow's limits.

A record holds what to log to one run: ``key`` is the number of its candidate, or
`PARENT`. A record with a ``status`` ends its run.
"""

import hashlib
import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from edml import __version__
from edml.tracking._outbox import Record

_MAX_KEY = 250  # characters, MLflow's limits
_MAX_PARAM = 6000
_MAX_TAG = 5000
_MAX_NAME = 250
_METRICS = ("score", "best_score", "wall_time", "fit_time", "score_time")
PARENT = ""
NOTE = (
    "A search of edml. Its scores rank the candidates, and flatter the best one. They "
    "are not the performance of the model, which is evaluated on other students."
)

Metric = tuple[str, Any, int]  # name, value, step


def make_begin(
    search: str,
    target: str,
    experiment: str,
    run_name: str | None,
    started: float,
    history: str = "",
) -> Record:
    """Return the record that opens a search, ``started`` in seconds since 1970.

    ``target`` is the public address of the server, ``history`` the hash of a search
    that is over.
    """
    return {
        "key": PARENT,
        "target": target,
        "experiment": experiment,
        "history": history,
        "name": to_text(run_name or f"search {search[:8]}", _MAX_NAME),
        "started": to_milliseconds(started),
        "tags": {
            "edml.search": search,
            "edml.version": __version__,
            "mlflow.note.content": NOTE,
            "mlflow.source.name": "edml",
        },
    }


def make_candidate(search: str, row: Mapping[str, Any], began: float) -> Record:
    """Return the record of a candidate's run, from what a tuner's callback receives.

    ``began`` is the start of the fit, in seconds since 1970.
    """
    number, status = int(row["number"]), str(row["status"])
    started = began + _to_finite(row.get("started"), 0.0)
    ended = started + _to_finite(row.get("wall_time"), 0.0)
    folds = row.get("fold_scores")
    metrics = [(name, row.get(name), 0) for name in _METRICS]
    metrics += [
        ("fold_score", score, fold)
        for fold, score in enumerate([] if folds is None else folds)
    ]
    algorithm = to_text(row["algorithm"], _MAX_NAME - 20)
    tags = {
        "edml.search": search,
        "edml.candidate": str(number),
        "edml.algorithm": algorithm,
        "edml.status": status,
    }
    if row.get("error"):
        tags["edml.error"] = to_text(row["error"], _MAX_TAG)
    return {
        "key": str(number),
        "name": f"{number:04d} {algorithm}",
        "status": "FAILED" if status == "failed" else "FINISHED",
        "started": to_milliseconds(started),
        "ended": to_milliseconds(ended),
        "params": to_params(row.get("params") or {}),
        "metrics": keep_finite(metrics),
        "of_parent": keep_finite(
            [("search/best_score", row.get("best_score"), number)]
        ),
        "tags": tags,
    }


def make_end(
    status: str,
    *,
    metrics: Iterable[Metric] = (),
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> Record:
    """Return the record that ends the parent run now."""
    return {
        "key": PARENT,
        "status": status,
        "ended": to_milliseconds(time.time()),
        "metrics": keep_finite(metrics),
        "params": to_params(params or {}),
        "tags": {name: to_text(v, _MAX_TAG) for name, v in (tags or {}).items()},
    }


def to_milliseconds(seconds: float) -> int:
    """Return a time in MLflow's unit, milliseconds."""
    return round(1000 * seconds)


def keep_finite(metrics: Iterable[Metric]) -> list[Metric]:
    """Drop NaN and infinite metrics, which MLflow would plot."""
    known = [(name, _to_finite(value, math.nan), step) for name, value, step in metrics]
    return [metric for metric in known if not math.isnan(metric[1])]


def _to_finite(value: Any, default: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return number if math.isfinite(number) else default


def to_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters with names and values that MLflow accepts."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for name, value in params.items():
        key = to_key(str(name))
        if key.casefold() in used:  # some databases ignore the case of names
            key = _with_hash(key, str(name))
        used.add(key.casefold())
        found[key] = to_text(value, _MAX_PARAM)
    return found


def to_key(name: str) -> str:
    """Return the nearest name that MLflow accepts: letters, digits and ``_-. ``."""
    key = re.sub(r"[^\w.\- ]", "_", to_text(name, 10 * _MAX_KEY))
    if not key or key[0] == ".":  # must not look like a path
        key = f"_{key[1:]}"
    return key if len(key) <= _MAX_KEY else _with_hash(key, name)


def _with_hash(key: str, name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    return f"{key[: _MAX_KEY - 9]}_{digest[:8]}"


def to_text(value: Any, length: int) -> str:
    """Return a value as text, truncated with a note if it exceeds ``length``."""
    text = str(value).replace("\x00", "�")
    text = text.encode("utf-8", "replace").decode("utf-8")  # no lone surrogates
    if len(text) <= length:
        return text
    remark = f"… ({len(text)} characters)"
    return text[: length - len(remark)] + remark


def read_rows(tuner: Any) -> list[dict[str, Any]]:
    """Return the rows of a fitted tuner as its callback received them."""
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
    """Return 32 hex digits that identify a finished search by candidates and times."""
    names = ("algorithm", "status", "score", "started", "wall_time")
    rows = [
        [*(str(row[name]) for name in names), to_params(row["params"])]
        for row in tuner.history_.to_dict("records")
    ]
    data = json.dumps([str(tuner.split_plan_.hash), rows]).encode()
    return hashlib.sha256(data).hexdigest()[:32]
