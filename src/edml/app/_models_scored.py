"""A version's predictions for the app's table: probabilities and importances.

This module reads no outcome of these students and exposes no student keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import EdmlError, TableError
from edml.explanation import explain, own_importance
from edml.registry import ModelRecord
from edml.schema import (
    COURSE,
    STUDENT,
    FloatArray,
    IntArray,
    canonical_names,
    columns_of,
    fail_column,
    is_event_table,
    latest_rows,
)

N_IMPORTANT = 20
MAX_POINTS = 2000
# Rows that are explained within seconds. Boosted trees compute contributions
# themselves; a forest takes 5 to 11 ms a row, any other classifier thousands of
# predictions.
_ROWS = {
    "LGBMClassifier": 2000,
    "XGBClassifier": 2000,
    "RandomForestClassifier": 200,
    "ExtraTreesClassifier": 200,
    "DecisionTreeClassifier": 200,
    "Blend": 40,  # it may consist of five forests
}
_OTHER_ROWS = 20


@dataclass(frozen=True)
class Scored:
    """The latest row of each history in the table, scored by a version."""

    rows: IntArray  # positions in the table
    probability: FloatArray


@dataclass(frozen=True)
class Importance:
    """The features that a version relies on most."""

    table: pd.DataFrame  # feature and weight, the heaviest first, none without weight
    n_features: int  # of the model
    scale: str  # "log-odds" or "probability" of contributions, or "model": its own
    n_rows: int  # rows explained; 0 for the model's own weights


@dataclass(frozen=True)
class Points:
    """Predictions over the three features that weigh most."""

    table: pd.DataFrame  # the three features, NaN where unknown, and probability
    features: tuple[str, ...]
    n_all: int  # histories, of which the table has `MAX_POINTS` at most


def score_latest(model: Any, table: pd.DataFrame) -> Scored:
    """Score each student and course of an event table at the latest day."""
    names = columns_of(model)
    if not is_event_table(table, names):
        raise _other_table("its columns of student, course and partition are not there")
    rows = latest_rows(table, names)
    try:
        probability = _probability(model, table, rows, names)
    except EdmlError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        # raised by a model that does not read events; its message may hold a value
        raise _other_table(type(error).__name__) from None
    return Scored(rows, probability)


def _probability(
    model: Any, table: pd.DataFrame, rows: IntArray, names: Mapping[str, str]
) -> FloatArray:
    if not hasattr(model, "score_students"):
        every = np.asarray(model.predict_proba(table), dtype=np.float64)
        return every[rows, fail_column(model)]
    keys = table[[names[STUDENT], names[COURSE]]].iloc[rows]
    students = canonical_names(model.score_students(table, n_reasons=0), names)
    found = students.set_index([STUDENT, COURSE])["probability"]
    return found.reindex(pd.MultiIndex.from_frame(keys)).to_numpy(np.float64)


def _other_table(why: str) -> TableError:
    return TableError(
        f"This version reads another table than the one that the app was given ({why})."
        " Choose another version, or start the app with its table."
    )


def explained_rows(record: ModelRecord) -> int:
    """Return the number of rows that a version can explain within seconds."""
    return _ROWS.get(record.algorithm, _OTHER_ROWS)


def importance_of(
    model: Any, table: pd.DataFrame, rows: IntArray, n_rows: int
) -> Importance:
    """Return the features that weigh most in the scores of at most n_rows rows."""
    explained = _draw(rows, n_rows)
    explanation = explain(model, table, rows=explained, progress=False)
    weights = explanation.importance()
    return _ranked(weights, explanation.scale, len(explained))


def stored_importance(model: Any) -> Importance | None:
    """Return the importances that a model itself stores, or None."""
    weights = own_importance(model)
    return None if weights is None else _ranked(weights, "model", 0)


def points_of(
    model: Any, table: pd.DataFrame, scored: Scored, importance: Importance
) -> Points | None:
    """Return the scores over the three heaviest features; None without named ones."""
    features = model.features(table) if hasattr(model, "features") else None
    names = [str(name) for name in importance.table["feature"][:3]]
    if (
        not isinstance(features, pd.DataFrame)
        or len(names) < 3
        or not set(names) <= set(map(str, features.columns))
    ):
        return None
    kept = _draw(np.arange(len(scored.rows)), MAX_POINTS)
    chosen = features[names].iloc[scored.rows[kept]].reset_index(drop=True)
    chosen["probability"] = scored.probability[kept]
    return Points(chosen, tuple(names), len(scored.rows))


def _ranked(weights: pd.Series, scale: str, n_rows: int) -> Importance:
    top = weights[weights > 0].head(N_IMPORTANT)
    table = pd.DataFrame(
        {
            "feature": [str(name) for name in top.index],
            "weight": top.to_numpy(dtype=np.float64),
        }
    )
    return Importance(table, len(weights), scale, n_rows)


def _draw(rows: IntArray, limit: int) -> IntArray:
    if len(rows) <= limit:
        return rows
    random = np.random.default_rng(0)  # draw the same rows each time
    kept = np.sort(random.choice(len(rows), limit, replace=False))
    return rows[kept]
