"""predict_events: from an event table to what the endpoint answers."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from edml.classifier._units import latest_rows
from edml.exceptions import TableError
from edml.explanation import explain as explain_rows
from edml.explanation import history_facts
from edml.schema import (
    COURSE,
    NAME_COLUMNS,
    STUDENT,
    IntArray,
    columns_of,
    history_codes,
)
from edml.serving._problem import Problem, refuse_table
from edml.serving._scorer import Scorer, Scores

LANGUAGES = ("en", "es")
_N_REASONS = 3  # as score_students has it
#: Events of a history, squared, summed over the histories: 5 seconds on one core.
_MOST_WORK = 10**9
_SECONDS_AT_ONCE = 1.0  # between two looks at the clock, where reasons are slow


def predict_events(
    model: Any,
    X: pd.DataFrame,
    *,
    version: int,
    name: str = "risk",
    explain: bool = False,
    language: str = "en",
    deadline: float | None = None,
) -> dict[str, Any]:
    """Score the students of an event table.

    Parameters
    ----------
    model : classifier or Scorer
        What a registry loads.
    X : DataFrame
        From `read_events`.
    version : int
        The model's, in its registry.
    name : str, default="risk"
        The registry's.
    explain : bool, default=False
        Whether to give reasons and facts.
    language : {"en", "es"}, default="en"
        Of the reasons and facts.
    deadline : float, default=None
        The moment of `time.monotonic` after which to give up.

    Returns
    -------
    answer : dict
        ``model``, ``predictions`` (one per student and course, the highest
        probability first) and ``predicted_probability`` (of each student; None for
        one in several courses), as JSON can hold them.

    Raises
    ------
    Problem
        If the table cannot be scored, or not in time; it names columns and rows, and
        never a value.
    """
    scorer = model if isinstance(model, Scorer) else Scorer(model)
    _check_work(X, scorer.columns)
    check_time(deadline)
    scores = _attempt(lambda: scorer(X))
    if not (np.abs(scores.probabilities - 0.5) <= 0.5).all():  # NaN too
        raise _no_scores()
    check_time(deadline)
    threshold = float(scorer.model.threshold_)
    predictions = [
        {
            "user_uuid": student,
            "course_uuid": course,
            "partition": partition,
            "probability": probability,
            "flagged": probability >= threshold,
            "threshold": threshold,
        }
        for student, course, partition, probability in zip(
            *(values.tolist() for values in scores), strict=True
        )
    ]
    if explain:
        told = _explain(scorer.model, X, scores, language, deadline)
        for prediction, (reasons, facts) in zip(predictions, told, strict=True):
            prediction |= {"reasons": reasons, "facts": facts}
    return {
        "model": {"name": name, "version": version},
        "predictions": predictions,
        "predicted_probability": _by_student(predictions),
    }


def check_time(deadline: float | None) -> None:
    """Give up after the deadline.

    Parameters
    ----------
    deadline : float or None
        The moment of `time.monotonic`; None is never.

    Raises
    ------
    Problem
        If it has passed.
    """
    if deadline is not None and time.monotonic() > deadline:
        detail = (
            "Expected a request that can be answered in time; this one takes too long. "
            "Send the students in several requests, each with all of a student's "
            "events, or leave explain out."
        )
        raise Problem(413, "too-slow", detail)


def _check_work(X: pd.DataFrame, columns: Any) -> None:
    """Refuse histories whose features would take minutes.

    The work grows with the square of a history's events.
    """
    if (len(NAME_COLUMNS) * len(X)) ** 2 <= _MOST_WORK:
        return
    named = np.sum([X[columns[name]].notna() for name in NAME_COLUMNS], axis=0)
    try:
        histories = history_codes(X[columns[STUDENT]], X[columns[COURSE]])
    except TableError as error:
        raise refuse_table(error) from error
    events = np.bincount(histories, named)
    if float(events @ events) > _MOST_WORK:
        detail = (
            f"Expected the events of students in courses; found {int(events.max()):,} "
            "exams, assignments and submissions of one student in one course, or "
            "nearly so many of several. Check the ids, and send fewer students at once."
        )
        raise Problem(413, "too-many-events", detail)


def _attempt(score: Callable[[], Any]) -> Any:
    """Score, and tell what of the table is at fault."""
    try:
        return score()
    except TableError as error:
        raise refuse_table(error) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise _no_scores() from error  # scikit-learn's texts may quote values


def _no_scores() -> Problem:
    detail = (
        "Expected events that the model can score; found grades, scores or dates that "
        "are too large, too close to zero, or of a kind that it has not seen. Compare "
        "the table with one that was scored before."
    )
    return Problem(422, "not-scored", detail)


def _by_student(predictions: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for prediction in predictions:
        student = str(prediction["user_uuid"])
        known = student in found
        found[student] = None if known else prediction["probability"]
    return found


def _explain(
    model: Any,
    X: pd.DataFrame,
    scores: Scores,
    language: str,
    deadline: float | None,
) -> list[tuple[list[str], list[str]]]:
    """Give the reasons and facts of each entry, as `score_students` does."""
    names = columns_of(model)
    if not hasattr(model.pipeline_, "predict_proba"):
        detail = (
            "Expected a model that gives probabilities; the champion's classifier "
            "gives none, and cannot be explained. Leave explain out."
        )
        raise Problem(422, "no-reasons", detail)
    rows = _rows_of(X, scores, names)
    facts = _attempt(
        lambda: history_facts(
            X,
            rows,
            columns=names,
            partition_days=_partition_days(model),
            language=language,
        )
    )
    reasons: list[list[str]] = []
    size = 8
    while len(reasons) < len(rows):
        check_time(deadline)
        begun = time.monotonic()
        some = rows[len(reasons) : len(reasons) + size]
        reasons += _attempt(partial(_reasons, model, X, some, language))
        seconds = max(time.monotonic() - begun, 1e-3)
        size = max(1, min(4 * size, int(size * _SECONDS_AT_ONCE / seconds)))
    return list(zip(reasons, facts, strict=True))


def _reasons(
    model: Any, X: pd.DataFrame, rows: IntArray, language: str
) -> list[list[str]]:
    with np.errstate(all="ignore"):
        explanation = explain_rows(model, X, rows=rows, progress=False)
        return cast(
            "list[list[str]]", explanation.reasons(_N_REASONS, language).to_list()
        )


def _rows_of(X: pd.DataFrame, scores: Scores, names: Any) -> IntArray:
    """Give the row of X that each entry stands for."""
    rows = latest_rows(X, names)
    keys = zip(
        X[names[STUDENT]].to_numpy()[rows].tolist(),
        X[names[COURSE]].to_numpy()[rows].tolist(),
        strict=True,
    )
    place = dict(zip(keys, rows.tolist(), strict=True))
    entries = zip(scores.students.tolist(), scores.courses.tolist(), strict=True)
    return np.array([place[entry] for entry in entries], dtype=np.int64)


def _partition_days(model: Any) -> float:
    pipeline = model.pipeline_
    steps = pipeline.steps if isinstance(pipeline, Pipeline) else []
    stated = (getattr(step, "partition_days", None) for _, step in steps)
    return next((float(days) for days in stated if days is not None), 1.0)
