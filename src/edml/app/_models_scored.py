"""What a version makes of the table that the app was given: reasons and flags.

Nothing here says how good the model is: the outcomes of these students are not looked
at. No student's key is in what leaves this file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml.classifier._units import latest_rows
from edml.exceptions import EdmlError, TableError
from edml.explanation import explain
from edml.registry import ModelRecord
from edml.schema import (
    COURSE,
    STUDENT,
    FloatArray,
    IntArray,
    columns_of,
    is_event_table,
)

N_IMPORTANT = 20
MAX_POINTS = 2000
# Boosted trees tell their contributions at once; a forest takes 5 to 11 ms a row, and
# any other classifier thousands of predictions a row.
_ROWS = {
    "LGBMClassifier": 2000,
    "XGBClassifier": 2000,
    "Blend": 40,  # it may be of five forests
}
_FOREST_ROWS = 200
_OTHER_ROWS = 20
_FORESTS = (
    "SerialForest",  # of make_risk_pipeline
    "RandomForestClassifier",
    "ExtraTreesClassifier",
    "DecisionTreeClassifier",
)


@dataclass(frozen=True)
class Scored:
    """The latest rows of the table, as a version scores them.

    Attributes
    ----------
    rows : ndarray of shape (n_histories,)
        Positions in the table: one for each student and course.
    courses : ndarray of shape (n_histories,)
        Their courses, as text.
    probability : ndarray of shape (n_histories,)
        Of failing.
    """

    rows: IntArray
    courses: Any
    probability: FloatArray


@dataclass(frozen=True)
class Importance:
    """The features that a version goes by most.

    Attributes
    ----------
    table : DataFrame
        feature and weight, the weightiest first, `N_IMPORTANT` at most, and none that
        weighs nothing.
    n_features : int
        How many there are.
    scale : {"log-odds", "probability", "model"}
        Unit of the weights: of mean absolute contributions, or the model's own.
    n_rows : int
        Rows that were explained; 0 where the weights are the model's own.
    """

    table: pd.DataFrame
    n_features: int
    scale: str
    n_rows: int


@dataclass(frozen=True)
class Points:
    """Predictions over the three features that weigh most.

    Attributes
    ----------
    table : DataFrame
        The three features, and ``probability``; a feature is NaN where nothing is
        known yet.
    features : tuple of str
        Names of the three.
    n_all : int
        How many there would be; `MAX_POINTS` of them at most are in the table.
    """

    table: pd.DataFrame
    features: tuple[str, ...]
    n_all: int


def score_latest(model: Any, table: pd.DataFrame, courses: Any = None) -> Scored:
    """Score each student and course of an event table at its latest day.

    Parameters
    ----------
    model : RiskClassifier or what it deploys
        A version's.
    table : DataFrame
        The events.
    courses : array-like of str of shape (n_rows,), default=None
        What people call the course of each row; None is its id.

    Returns
    -------
    scored : Scored

    Raises
    ------
    TableError
        If the table is none that the model reads.
    """
    names = columns_of(model)
    if not is_event_table(table, names):
        raise _other_table("its columns of student, course and partition are not there")
    rows = latest_rows(table, names)
    try:
        probability = _probability(model, table, rows, names)
    except EdmlError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        # of a model without a pipeline from events; its message may hold a value
        raise _other_table(type(error).__name__) from None
    labels = table[names[COURSE]].astype(str) if courses is None else courses
    return Scored(rows, np.asarray(labels)[rows], probability)


def _probability(
    model: Any, table: pd.DataFrame, rows: IntArray, names: Mapping[str, str]
) -> FloatArray:
    if not hasattr(model, "score_students"):
        return np.asarray(model.predict_proba(table), dtype=np.float64)[rows, 1]
    keys = table[[names[STUDENT], names[COURSE]]].iloc[rows]
    told = model.score_students(table, n_reasons=0)
    found = told.set_index([STUDENT, COURSE])["probability"]
    return found.reindex(pd.MultiIndex.from_frame(keys)).to_numpy(np.float64)


def _other_table(why: str) -> TableError:
    return TableError(
        f"This version reads another table than the one that the app was given ({why})."
        " Choose another version, or start the app with its table."
    )


def flagged_by_course(scored: Scored, threshold: float) -> pd.DataFrame:
    """Count who would be flagged in each course.

    Parameters
    ----------
    scored : Scored
        The students.
    threshold : float
        The probability at and above which a student is flagged.

    Returns
    -------
    courses : DataFrame
        course, n_students and flagged, the most flagged first.
    """
    each = pd.DataFrame(
        {"course": scored.courses, "flagged": scored.probability >= threshold}
    )
    found = each.groupby("course", sort=True)["flagged"].agg(["size", "sum"])
    found = found.reset_index().set_axis(["course", "n_students", "flagged"], axis=1)
    found = found.astype({"n_students": "int64", "flagged": "int64"})
    order = found["flagged"].sort_values(ascending=False, kind="stable").index
    return found.loc[order].reset_index(drop=True)


def explained_rows(record: ModelRecord) -> int:
    """Say how many rows of a version can be explained within seconds.

    Parameters
    ----------
    record : ModelRecord
        Of the version.

    Returns
    -------
    n_rows : int
    """
    if record.algorithm in _FORESTS:
        return _FOREST_ROWS
    return _ROWS.get(record.algorithm, _OTHER_ROWS)


def importance_of(
    model: Any, table: pd.DataFrame, rows: IntArray, n_rows: int
) -> Importance:
    """Give the features that weigh most in the scores of some rows.

    Parameters
    ----------
    model : classifier
        A version's.
    table : DataFrame
        What it reads.
    rows : ndarray of shape (n_histories,)
        Of `Scored`.
    n_rows : int
        How many of them at most, drawn the same way each time.

    Returns
    -------
    importance : Importance

    Raises
    ------
    MissingExtraError
        If the classifier is one that only shap can explain, and it is not installed.
    """
    explained = _draw(rows, n_rows)
    explanation = explain(model, table, rows=explained, progress=False)
    weights = explanation.importance()
    return _ranked(weights, explanation.scale, len(explained))


def own_importance(model: Any) -> Importance | None:
    """Give the weights that a model keeps itself, without any table.

    Parameters
    ----------
    model : classifier
        A version's.

    Returns
    -------
    importance : Importance or None
        None of a model that keeps none.
    """
    pipeline = getattr(model, "pipeline_", model)
    steps = [step for _, step in getattr(pipeline, "steps", [("", pipeline)])]
    weights = getattr(steps[-1], "feature_importances_", None)
    if weights is None:
        return None
    values = np.asarray(weights, dtype=np.float64)
    names = _feature_names(steps, len(values))
    if not values.sum() > 0:
        return None
    share = pd.Series(values / values.sum(), index=names)
    ranked = share.sort_values(ascending=False, kind="stable")
    return _ranked(ranked, "model", 0)


def points_of(
    model: Any, table: pd.DataFrame, scored: Scored, importance: Importance
) -> Points | None:
    """Give the scores over the three features that weigh most.

    Parameters
    ----------
    model : RiskClassifier or what it deploys
        A version's.
    table : DataFrame
        What it reads.
    scored : Scored
        Its latest rows.
    importance : Importance
        Of the same model.

    Returns
    -------
    points : Points or None
        None of a model with fewer than three features that are known by name.
    """
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
    random = np.random.default_rng(0)  # the same ones at each look
    kept = np.sort(random.choice(len(rows), limit, replace=False))
    return rows[kept]


def _feature_names(steps: list[Any], n_features: int) -> list[str]:
    for step in reversed(steps[:-1]):
        if hasattr(step, "get_feature_names_out"):
            names = [str(name) for name in step.get_feature_names_out()]
            if len(names) == n_features:
                return names
    names = [str(name) for name in getattr(steps[-1], "feature_names_in_", [])]
    return names or [str(place) for place in range(n_features)]
