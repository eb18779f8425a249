"""Score an event table: from a DataFrame to the response, without HTTP."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pandas as pd

from edml._words import count
from edml.datasets import as_of
from edml.exceptions import TableError
from edml.explanation import explain as explain_rows
from edml.explanation import history_facts
from edml.feature_extraction import FeatureEngineer, HistoryFeatures
from edml.pipeline import split_per_history
from edml.preprocessing import DataCleaner
from edml.registry import make_probe
from edml.schema import (
    COLUMNS,
    COURSE,
    NAME_COLUMNS,
    PARTITION,
    PERIOD,
    STUDENT,
    FloatArray,
    IntArray,
    columns_of,
    history_codes,
    read_partitions,
    step_parameter,
    work_columns,
)
from edml.serving._problem import Problem, refuse_table

_N_REASONS = 3  # as in score_students
#: Events of a history, squared, summed over the histories: 5 seconds on one core.
_MOST_WORK = 10**9
_NO_ROWS = np.empty(0, dtype=np.int64)
_SECONDS_AT_ONCE = 1.0  # between two checks of the clock, if reasons are slow


class Scorer:
    """A model that has scored synthetic students, and the columns that it reads.

    Errors of the model on them propagate: such a model is not served.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.columns = _columns_read(model)  # canonical to actual names
        trial = make_probe(model)
        rows, probabilities = self(trial)
        if not _are_probabilities(probabilities):
            raise ValueError(
                "Expected probabilities in [0, 1] for made-up students; the model gave "
                "others. Fit and register it again."
            )
        # the first explanation imports much, and may compile; what fails here is
        # answered when somebody asks for reasons
        with suppress(Exception):
            _explain(model, trial, rows[:1], "en", None)

    def __call__(self, X: pd.DataFrame) -> tuple[IntArray, FloatArray]:
        """Return the latest row of each history and its probability of failing."""
        with np.errstate(all="ignore"):
            rows, probabilities = self.model.score_latest(X)
        return rows, probabilities


def _columns_read(model: Any) -> dict[str, str]:
    names = columns_of(model)
    front, _ = split_per_history(model.pipeline_)
    steps = [step for _, step in front.steps] if front is not None else []
    kinds = {*map(type, steps)}
    seen = [str(name) for name in getattr(model, "feature_names_in_", ())]
    own = {FeatureEngineer, HistoryFeatures}
    if kinds & own and kinds <= {DataCleaner, *own}:
        work = work_columns(seen or [*names.values()], names)
        static = getattr(steps[-1], "static", None)
        about = [*static.numeric, *static.categorical] if static is not None else []
        more = {PERIOD} if DataCleaner in kinds else set()
        more |= {"ass_weight"} if HistoryFeatures in kinds else set()
        work |= {
            name: actual
            for name, actual in names.items()
            if actual in about or (name in more and actual in seen)
        }
        return work | {name: name for name in getattr(steps[-1], "extra_columns", ())}
    # steps of other libraries may read any column seen in fit
    known = {*COLUMNS, *names.values()}
    return {**names, **{name: name for name in seen if name not in known}}


def _are_probabilities(values: FloatArray) -> bool:
    return bool((np.abs(values - 0.5) <= 0.5).all())  # False for NaN


def predict_events(
    scorer: Scorer,
    X: pd.DataFrame,
    *,
    version: int,
    name: str = "risk",
    at: int | None = None,
    explain: bool = False,
    language: str = "en",
    deadline: float | None = None,
) -> dict[str, Any]:
    """Return the response for a table of `read_body`, in JSON form.

    Predictions are those at the end of course day ``at``, the highest probability
    first. ``deadline`` is a moment of `time.monotonic`; after it, and for a table that
    cannot be scored, raise a Problem.
    """
    names = scorer.columns
    _check_work(X, names)
    check_time(deadline)
    notes = [*X.attrs.get("notes", ())]
    with _refusals():
        if at is not None:
            X = _at(X, at, scorer, notes)
        rows, probabilities = scorer(X) if len(X) else (_NO_ROWS, np.empty(0))
    if not _are_probabilities(probabilities):
        raise _not_scored()
    check_time(deadline)
    order = np.argsort(-probabilities, kind="stable")
    rows = rows[order]
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
            X[names[STUDENT]].to_numpy()[rows].tolist(),
            X[names[COURSE]].to_numpy()[rows].tolist(),
            read_partitions(X[names[PARTITION]])[rows].tolist(),
            probabilities[order].tolist(),
            strict=True,
        )
    ]
    if explain:
        explained = _explain(scorer.model, X, rows, language, deadline)
        for prediction, (reasons, facts) in zip(predictions, explained, strict=True):
            prediction |= {"reasons": reasons, "facts": facts}
    return {
        "model": {"name": name, "version": version},
        "predictions": predictions,
        "predicted_probability": _by_student(predictions),
        **({"notes": notes} if notes else {}),
    }


def _at(X: pd.DataFrame, at: int, scorer: Scorer, notes: list[str]) -> pd.DataFrame:
    """Return the events as known at the end of a day; note who has none by then."""
    keys = [scorer.columns[name] for name in (STUDENT, COURSE)]
    days = float(step_parameter(scorer.model, "partition_days", 1.0))
    shown = as_of(X, at, columns=columns_of(scorer.model), partition_days=days)
    n_absent = len(X[keys].drop_duplicates()) - len(shown[keys].drop_duplicates())
    if n_absent:
        notes.append(
            f"Left out {count(n_absent, 'student')} of a course without an event up to "
            f"day {at}."
        )
    return shown


def check_time(deadline: float | None) -> None:
    """Raise a Problem after the deadline, a moment of `time.monotonic`."""
    if deadline is not None and time.monotonic() > deadline:
        detail = (
            "Expected a request that can be answered in time; this one takes too long. "
            "Send the students in several requests, each with all of a student's "
            "events, or leave explain out."
        )
        raise Problem(413, "too-slow", detail)


def _check_work(X: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Reject histories whose features would take minutes.

    The work grows with the square of a history's events.
    """
    if (len(NAME_COLUMNS) * len(X)) ** 2 <= _MOST_WORK:
        return
    read = [columns[name] for name in NAME_COLUMNS if columns.get(name) in X.columns]
    named = np.sum([X[name].notna() for name in read], axis=0)
    with _refusals():
        histories = history_codes(X[columns[STUDENT]], X[columns[COURSE]])
    events = np.bincount(histories, named)
    if float(events @ events) > _MOST_WORK:
        detail = (
            f"Expected the events of students in courses; found {int(events.max()):,} "
            "exams, assignments and submissions of one student in one course, or "
            "nearly so many of several. Check the ids, and send fewer students at once."
        )
        raise Problem(413, "too-many-events", detail)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn the errors of a table that cannot be scored into problems."""
    try:
        with np.errstate(all="ignore"):
            yield
    except TableError as error:
        raise refuse_table(error) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise _not_scored() from error  # scikit-learn's messages may quote values


def _not_scored() -> Problem:
    detail = (
        "Expected events that the model can score; found grades, scores or dates that "
        "are too large, too close to zero, or of a kind that the model has not seen. "
        "Compare the table with one that was scored before."
    )
    return Problem(422, "not-scored", detail)


def _by_student(predictions: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Return the probability of each student; None for one in several courses."""
    found: dict[str, float | None] = {}
    for prediction in predictions:
        student = str(prediction["user_uuid"])
        found[student] = None if student in found else prediction["probability"]
    return found


def _explain(
    model: Any, X: pd.DataFrame, rows: IntArray, language: str, deadline: float | None
) -> list[tuple[list[str], list[str]]]:
    """Return the reasons and facts of rows, as `score_students` does."""
    if not hasattr(model.pipeline_, "predict_proba"):
        detail = (
            "Expected a model that gives probabilities; the champion's classifier "
            "gives none, and cannot be explained. Leave explain out."
        )
        raise Problem(422, "no-reasons", detail)
    with _refusals():
        facts = history_facts(
            X,
            rows,
            columns=columns_of(model),
            partition_days=float(step_parameter(model, "partition_days", 1.0)),
            language=language,
        )
    reasons: list[list[str]] = []
    size = 4
    while len(reasons) < len(rows):
        check_time(deadline)
        begun = time.monotonic()
        some = rows[len(reasons) : len(reasons) + size]
        with _refusals():
            explanation = explain_rows(model, X, rows=some, progress=False)
            reasons += explanation.reasons(_N_REASONS, language).to_list()
        if time.monotonic() - begun < _SECONDS_AT_ONCE / 4:
            size *= 4
    return list(zip(reasons, facts, strict=True))
