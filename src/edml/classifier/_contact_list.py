"""score_students: a list of the students to contact, with reasons."""

from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from edml._messages import coded
from edml.classifier._thresholds import Capacity
from edml.datasets import as_of
from edml.exceptions import TableError
from edml.explanation import explain, history_facts
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    BoolArray,
    FloatArray,
    columns_of,
    is_event_table,
    read_partitions,
    step_parameter,
)

_FOR_PEOPLE = ("legajo", "course_name")
_LISTS = ("reasons", "reason_features", "facts")
_COMPUTED = ("probability", "flagged", "change", *_LISTS)


class ContactList(pd.DataFrame):
    """A DataFrame that a notebook shows with reasons and facts in full."""

    @property
    def _constructor(self) -> "type[ContactList]":
        return ContactList

    def _repr_html_(self) -> str | None:
        shown = pd.DataFrame(self)
        for name in shown.columns.intersection(list(_LISTS)):
            cells = [
                "; ".join(one) if isinstance(one, list) else one for one in shown[name]
            ]
            shown = shown.assign(**{name: cells})
        with pd.option_context("display.max_colwidth", None):
            html: str | None = shown._repr_html_()
        return html


def score_students(
    model: Any,
    X: pd.DataFrame,
    *,
    at: float | None,
    since: float | None,
    capacity: int | Capacity | None,
    language: str,
    n_reasons: int,
) -> pd.DataFrame:
    """Return one row per student and course; see `RiskClassifier.score_students`."""
    names = columns_of(model)
    if not is_event_table(X, names):
        message = (
            "score_students needs an event table, with the columns of student, course "
            "and partition. Map their names with columns= in the pipeline's steps."
        )
        raise TableError(message)
    _check_result(names)
    _check_moments(at, since)
    n_reasons = _whole(n_reasons, "n_reasons")
    days = float(step_parameter(model, "partition_days", 1.0))
    known = partial(as_of, X, columns=names, partition_days=days)
    table = X if at is None else known(at)
    if not len(table):
        message = coded("no_rows", "X has no row. Pass the events of some student.")
        if at is not None:
            late = f"X has no row up to partition {at}. Pass a later one as at=."
            message = coded("no_rows_yet", late, day=at)
        raise TableError(message)
    if n_reasons and not hasattr(model.pipeline_, "predict_proba"):
        message = (
            "Reasons need a classifier that gives probabilities (predict_proba), which "
            "the model's does not. Pass n_reasons=0 for a list without them."
        )
        raise ValueError(message)
    rows, probability = model.score_latest(table)
    chosen = table.iloc[rows]
    found = {
        name: chosen[names[name]].to_numpy()
        for name in (STUDENT, COURSE, *_FOR_PEOPLE)
        if names[name] in chosen.columns
    }
    students = pd.DataFrame(found)
    students[PARTITION] = read_partitions(chosen[names[PARTITION]])
    students["probability"] = probability
    if capacity is None:
        students["flagged"] = probability >= model.threshold_
    else:
        places = capacity.per_course if isinstance(capacity, Capacity) else capacity
        k = _whole(places, "capacity")
        students["flagged"] = _most_at_risk(probability, students[COURSE], k)
    students["change"] = np.nan
    if since is not None:
        change = probability - _earlier(model, known(since), students, names)
        # without a later row, the change is unknown
        students["change"] = np.where(students[PARTITION] <= since, np.nan, change)
    order = np.argsort(-probability, kind="stable")
    students = students.iloc[order].reset_index(drop=True)
    if n_reasons:
        ranked = rows[order]
        explanation = explain(model, table, rows=ranked)
        students["reasons"] = explanation.reasons(n_reasons, language).to_list()
        students["reason_features"] = explanation.reason_features(n_reasons).to_list()
        students["facts"] = history_facts(
            table,
            ranked,
            columns=names,
            partition_days=days,
            language=language,
        )
    # back to the names of the table
    return ContactList(students.rename(columns=names))


def _check_result(names: Mapping[str, str]) -> None:
    for name in (STUDENT, COURSE, PARTITION, *_FOR_PEOPLE):
        if names[name] in _COMPUTED:
            message = (
                f"columns maps {name!r} to {names[name]!r}, which is a column of the "
                f"list that score_students makes, as are {list(_COMPUTED)}. Rename it."
            )
            raise ValueError(message)


def _check_moments(at: float | None, since: float | None) -> None:
    for name, moment in (("at", at), ("since", since)):
        if moment is not None:
            check_scalar(moment, name, Real)
            if np.isnan(moment):
                message = f"{name} must be a partition; found {moment!r}."
                raise ValueError(message)
    if at is not None and since is not None and since >= at:
        message = f"since must be before at; found since={since!r} and at={at!r}."
        raise ValueError(message)


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        message = f"{name} must be a whole number from 0 on; found {value!r}."
        raise ValueError(message)
    return int(value)


def _earlier(
    model: Any,
    table: pd.DataFrame,
    students: pd.DataFrame,
    names: Mapping[str, str],
) -> FloatArray:
    """Return each student's probability in an earlier table, or NaN."""
    if not len(table):
        return np.full(len(students), np.nan)
    rows, probability = model.score_latest(table)
    before = pd.Series(
        probability,
        index=_histories(table.iloc[rows], names[STUDENT], names[COURSE]),
    )
    now = _histories(students, STUDENT, COURSE)
    return before.reindex(now).to_numpy(dtype=np.float64)


def _histories(table: pd.DataFrame, student: str, course: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays(
        [table[student].astype(object), table[course].astype(object)]
    )


def _most_at_risk(probability: FloatArray, courses: pd.Series, k: int) -> BoolArray:
    """Flag the k highest of each course; ties go to the first."""
    order = np.argsort(-probability, kind="stable")
    place = courses.iloc[order].groupby(courses.iloc[order], sort=False).cumcount()
    flagged = np.zeros(len(probability), dtype=np.bool_)
    flagged[order] = place.to_numpy() < k
    return flagged
