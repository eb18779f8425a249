"""What a loaded model tells of single histories; slow to import."""

from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from edml.classifier._units import latest_rows
from edml.datasets import as_of
from edml.explanation import explain, history_facts
from edml.schema import COURSE, STUDENT, columns_of

_N_REASONS = 3  # as score_students has it


def explain_history(
    model: Any, X: pd.DataFrame, at: float, who: tuple[Any, Any], language: str
) -> tuple[list[str], list[str]]:
    """Give the reasons and facts of one history.

    Parameters
    ----------
    model : classifier
        What a registry loads.
    X : DataFrame
        The events that were scored: what is typical is drawn from all of them.
    at : float
        The partition as of whose end.
    who : tuple of (student, course)
        As the columns hold them.
    language : {"en", "es"}
        Of the texts.

    Returns
    -------
    reasons, facts : list of str
        Those of `RiskClassifier.score_students`; no reasons where the model's
        classifier gives no probabilities.
    """
    days = partition_days_of(model)
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
    explanation = explain(model, shown, rows=row, progress=False)
    (reasons,) = explanation.reasons(_N_REASONS, language)
    return reasons, facts


def partition_days_of(model: Any) -> float:
    """Give the length of a partition, as a model's pipeline states it.

    Parameters
    ----------
    model : classifier
        What a registry loads.

    Returns
    -------
    days : float
        1 where it states none.
    """
    return next((float(days) for days in _stated(model, "partition_days")), 1.0)


def pending_of(model: Any) -> str:
    """Give how a model's pipeline counts submissions that wait for a grade.

    Parameters
    ----------
    model : classifier
        What a registry loads.

    Returns
    -------
    pending : {"missing", "zero"}
    """
    return next((str(pending) for pending in _stated(model, "pending")), "missing")


def _stated(model: Any, name: str) -> list[Any]:
    pipeline = model.pipeline_
    steps = pipeline.steps if isinstance(pipeline, Pipeline) else []
    stated = [getattr(step, name, None) for _, step in steps]
    return [value for value in stated if value is not None]
