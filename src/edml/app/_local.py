"""Averages and explanations, computed locally for a list of students."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from edml.datasets import as_of
from edml.explanation import Explanation, explain, history_facts
from edml.feature_extraction import FeatureEngineer
from edml.preprocessing import DataCleaner
from edml.schema import (
    COURSE,
    NAME_COLUMNS,
    STUDENT,
    IntArray,
    columns_of,
    latest_rows,
    step_parameter,
)

_N_REASONS = 3  # as in score_students
#: Rows of a list that are explained at once, by any model and by a quick one.
N_EXPLAINED, _MOST_EXPLAINED = 15, 2_000
#: The features that are averages, by their names in the list.
_AVERAGES = {"exam_average": "nota_overall_mean", "score_average": "score_mean"}


def explain_history(
    model: Any, X: pd.DataFrame, at: float, who: tuple[Any, Any], language: str
) -> tuple[list[str], list[str]]:
    """Return the reasons and facts of one history, as `score_students` does.

    ``X`` holds all scored events; the background is drawn from them. There are no
    reasons if the model's classifier has no probabilities.
    """
    days = float(step_parameter(model, "partition_days", 1.0))
    names = columns_of(model)
    shown = as_of(X, at, columns=names, partition_days=days)
    rows = latest_rows(shown, names)
    keys = shown[[names[STUDENT], names[COURSE]]].iloc[rows]
    row = rows[(keys == list(who)).all(axis=1).to_numpy()][:1]
    (facts,) = history_facts(
        shown, row, columns=names, partition_days=days, language=language
    )
    if not hasattr(model.pipeline_, "predict_proba"):
        return [], facts
    explanation = _explain(model, shown, row, names[STUDENT])
    (reasons,) = explanation.reasons(_N_REASONS, language)
    return reasons, facts


def list_reasons(
    model: Any, X: pd.DataFrame, at: float, students: pd.DataFrame, language: str
) -> tuple[list[list[str] | None], list[list[str]]]:
    """Return the reasons of each row of a list, and the features behind them.

    Trees that compute contributions themselves explain the first 2,000 rows, any other
    model the first 15; None and no features for the rest.
    """
    names = columns_of(model)
    days = float(step_parameter(model, "partition_days", 1.0))
    shown = as_of(X, at, columns=names, partition_days=days)
    rows = latest_rows(shown, names)
    known = _histories(shown.iloc[rows], names[STUDENT], names[COURSE])
    rows = rows[known.get_indexer(_histories(students, STUDENT, COURSE))]
    found: list[list[str] | None] = [None] * len(rows)
    features: list[list[str]] = [[]] * len(rows)
    if not hasattr(model.pipeline_, "predict_proba"):
        return found, features
    for some in (slice(0, N_EXPLAINED), slice(N_EXPLAINED, _MOST_EXPLAINED)):
        if len(rows[some]):
            explanation = _explain(model, shown, rows[some], names[STUDENT])
            found[some] = explanation.reasons(_N_REASONS, language).to_list()
            features[some] = explanation.reason_features(_N_REASONS).to_list()
            if explanation.scale != "log-odds":  # slow
                break
    return found, features


def _explain(
    model: Any, shown: pd.DataFrame, rows: IntArray, student: str
) -> Explanation:
    """Explain some rows; no feature depends on the events of other students."""
    kept = shown[student].isin(shown[student].iloc[rows]).to_numpy(dtype=np.bool_)
    place = np.cumsum(kept) - 1
    return explain(
        model, shown[kept], rows=place[rows], background=shown, progress=False
    )


def add_averages(
    students: pd.DataFrame,
    X: pd.DataFrame,
    at: float,
    names: Mapping[str, str],
    *,
    partition_days: float = 1.0,
    pending: str = "missing",
) -> pd.DataFrame:
    """Add ``exam_average`` and ``score_average`` to a list from `score_students`.

    They are the model's own features, as known at the end of partition ``at``; NaN
    where there is no grade yet.
    """
    shown = as_of(X, at, columns=names, partition_days=partition_days)
    latest = np.zeros(len(shown), dtype=np.bool_)
    latest[latest_rows(shown, names)] = True
    # most rows are empty ticks, which do not affect any feature
    work = shown.reindex(columns=[names[name] for name in NAME_COLUMNS])
    named = work.notna().to_numpy().any(axis=1)
    shown, rows = shown[named | latest], np.flatnonzero(latest[named | latest])
    engineer = FeatureEngineer(
        columns=names, pending=pending, partition_days=partition_days, fill_value=None
    )
    cleaned = DataCleaner(columns=names).fit_transform(shown)
    features = engineer.fit_transform(cleaned)
    known = _histories(shown.iloc[rows], names[STUDENT], names[COURSE])
    place = known.get_indexer(_histories(students, STUDENT, COURSE))
    found = {
        name: np.asarray(features[feature], dtype=np.float64)[rows][place]
        for name, feature in _AVERAGES.items()
    }
    return students.assign(**found)


def _histories(table: pd.DataFrame, *columns: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table[name].astype(object) for name in columns])
