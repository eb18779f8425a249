"""The contents of a registry, as tables."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from edml.registry._evaluations import rows_of_contests
from edml.registry._record import FIGURES, ModelRecord
from edml.registry._state import State, previous_champions
from edml.registry._store import ModelStore

_COLUMNS = (
    "version",
    "stage",
    "algorithm",
    "created_at",
    "threshold",
    *FIGURES,
    "evaluated_at",
    "purpose",
    "parent",
    "tags",
)


def list_records(store: ModelStore, stage: str | None) -> pd.DataFrame:
    """Return the table of `ModelRegistry.records`."""
    # row by row: a thousand records at once slow down the garbage collector
    rows = [
        _row(store, store.record_in(version, found))
        for version, found in store.state().stages.items()
        if stage in (None, found)
    ]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in _COLUMNS}
    columns["tags"] = _objects(columns["tags"])
    table = pd.DataFrame(columns)
    return _typed(
        table,
        version="int64",
        stage="str",
        algorithm="str",
        purpose="str",
        parent="Int64",
        **dict.fromkeys(("threshold", *FIGURES), "float64"),
    )


def _row(store: ModelStore, record: ModelRecord) -> dict[str, Any]:
    headline = store.fair_headline(record)
    metrics = {} if headline is None else headline.metrics
    return {
        "version": record.version,
        "stage": record.stage,
        "algorithm": record.algorithm,
        "created_at": record.created_at,
        "threshold": record.threshold,
        **{name: metrics.get(name, np.nan) for name in FIGURES},
        "evaluated_at": None if headline is None else headline.evaluated_at,
        "purpose": None if headline is None else headline.purpose,
        "parent": record.parent,
        "tags": record.tags,
    }


def list_evaluations(store: ModelStore, version: int) -> pd.DataFrame:
    """Return the table of `ModelRegistry.evaluations`."""
    numbers = store.evaluation_numbers(version)
    found = [store.load_evaluation(version, number) for number in numbers]
    headlines = [headline for headline, _ in found]
    used = rows_of_contests(headlines)
    table = pd.DataFrame(
        {
            "number": numbers,
            "purpose": [one.purpose for one in headlines],
            "evaluated_at": [one.evaluated_at for one in headlines],
            "fair": [one.data_fingerprint not in used for one in headlines],
            "data_fingerprint": [one.data_fingerprint for one in headlines],
            **_metric_columns([one.metrics for one in headlines]),
            "evaluation": _objects([evaluation for _, evaluation in found]),
        }
    )
    return _typed(
        table, number="int64", purpose="str", fair="bool", data_fingerprint="str"
    )


def list_history(history: Sequence[State]) -> pd.DataFrame:
    """Return the table of `ModelRegistry.history`."""
    moves = [_moves(*pair) for pair in pairwise([State(), *history])]
    table = pd.DataFrame(
        {
            "generation": [one.generation for one in history],
            "when": [one.when for one in history],
            "who": [one.who for one in history],
            "what": [one.what for one in history],
            "why": [one.why for one in history],
            "champion": [one.champion for one in history],
            "previous_champion": previous_champions(history),
            "changes": [
                "; ".join(f"{version}: {was} to {now}" for version, was, now in one)
                for one in moves
            ],
            "moves": _objects(moves),
            "detail": _objects([one.detail for one in history]),
        }
    )
    texts = dict.fromkeys(("who", "what", "why", "changes"), "str")
    whole = dict.fromkeys(("champion", "previous_champion"), "Int64")
    return _typed(table, generation="int64", **whole, **texts)


def _moves(before: State, after: State) -> list[tuple[int, str, str]]:
    return [
        (
            version,
            before.stages.get(version, "new"),
            after.stages.get(version, "removed"),
        )
        for version in sorted({*before.stages, *after.stages})
        if before.stages.get(version) != after.stages.get(version)
    ]


def _metric_columns(metrics: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {
        name: np.array([one.get(name, np.nan) for one in metrics], dtype=np.float64)
        for name in FIGURES
    }


def _objects(values: Sequence[Any]) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def _typed(table: pd.DataFrame, **dtypes: str) -> pd.DataFrame:
    for name in ("created_at", "evaluated_at", "when"):
        if name in table:
            table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601")
    return table.astype(dtypes)
