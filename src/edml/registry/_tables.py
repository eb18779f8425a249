"""The contents of a registry, as tables."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from edml.metrics import METRIC_TITLES
from edml.registry._evaluations import rows_of_contests
from edml.registry._record import ModelRecord
from edml.registry._state import State
from edml.registry._store import ModelStore

_RECORDS = {
    "version": "int64",
    "stage": "str",
    "algorithm": "str",
    "created_at": "datetime",
    "threshold": "float64",
    **dict.fromkeys(METRIC_TITLES, "float64"),
    "evaluated_at": "datetime",
    "purpose": "str",
    "evaluated_on": "str",
    "intervals": "object",
    "n_students": "Int64",
    "n_failing_students": "Int64",
    "parent": "Int64",
    "tags": "object",
}
_EVALUATIONS = {
    "number": "int64",
    "purpose": "str",
    "evaluated_at": "datetime",
    "fair": "bool",
    "data_fingerprint": "str",
    **dict.fromkeys(METRIC_TITLES, "float64"),
    "evaluation": "object",
}
_HISTORY = {
    "generation": "int64",
    "when": "datetime",
    "who": "str",
    "what": "str",
    "why": "str",
    "champion": "Int64",
    "previous_champion": "Int64",
    "changes": "str",
    "moves": "object",
    "detail": "object",
}


def list_records(store: ModelStore, stage: str | None) -> pd.DataFrame:
    """Return the table of `ModelRegistry.records`."""
    # row by row: a thousand records at once slow down the garbage collector
    rows = [
        _row(store, store.record_in(version, found))
        for version, found in store.state().stages.items()
        if stage in (None, found)
    ]
    return _table(rows, _RECORDS)


def _row(store: ModelStore, record: ModelRecord) -> dict[str, Any]:
    shown = {name: getattr(record, name) for name in _RECORDS if hasattr(record, name)}
    headline = store.fair_headline(record)
    if headline is None:
        return shown
    rows = {"evaluated_on": headline.data_fingerprint}
    return headline.metrics | vars(headline) | (headline.counts or {}) | rows | shown


def list_evaluations(store: ModelStore, version: int) -> pd.DataFrame:
    """Return the table of `ModelRegistry.evaluations`."""
    numbers = store.evaluation_numbers(version)
    found = [store.load_evaluation(version, number) for number in numbers]
    used = rows_of_contests(headline for headline, _ in found)
    rows = [
        headline.metrics
        | vars(headline)
        | {
            "number": number,
            "fair": headline.data_fingerprint not in used,
            "evaluation": evaluation,
        }
        for number, (headline, evaluation) in zip(numbers, found, strict=True)
    ]
    return _table(rows, _EVALUATIONS)


def list_history(history: Sequence[State]) -> pd.DataFrame:
    """Return the table of `ModelRegistry.history`."""
    rows = []
    for before, state in pairwise([State(), *history]):
        moves = state.moves_since(before)
        changes = [f"{version}: {was} to {now}" for version, was, now in moves]
        rows.append(
            vars(state)
            | {
                "champion": state.champion,
                "previous_champion": state.previous_champion,
                "changes": "; ".join(changes),
                "moves": moves,
            }
        )
    return _table(rows, _HISTORY)


def _table(rows: Sequence[dict[str, Any]], dtypes: dict[str, str]) -> pd.DataFrame:
    """Return the columns in ``dtypes``; a metric without a value is NaN."""
    columns = {}
    for name, dtype in dtypes.items():
        values = pd.Series([row.get(name) for row in rows], dtype=object)
        if dtype == "datetime":
            columns[name] = pd.to_datetime(values, utc=True, format="ISO8601")
        else:
            columns[name] = values.astype(dtype)
    return pd.DataFrame(columns)
