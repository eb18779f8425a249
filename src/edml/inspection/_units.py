"""EvaluationUnits: one label and one prediction per unit that an evaluation counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import column_or_1d

from edml._sklearn import check_aligned, num_samples
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    PARTITION,
    PERIOD,
    STUDENT,
    BoolArray,
    FloatArray,
    IntArray,
    Occupancy,
    check_array_like,
    check_outcomes,
    check_table,
    columns_of,
    count_occupancy,
    fail_column,
    fingerprint,
    first_rows,
    history_codes,
    is_event_table,
    rank_keys,
    read_outcomes,
    read_partitions,
    read_periods,
    snapshot_codes,
)


@dataclass(frozen=True, eq=False)
class CourseUnits:
    """The course, history and day of each snapshot; arrays of shape (n_units,)."""

    courses: IntArray  # codes into labels
    labels: list[str]
    names: list[str | None] | None  # for people to read; None without the column
    histories: IntArray  # a code for each student in a course
    partitions: IntArray
    occupancy: Occupancy  # days for which each snapshot is the latest


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationUnits:
    """The units that an evaluation counts, with their labels and predictions.

    On an event table the unit is the snapshot, the first row of each student, course
    and partition; on any other table it is the row. The order of the units does not
    depend on the order of the rows. ``rows`` are their positions in ``X``; ``students``
    and ``clusters`` (what is resampled together) are codes from 0 without gaps.
    """

    __module__ = "edml.inspection"

    X: Any
    columns: Mapping[str, str]
    row_labels: IntArray  # 1 for each row of the positive class, else 0
    rows: IntArray
    y_true: BoolArray
    y_prob: FloatArray
    students: IntArray
    clusters: IntArray
    course: CourseUnits | None  # None on tables without events

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        fail_label: Any = None,
    ) -> Self:
        """Predict once, and collect the units; parameters as those of `evaluate`."""
        check_array_like(X)
        if num_samples(X) == 0:
            message = (
                "X needs at least one row to evaluate; found none. Check how the test "
                "rows were selected."
            )
            raise ValueError(message)
        check_aligned(X, y=y)
        columns = columns_of(model)
        y_true = _read_labels(model, y, fail_label)
        if is_event_table(X, columns):  # before the model takes its time
            check_outcomes(y_true, *first_rows(snapshot_codes(X, columns)))
        y_prob = predict_risk(model, X, fail_label)
        return cls.from_predictions(X, y_true, y_prob, columns=columns, groups=groups)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: BoolArray,
        y_prob: FloatArray,
        *,
        columns: Mapping[str, str],
        groups: ArrayLike | None = None,
    ) -> Self:
        """Collect the units of rows whose probability is known."""
        clusters = None if groups is None else _read_groups(X, groups)
        if is_event_table(X, columns):
            kept, _ = first_rows(snapshot_codes(X, columns))
            found = _order_snapshots(X.iloc[kept], columns, kept, clusters)
        else:
            if (
                clusters is None
                and isinstance(X, pd.DataFrame)
                and columns[STUDENT] in X.columns
            ):
                clusters = rank_keys(check_table(X)[columns[STUDENT]])
            found = _order_rows(y_true, y_prob, clusters)
        rows = found["rows"]
        return cls(
            X=X,
            columns=columns,
            row_labels=y_true.astype(np.int64),
            y_true=y_true[rows],
            y_prob=y_prob[rows],
            **found,
        )

    def fingerprint(self) -> str:
        """Hash the rows with their labels (as classes), whatever their order."""
        return fingerprint(self.X, self.row_labels)

    def __repr__(self) -> str:
        return (
            f"EvaluationUnits(n_units={len(self.rows)}, "
            f"n_students={len(np.unique(self.students))})"
        )


def own_threshold(model: Any) -> float:
    """Return the probability at and above which a model flags, 0.5 by default."""
    if not hasattr(model, "threshold_") and hasattr(model, "best_estimator_"):
        return own_threshold(model.best_estimator_)
    return float(getattr(model, "threshold_", 0.5))


def _order_snapshots(
    table: pd.DataFrame,
    columns: Mapping[str, str],
    kept: IntArray,
    clusters: IntArray | None,
) -> dict[str, Any]:
    """Sort snapshots (the rows ``kept`` of X) by student, course and partition."""
    students = rank_keys(table[columns[STUDENT]])
    courses = rank_keys(table[columns[COURSE]])
    partitions = read_partitions(table[columns[PARTITION]])
    order = np.lexsort((partitions, courses, students))
    rows, students, courses = kept[order], students[order], courses[order]
    partitions = partitions[order]
    _, first = np.unique(courses, return_index=True)
    labels = table[columns[COURSE]].iloc[order[first]]
    histories = history_codes(pd.Series(students), pd.Series(courses))
    return {
        "rows": rows,
        "students": students,
        "clusters": students if clusters is None else _close_gaps(clusters[rows]),
        "course": CourseUnits(
            courses=courses,
            labels=[str(label) for label in labels],
            names=_read_course_names(table, columns, order[first]),
            histories=histories,
            partitions=partitions,
            occupancy=count_occupancy(histories, courses, partitions),
        ),
    }


def _read_course_names(
    table: pd.DataFrame, columns: Mapping[str, str], rows: IntArray
) -> list[str | None] | None:
    column = columns.get("course_name", "course_name")
    if column not in table.columns:
        return None
    names = table[column].iloc[rows].astype("str")
    period = columns.get(PERIOD, PERIOD)
    if period in table.columns:  # distinguish the runs of a course
        written = _write_periods(table[period].iloc[rows])
        names = names.where(~names.duplicated(keep=False), names + written)
    return [None if pd.isna(name) else str(name) for name in names]


def _write_periods(column: pd.Series) -> pd.Series:
    """Return a comma and each period; nothing for one that is not known."""
    try:
        codes, found, _ = read_periods(column)
    except TableError:  # other columns decide whether the table can be evaluated
        return pd.Series("", index=column.index, dtype="str")
    texts = [f", {found[code]}" if code >= 0 else "" for code in codes]
    return pd.Series(texts, index=column.index, dtype="str")


def _order_rows(
    y_true: BoolArray, y_prob: FloatArray, clusters: IntArray | None
) -> dict[str, Any]:
    # Rows that agree in all of these are interchangeable; their order does not matter.
    owner = np.zeros(len(y_true), dtype=np.int64) if clusters is None else clusters
    rows = np.lexsort((y_true, y_prob, owner))
    students = np.arange(len(rows)) if clusters is None else owner[rows]
    return {"rows": rows, "students": students, "clusters": students, "course": None}


def _read_labels(model: Any, y: ArrayLike, fail_label: Any) -> BoolArray:
    """Return which rows belong to the class that means failing."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        message = (
            f"{type(model).__name__} has no classes_, so it is not a fitted "
            "classifier. Fit it on training rows first."
        )
        raise NotFittedError(message)
    classes = np.asarray(classes)
    if classes.shape != (2,):
        message = (
            "An evaluation needs a classifier of two classes; the model's classes_ has "
            f"the shape {classes.shape}. Train it on labels with passes and fails."
        )
        raise ValueError(message)
    return read_outcomes(model, y, fail_label) == 1


def _read_groups(X: Any, groups: ArrayLike) -> IntArray:
    check_aligned(X, groups=groups)
    ids = groups if isinstance(groups, pd.Series) else column_or_1d(groups)
    return rank_keys(pd.Series(ids, name="groups"))


def _close_gaps(codes: IntArray) -> IntArray:
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def predict_risk(model: Any, X: Any, fail_label: Any = None) -> FloatArray:
    """Return the checked probability of failing for each row."""
    name = type(model).__name__
    if not hasattr(model, "predict_proba"):
        message = (
            f"The model needs predict_proba; {name} has none. Pass a fitted "
            "classifier, or a pipeline that ends in one."
        )
        raise TypeError(message)
    every: FloatArray = np.asarray(model.predict_proba(X), dtype=np.float64)
    expected = (num_samples(X), 2)
    if every.shape != expected:
        message = (
            f"predict_proba of {name} needs the shape {expected}, one row per row of "
            f"X and one column per class; found {every.shape}. Check the model."
        )
        raise ValueError(message)
    y_prob = every[:, fail_column(model, fail_label)]
    bad = int((~((y_prob >= 0) & (y_prob <= 1))).sum())
    if bad:
        message = (
            f"predict_proba of {name} needs fractions in [0, 1]; {bad} of "
            f"{len(y_prob)} rows are NaN or outside. Check the classifier, and whether "
            "it can read its input."
        )
        raise ValueError(message)
    return y_prob
