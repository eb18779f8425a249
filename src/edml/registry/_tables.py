"""What a registry holds, as tables."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from edml.registry._evaluations import used_for_choosing
from edml.registry._record import FIGURES, ModelRecord
from edml.registry._shelf import Shelf
from edml.registry._stages import champion_before
from edml.registry._store import State

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


def list_records(shelf: Shelf, stage: str | None) -> pd.DataFrame:
    """Give the versions as a table.

    Parameters
    ----------
    shelf : Shelf
        The models.
    stage : str or None
        Which to list; None is all.

    Returns
    -------
    table : DataFrame
        One row per version.
    """
    # row by row: a thousand records at once would keep the garbage collector busy
    rows = [
        _row(shelf, shelf.read(version, found))
        for version, found in shelf.store.state().stages.items()
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


def _row(shelf: Shelf, record: ModelRecord) -> dict[str, Any]:
    brief = shelf.evaluations.headline(record)
    figures = {} if brief is None else brief.figures
    return {
        "version": record.version,
        "stage": record.stage,
        "algorithm": record.algorithm,
        "created_at": record.created_at,
        "threshold": record.threshold,
        **{name: figures.get(name, np.nan) for name in FIGURES},
        "evaluated_at": None if brief is None else brief.evaluated_at,
        "purpose": None if brief is None else brief.purpose,
        "parent": record.parent,
        "tags": record.tags,
    }


def list_evaluations(shelf: Shelf, version: int) -> pd.DataFrame:
    """Give the evaluations of a version as a table.

    Parameters
    ----------
    shelf : Shelf
        The models.
    version : int
        Its number.

    Returns
    -------
    table : DataFrame
        One row per evaluation, the oldest first.
    """
    numbers = shelf.evaluations.numbers(version)
    found = [shelf.evaluations.read(version, number) for number in numbers]
    briefs = [brief for brief, _ in found]
    used = used_for_choosing(briefs)
    table = pd.DataFrame(
        {
            "number": numbers,
            "purpose": [brief.purpose for brief in briefs],
            "evaluated_at": [brief.evaluated_at for brief in briefs],
            "fair": [brief.data_fingerprint not in used for brief in briefs],
            "data_fingerprint": [brief.data_fingerprint for brief in briefs],
            **_figure_columns([brief.figures for brief in briefs]),
            "evaluation": _objects([evaluation for _, evaluation in found]),
        }
    )
    return _typed(
        table, number="int64", purpose="str", fair="bool", data_fingerprint="str"
    )


def list_history(history: Sequence[State]) -> pd.DataFrame:
    """Give the changes of the stages as a table.

    Parameters
    ----------
    history : sequence of State
        All states, the oldest first.

    Returns
    -------
    table : DataFrame
        The columns of `ModelRegistry.history`.
    """
    moves = [_moves(*pair) for pair in pairwise([State(), *history])]
    table = pd.DataFrame(
        {
            "generation": [one.generation for one in history],
            "when": [one.when for one in history],
            "who": [one.who for one in history],
            "what": [one.what for one in history],
            "why": [one.why for one in history],
            "champion": [one.champion for one in history],
            "previous_champion": [
                champion_before(history[: n + 1], one) for n, one in enumerate(history)
            ],
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


def _figure_columns(figures: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {
        name: np.array([one.get(name, np.nan) for one in figures], dtype=np.float64)
        for name in FIGURES
    }


def _objects(values: Sequence[Any]) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def _typed(table: pd.DataFrame, **dtypes: str) -> pd.DataFrame:
    for name in ("created_at", "evaluated_at", "when"):
        if name in table:
            table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601")
    return table.astype(dtypes)
