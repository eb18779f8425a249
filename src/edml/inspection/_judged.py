"""What is judged: one label and one probability per unit, and whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import column_or_1d

from edml._sklearn import num_samples
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    BoolArray,
    FloatArray,
    IntArray,
    Occupancy,
    check_outcomes,
    check_table,
    columns_of,
    count_occupancy,
    first_rows,
    history_codes,
    is_event_table,
    rank_keys,
    read_partitions,
    snapshot_codes,
)


@dataclass(frozen=True)
class Course:
    """Where in which course each snapshot lies; on event tables alone.

    Attributes
    ----------
    courses : ndarray of shape (n_units,)
        Codes into ``labels``.
    labels : list of str
        The courses.
    histories : ndarray of shape (n_units,)
        Equal for one student in one course, and only then.
    partitions : ndarray of shape (n_units,)
        The course days.
    occupancy : Occupancy
        On how many days each snapshot stands.
    """

    courses: IntArray
    labels: list[str]
    histories: IntArray
    partitions: IntArray
    occupancy: Occupancy


@dataclass(frozen=True)
class Judged:
    """Units in an order that does not depend on the order of the rows.

    Attributes
    ----------
    rows : ndarray of shape (n_units,)
        The row of ``X`` that stands for each unit.
    fails : ndarray of shape (n_units,)
        Whether its label is the positive class.
    probability : ndarray of shape (n_units,)
        What the model gives it.
    students, clusters : ndarray of shape (n_units,)
        Whom it counts for, and with whom it is drawn; from 0, without gaps.
    course : Course or None
        None on plain tables.
    labels : ndarray of shape (n_rows,)
        1 in each row of the table that is of the positive class, else 0.
    """

    rows: IntArray
    fails: BoolArray
    probability: FloatArray
    students: IntArray
    clusters: IntArray
    course: Course | None
    labels: IntArray


def judge(model: Any, X: Any, y: ArrayLike, groups: ArrayLike | None) -> Judged:
    """Let the model predict once, and give the units with their labels.

    Parameters
    ----------
    model : estimator
        A fitted binary classifier.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        What it is judged on.
    y : array-like of shape (n_rows,)
        The labels, in the classes of the model.
    groups : array-like of shape (n_rows,) or None
        The cluster of each row.

    Returns
    -------
    judged : Judged
        The units.

    Raises
    ------
    ValueError
        If ``X`` has no row.
    """
    if num_samples(X) == 0:
        message = (
            "X needs at least one row to be judged on; found none. Check what selected "
            "the test rows."
        )
        raise ValueError(message)
    check_consistent_length(X, y)
    names = columns_of(model)
    fails = _read_labels(model, y)
    clusters = None if groups is None else _read_groups(X, groups)
    if is_event_table(X, names):
        kept, place = first_rows(snapshot_codes(X, names))
        check_outcomes(fails, kept, place)
        probability = _predict(model, X)
        return _judge_snapshots(X, names, kept, fails, probability, clusters)
    if clusters is None and isinstance(X, pd.DataFrame) and names[STUDENT] in X.columns:
        clusters = rank_keys(check_table(X)[names[STUDENT]])
    return _judge_rows(fails, _predict(model, X), clusters)


def _judge_snapshots(
    X: pd.DataFrame,
    names: Mapping[str, str],
    kept: IntArray,
    fails: BoolArray,
    probability: FloatArray,
    clusters: IntArray | None,
) -> Judged:
    table = X.iloc[kept]
    students = rank_keys(table[names[STUDENT]])
    courses = rank_keys(table[names[COURSE]])
    partitions = read_partitions(table[names[PARTITION]])
    order = np.lexsort((partitions, courses, students))
    rows, students, courses = kept[order], students[order], courses[order]
    _, first = np.unique(courses, return_index=True)
    course_column = X[names[COURSE]].iloc[rows]
    histories = history_codes(pd.Series(students), pd.Series(courses))
    partitions = partitions[order]
    return Judged(
        rows=rows,
        fails=fails[rows],
        probability=probability[rows],
        students=students,
        clusters=students if clusters is None else _close_gaps(clusters[rows]),
        course=Course(
            courses=courses,
            labels=[str(label) for label in course_column.iloc[first]],
            histories=histories,
            partitions=partitions,
            occupancy=count_occupancy(histories, courses, partitions),
        ),
        labels=fails.astype(np.int64),
    )


def _judge_rows(
    fails: BoolArray, probability: FloatArray, clusters: IntArray | None
) -> Judged:
    # Rows that agree in all of these are interchangeable: their order plays no part.
    owner = np.zeros(len(fails), dtype=np.int64) if clusters is None else clusters
    rows = np.lexsort((fails, probability, owner))
    clusters = np.arange(len(rows)) if clusters is None else owner[rows]
    labels = fails.astype(np.int64)
    return Judged(
        rows, fails[rows], probability[rows], clusters, clusters, None, labels
    )


def _read_labels(model: Any, y: ArrayLike) -> BoolArray:
    classes = getattr(model, "classes_", None)
    if classes is None:
        message = (
            f"{type(model).__name__} has no classes_, so it is no fitted classifier. "
            "Fit it on training rows first."
        )
        raise NotFittedError(message)
    classes = np.asarray(classes)
    if classes.shape != (2,):
        message = (
            f"evaluate judges classifiers of two classes; the model's classes_ has the "
            f"shape {classes.shape}. Train it on labels with passes and fails."
        )
        raise ValueError(message)
    labels = pd.Series(column_or_1d(y)).astype(object)
    # As objects, False is 0, 1.0 is 1, and a text is no number.
    present = labels.where(labels.notna(), None).to_numpy(dtype=object)
    passes, fails = (np.equal(present, label) for label in classes.tolist())
    fails = fails.astype(np.bool_)
    unknown = int((~fails & ~passes.astype(np.bool_)).sum())
    if unknown:
        message = (
            f"y needs the classes that the model was trained on, {classes.tolist()}; "
            f"{unknown} of {len(labels)} rows hold something else. Make y as for "
            "training, and drop the rows without a label."
        )
        raise ValueError(message)
    return fails


def _read_groups(X: Any, groups: ArrayLike) -> IntArray:
    check_consistent_length(X, groups)
    ids = groups if isinstance(groups, pd.Series) else column_or_1d(groups)
    return rank_keys(pd.Series(ids, name="groups"))


def _close_gaps(codes: IntArray) -> IntArray:
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _predict(model: Any, X: Any) -> FloatArray:
    every: FloatArray = np.asarray(model.predict_proba(X), dtype=np.float64)
    expected = (num_samples(X), 2)
    if every.shape != expected:
        message = (
            f"predict_proba needs the shape {expected}, one row per row of X and one "
            f"column per class; found {every.shape}. Check the model."
        )
        raise ValueError(message)
    probability = every[:, 1]
    bad = int((~((probability >= 0) & (probability <= 1))).sum())
    if bad:
        message = (
            f"predict_proba needs fractions in [0, 1]; {bad} of {len(probability)} "
            "rows are NaN or outside. Check the classifier, and its input for values "
            "that it has not learned to read."
        )
        raise ValueError(message)
    return probability
